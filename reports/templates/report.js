"use strict";
(() => {
  const get = id => document.getElementById(id);
  for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
  const put = async text => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  for (const button of document.querySelectorAll(".copy"))
    button.addEventListener("click", async () => {
      await put(button.previousElementSibling.textContent);
      button.textContent = "Copied";
    });
  const dialog = get("enlarged"), large = document.createElement("img");
  if (dialog) dialog.querySelector("button").append(large);
  for (const button of document.querySelectorAll(".enlarge"))
    button.addEventListener("click", () => {
      const image = button.querySelector("img");
      [large.src, large.alt] = [image.src, image.alt];
      dialog.showModal();
    });
  const groups = [...document.querySelectorAll(".group")];
  if (!groups.length) return;
  const items = groups.flatMap(group => [...group.querySelectorAll(".item")].map((element, number) => ({
    element, group, number, list: element.parentElement,
    key: element.querySelector(".key").textContent,
    source: element.querySelector(".source").textContent,
    text: element.textContent.toLowerCase(),
    score: element.dataset.score === "" ? -1 : Number(element.dataset.score),
  })));
  for (const [id, name] of [["by-group", "group"], ["by-verdict", "verdict"]])
    for (const value of new Set(groups.map(group => group.dataset[name])))
      get(id).append(new Option(value, value));
  const orders = {
    "": (a, b) => a.number - b.number,
    score: (a, b) => b.score - a.score || a.number - b.number,
    key: (a, b) => a.key.localeCompare(b.key),
    source: (a, b) => a.source.localeCompare(b.source) || a.number - b.number,
  };
  let shown = items;
  const report = text => { get("shown").textContent = text; };
  const filter = () => {
    const group = get("by-group").value, verdict = get("by-verdict").value, text = get("by-text").value.toLowerCase();
    shown = items.filter(item => (!group || item.group.dataset.group === group) &&
      (!verdict || item.group.dataset.verdict === verdict) && (!text || item.text.includes(text)));
    const kept = new Set(shown);
    for (const item of items) item.element.hidden = !kept.has(item);
    for (const section of groups) section.hidden = !shown.some(item => item.group === section);
    report(`${shown.length} of ${items.length} shown`);
  };
  const sort = () => {
    for (const item of [...items].sort(orders[get("order").value])) item.list.append(item.element);
  };
  const copy = async () => {
    const keys = [...new Set(shown.map(item => item.key))].join("\n");
    await put(keys);
    report(`${keys ? keys.split("\n").length : 0} keys copied`);
  };
  for (const id of ["by-group", "by-verdict"]) get(id).addEventListener("change", filter);
  get("by-text").addEventListener("input", filter);
  get("order").addEventListener("change", sort);
  get("copy").addEventListener("click", copy);
  filter();
})();
