"use strict";
// The page: one image or a grid of them, and what people do with keys and buttons. Text from the dataset only ever
// becomes the text of an element.

const element = (id) => document.getElementById(id);
const exported = element("task");
const store = exported ? folderStore(JSON.parse(exported.textContent)) : serverStore();

let place = null; // the store's progress
let how = "looks";
let wantsGrid = false;
let isBusy = true; // between a label and the next image: ignores keys meant for the image before
let isOver = false; // nothing can be labelled any more
let judged = { text: "" }; // the latest judgement
let isJudging = false;

// ---- what is shown

const isGrid = () => wantsGrid && place.waiting === 0 && place.queue.length > 0;

async function show(undone = []) {
  document.body.dataset.view = isGrid() ? "grid" : "single";
  element("mode").setAttribute("aria-pressed", String(wantsGrid));
  choose("looks");
  zoom(false);
  hideContext();
  showProgress();
  judge(); // in the background: the next image does not wait for it
  if (place.queue.length === 0) stop("All images are labelled.", true);
  else {
    await (isGrid() ? showGrid(undone) : showSingle(place.queue[0]));
    for (const button of document.querySelectorAll("[data-label]")) button.disabled = false;
  }
  await showLast();
  isBusy = false;
  fetchAhead(wantsGrid ? 2 * PAGE_IMAGES : 4);
}

async function showSingle(number) {
  let content;
  try {
    content = await fetched(number);
    content.alt = "The image to label";
  } catch {
    content = message(`This image cannot be shown: ${await store.reason(number)}`);
  }
  element("stage").replaceChildren(content);
  fitAll();
}

function fitAll() {
  const stage = element("stage");
  const image = stage.querySelector("img");
  if (image && !isGrid()) fit(image, stage, stage.classList.contains("zoomed") ? 2 : 1);
  if (isGrid()) for (const { image, button } of tiles) if (image) fit(image, button);
}

function showProgress() {
  const { done, total, waiting, queue } = place;
  element("bar").max = total;
  element("bar").value = done;
  const last = Math.min(done + PAGE_IMAGES, total);
  if (waiting) element("count").textContent = `closer look: ${waiting} left`;
  else if (queue.length === 0) element("count").textContent = `${done} of ${total}`;
  else if (isGrid()) element("count").textContent = `${done + 1}–${last} of ${total}`;
  else element("count").textContent = `${done + 1} of ${total}`;
  showTimeLeft();
}

// The latest label, in the button that takes it back.
async function showLast() {
  const { last } = place;
  const button = element("undo");
  button.disabled = last.length === 0;
  const text = last.length === 1 ? NAMES[last[0].label] : last.length ? `page of ${last.length}` : "";
  const isElsewhere = last.length === 1 && place.queue.includes(last[0].number); // it waits for a closer look
  const image = last.length === 1 && !isElsewhere ? await fetched(last[0].number).catch(() => null) : null;
  if (image) {
    image.alt = "";
    image.removeAttribute("width");
    image.removeAttribute("height");
  }
  button.querySelector("img")?.remove();
  if (image) button.querySelector("kbd").after(image);
  button.querySelector("span").textContent = `undo\n${text}`;
}

const NAMES = { synthetic: "synthetic", real: "real", unsure: "cannot tell" };

async function judge() {
  if (!store.judgement || isJudging) return;
  isJudging = true;
  try {
    let done;
    do { // while labels came in meanwhile
      done = place.done + place.waiting;
      judged = { text: "", ...(await store.judgement()) };
    } while (done !== place.done + place.waiting);
  } catch (error) {
    judged = { text: error.message };
  }
  isJudging = false;
  element("judgement").textContent = judged.text;
  element("judgement").classList.toggle("decided", Boolean(judged.is_decided));
  showTimeLeft();
}

// ---- time left, at the labeller's own pace

const PAUSE_MS = 120_000; // longer than this on one image is a break
const MIN_PACES = 3;
let paces = []; // milliseconds for each of the latest labels
let paceSince = performance.now();

function measurePace(labels) {
  const each = (performance.now() - paceSince) / labels;
  paceSince = performance.now();
  if (each < PAUSE_MS) paces = [...paces, ...Array(labels).fill(each)].slice(-2 * PAGE_IMAGES);
}

function showTimeLeft() {
  const isOpen = store.judgement && judged.text; // labelling may stop before the end
  const labels = (isOpen && judged.remaining) || place.total - place.done;
  const sorted = [...paces].sort((a, b) => a - b);
  const minutes = (sorted[Math.floor(sorted.length / 2)] * labels) / 60_000;
  const bound = isOpen && !judged.remaining ? "at most" : "about";
  const isKnown = paces.length >= MIN_PACES && labels > 0 && !judged.is_decided;
  element("left").textContent = !isKnown ? "" : minutes < 1 ? "less than 1 min left" : `${bound} ${Math.round(minutes)} min left`;
}

// ---- messages

function message(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "message";
  paragraph.textContent = text;
  return paragraph;
}

function stop(text, mayGoOn = false) {
  document.body.dataset.view = "single";
  element("stage").replaceChildren(message(text));
  for (const button of document.querySelectorAll("[data-label]")) button.disabled = true;
  isOver = !mayGoOn;
  if (isOver) for (const button of document.querySelectorAll("button")) button.disabled = true;
  announce(text);
}

function announce(text) {
  element("live").textContent = text;
}

// ---- actions

async function during(action) {
  if (isBusy || isOver) return;
  isBusy = true;
  try {
    await action();
  } catch (error) {
    stop(error.message);
  }
  isBusy = false;
}

async function save(answers) {
  measurePace(answers.length);
  place = await store.answer(answers);
  const counts = LABELS.map((label) => [answers.filter((answer) => answer.label === label).length, NAMES[label]]);
  const saved = answers.length === 1 ? NAMES[answers[0].label] : counts.filter(([n]) => n).map(([n, name]) => `${n} ${name}`).join(", ");
  if (place.wasOld) announce("Nothing was saved: this page was out of date. Here is the next image.");
  else announce(`Saved: ${saved}. ${place.done} of ${place.total} are labelled.`);
  await show();
}

const label = (truth) => during(async () => {
  if (!isGrid() && place.queue.length > 0) await save([{ number: place.queue[0], label: truth, how }]);
});

const savePage = () => during(async () => {
  if (performance.now() >= readableAt) await save(pageAnswers());
});

const undo = () => during(async () => {
  if (place.last.length === 0) return;
  const undone = place.last;
  place = await store.undo();
  paceSince = performance.now();
  announce("Undone.");
  await show(undone);
});

const toggleGrid = () => during(async () => {
  wantsGrid = !wantsGrid;
  await show();
  announce(!wantsGrid ? "One image at a time." : isGrid() ? "Grid: mark the synthetic images." : "First label those left for a closer look.");
});

const finish = () => during(async () => {
  await store.finish();
  if (store.isServed) stop("Finished. The labels are saved; you can close this page.");
  else announce("labels.csv is in your downloads.");
});

function choose(way) {
  how = way;
  for (const button of document.querySelectorAll("[data-how]")) {
    button.setAttribute("aria-pressed", String(button.dataset.how === way));
  }
}

// x, y: what to look at, in shares of the image's size
function zoom(isOn = !element("stage").classList.contains("zoomed"), x = 0.5, y = 0.5) {
  const stage = element("stage");
  stage.classList.toggle("zoomed", isOn);
  element("zoom").setAttribute("aria-pressed", String(isOn));
  if (!place) return;
  fitAll();
  stage.scrollTo(stage.scrollWidth * x - stage.clientWidth / 2, stage.scrollHeight * y - stage.clientHeight / 2);
}

function hideContext() {
  element("context").hidden = true;
  element("ask").setAttribute("aria-pressed", "false");
}

const ask = () => during(async () => {
  if (!element("context").hidden) return hideContext();
  if (isGrid() || place.queue.length === 0) return;
  const context = await store.context(place.queue[0]);
  for (const name of ["caption", "date", "file"]) element(name).textContent = context[name] || "none";
  for (const name of ["page", "url"]) element(name).replaceChildren(linked(context[name]));
  element("context").hidden = false;
  element("ask").setAttribute("aria-pressed", "true");
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

function define() {
  const dialog = element("definition");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

// ---- keys and buttons

const ACTIONS = {
  s: () => label("synthetic"), u: () => label("unsure"), r: () => (isGrid() ? savePage() : label("real")),
  backspace: undo, z: () => !isGrid() && zoom(), c: ask, d: define, g: toggleGrid,
  f: () => element("end").focus(), // finishing takes a second key
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !place) return;
  const key = event.key.toLowerCase();
  if (element("definition").open && key !== "d") return;
  const tile = isGrid() ? TILE_KEYS.indexOf(key) : -1;
  if (tile >= 0) mark(tile);
  else if (!isGrid() && /^[1-4]$/.test(key)) choose(HOWS[Number(key) - 1]);
  else if (Object.hasOwn(ACTIONS, key)) ACTIONS[key]();
  else return;
  event.preventDefault();
});
for (const button of document.querySelectorAll("[data-label]")) {
  button.addEventListener("click", () => label(button.dataset.label));
}
for (const button of document.querySelectorAll("[data-how]")) {
  button.addEventListener("click", () => choose(button.dataset.how));
}
const CLICKS = { undo, zoom: () => zoom(), ask, what: define, mode: toggleGrid, end: finish, rest: savePage, close: define };
for (const [id, action] of Object.entries(CLICKS)) element(id).addEventListener("click", action);
element("stage").addEventListener("click", ({ target, offsetX, offsetY }) => {
  if (target instanceof HTMLImageElement) zoom(undefined, offsetX / target.width, offsetY / target.height);
});
const sizes = new ResizeObserver(() => place && fitAll());
for (const id of ["stage", "grid"]) sizes.observe(element(id));
if (exported) element("end").textContent = "download labels.csv";

(async () => {
  try {
    place = await store.progress();
    element(place.countsEdited ? "edited-real" : "edited-synthetic").remove();
    await show();
  } catch (error) {
    stop(error.message);
  }
})();
