"use strict";
// One page, two stores: `auditor label` keeps labels in its label file; an exported folder keeps them in the browser
// and exports them as labels.csv. Text from the dataset only ever becomes the text of an element.

const HOWS = ["provenance", "page", "date", "looks"];
const element = (id) => document.getElementById(id);
const exported = document.getElementById("task");
const store = exported ? folderStore(JSON.parse(exported.textContent)) : serverStore();

let place = null; // {next, done, total, missing}
let how = "looks";
let isBusy = true; // between a label and the next image: ignores keys meant for the image before
const waiting = new Map(); // number -> promise of a decoded image, fetched ahead so that nothing flickers

// ---- stores

function serverStore() {
  async function ask(path, body) {
    const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("auditor label is not running any more: start it again and reload this page.");
    }
    const content = await answer.json();
    if (answer.status === 409) return ask("progress"); // this page was out of date
    if (!answer.ok) throw new Error(content.error);
    return content;
  }
  return {
    progress: () => ask("progress"),
    answer: (number, label) => ask("answer", { number, label, how }),
    undo: () => ask("undo", {}),
    about: (number) => ask(`about/${number}`),
    address: (number) => (place.missing.includes(number) ? "" : `image/${number}`),
    reason: async (number) => (await ask(`reason/${number}`)).reason,
    judgement: () => ask("judgement"),
    finish: async () => {
      await ask("finish", {});
      stop("Finished. The labels are saved; you can close this page.");
    },
  };
}

function folderStore(task) {
  const total = task.items.length;
  let answers = kept(task.id).slice(0, total);
  const progress = () => ({ next: answers.length < total ? answers.length : null, done: answers.length, total });
  const save = () => {
    try {
      localStorage.setItem(task.id, JSON.stringify(answers));
    } catch {
      element("end").textContent = "download labels.csv (this browser keeps nothing)";
    }
  };
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return {
    progress: async () => progress(),
    answer: async (number, label) => {
      answers.push([label, how]);
      save();
      return progress();
    },
    undo: async () => {
      answers.pop();
      save();
      return progress();
    },
    about: async (number) => task.items[number],
    address: (number) => task.items[number].image,
    reason: async (number) => task.items[number].reason,
    finish: async () => {
      const rows = answers.map(([label, how], number) => {
        const { key, stratum } = task.items[number];
        return [key, label, stratum, how, task.labeller, ""];
      });
      const lines = [["key", "label", "stratum", "how", "labeller", "stopping"], ...rows].map((row) => row.map(cell).join(",") + "\n");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
      link.download = "labels.csv";
      link.click();
      announce("labels.csv is in your downloads.");
    },
  };
}

function kept(id) {
  const labels = ["synthetic", "real", "unsure"];
  try {
    // Other pages on this computer may have written there.
    const found = JSON.parse(localStorage.getItem(id));
    return found.every(([label, way]) => labels.includes(label) && HOWS.includes(way)) ? found : [];
  } catch {
    return [];
  }
}

// ---- images

function fetched(number) {
  if (!waiting.has(number)) {
    const image = new Image();
    image.alt = "The image to label";
    image.src = store.address(number);
    const decoded = image.getAttribute("src") ? image.decode().then(() => image) : Promise.reject(new Error());
    decoded.catch(() => {}); // reported when it is shown
    waiting.set(number, decoded);
  }
  return waiting.get(number);
}

async function show() {
  const number = place.next;
  element("bar").max = place.total;
  element("bar").value = place.done;
  element("count").textContent = number === null ? `${place.done} of ${place.total}` : `${place.done + 1} of ${place.total}`;
  element("undo").disabled = place.done === 0;
  judge(place.done); // in the background: the next image does not wait for it
  choose("looks");
  zoom(false);
  hideAbout();
  if (number === null) {
    stop("All images are labelled.", true);
    isBusy = false;
    return;
  }
  let content;
  try {
    content = await fetched(number);
  } catch {
    content = message(`This image cannot be shown: ${await store.reason(number)}`);
  }
  element("stage").replaceChildren(content);
  for (const button of document.querySelectorAll("[data-label]")) button.disabled = false;
  isBusy = false;
  for (const old of waiting.keys()) if (old < number - 1) waiting.delete(old);
  for (let ahead = number + 1; ahead <= Math.min(number + 3, place.total - 1); ahead++) fetched(ahead);
}

async function judge(done) {
  if (!store.judgement) return;
  try {
    const { text, is_decided } = await store.judgement();
    if (text === undefined || done !== place.done) return; // the number is fixed, or there is a newer label
    element("judgement").textContent = text;
    element("judgement").classList.toggle("decided", is_decided);
  } catch (error) {
    element("judgement").textContent = error.message;
  }
}

function message(text) {
  const paragraph = document.createElement("p");
  paragraph.id = "message";
  paragraph.textContent = text;
  return paragraph;
}

function stop(text, mayGoOn = false) {
  element("stage").replaceChildren(message(text));
  for (const button of document.querySelectorAll("[data-label]")) button.disabled = true;
  if (!mayGoOn) for (const button of document.querySelectorAll("button")) button.disabled = true;
  announce(text);
}

// ---- actions

async function during(action) {
  if (isBusy) return;
  isBusy = true;
  try {
    await action();
  } catch (error) {
    stop(error.message);
  }
}

const label = (truth) => during(async () => {
  if (place.next === null) {
    isBusy = false;
    return;
  }
  place = await store.answer(place.next, truth);
  announce(`Saved: ${truth === "unsure" ? "cannot tell" : truth}. ${place.done} of ${place.total} are labelled.`);
  await show();
});

const undo = () => during(async () => {
  if (place.done > 0) {
    place = await store.undo();
    announce("Undone.");
  }
  await show();
});

const finish = () => during(async () => {
  await store.finish();
  isBusy = false;
});

function choose(way) {
  how = way;
  for (const button of document.querySelectorAll("[data-how]")) {
    button.setAttribute("aria-pressed", String(button.dataset.how === way));
  }
}

function zoom(isOn = !element("stage").classList.contains("zoomed")) {
  element("stage").classList.toggle("zoomed", isOn);
  element("zoom").setAttribute("aria-pressed", String(isOn));
}

function hideAbout() {
  element("about").hidden = true;
  element("ask").setAttribute("aria-pressed", "false");
}

const ask = () => during(async () => {
  if (!element("about").hidden) {
    hideAbout();
  } else if (place.next !== null) {
    const about = await store.about(place.next);
    element("caption").textContent = about.caption || "none";
    element("file").textContent = about.file || "none";
    element("url").replaceChildren(linked(about.url));
    element("about").hidden = false;
    element("ask").setAttribute("aria-pressed", "true");
  }
  isBusy = false;
});

function linked(url) {
  if (!/^https?:\/\//i.test(url)) return document.createTextNode(url || "none");
  const link = document.createElement("a");
  link.href = url;
  link.textContent = url;
  link.rel = "noopener noreferrer";
  link.target = "_blank";
  return link;
}

function announce(text) {
  element("live").textContent = text;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const labels = { s: "synthetic", r: "real", u: "unsure" };
  const key = event.key.toLowerCase();
  if (key in labels) label(labels[key]);
  else if (/^[1-4]$/.test(key)) choose(HOWS[Number(key) - 1]);
  else if (key === "backspace") undo();
  else if (key === "z") zoom();
  else if (key === "c") ask();
  else return;
  event.preventDefault();
});
for (const button of document.querySelectorAll("[data-label]")) {
  button.addEventListener("click", () => label(button.dataset.label));
}
for (const button of document.querySelectorAll("[data-how]")) {
  button.addEventListener("click", () => choose(button.dataset.how));
}
element("undo").addEventListener("click", undo);
element("zoom").addEventListener("click", () => zoom());
element("ask").addEventListener("click", ask);
element("end").addEventListener("click", finish);
element("stage").addEventListener("click", (event) => {
  if (event.target instanceof HTMLImageElement) zoom();
});
if (exported) element("end").textContent = "download labels.csv";

(async () => {
  try {
    place = await store.progress();
    await show();
  } catch (error) {
    stop(error.message);
  }
})();
