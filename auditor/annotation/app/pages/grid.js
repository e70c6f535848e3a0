"use strict";
// Grid view: the next images at once, to mark the synthetic ones. The others of the page are then labelled real, and
// those that need a closer look come next in single view, so that no image of the order is passed over.

const TILE_KEYS = "1234567890ab"; // one for each of PAGE_IMAGES
const MARKS = ["", "synthetic", "look closer"];
const READING_MS = 1000; // nobody has looked at a page before: a second press of the key would label it unseen
let tiles = []; // {number, mark, button}
let readableAt = Infinity;

async function showGrid(undone) {
  const numbers = place.queue.slice(0, PAGE_IMAGES);
  const found = await Promise.allSettled(numbers.map(fetched));
  tiles = numbers.map((number, index) => tile(number, index, found[index].value, undone));
  element("grid").replaceChildren(...tiles.map(({ button }) => button));
  fitAll();
  describe();
  element("rest").setAttribute("aria-disabled", "true");
  readableAt = performance.now() + READING_MS;
  setTimeout(() => performance.now() >= readableAt - 1 && element("rest").setAttribute("aria-disabled", "false"), READING_MS);
}

function tile(number, index, image, undone) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-keyshortcuts", TILE_KEYS[index]);
  const key = document.createElement("kbd");
  key.textContent = TILE_KEYS[index];
  const content = image ?? message("cannot be shown");
  if (image) image.alt = `image ${index + 1}`;
  button.append(key, content, document.createElement("span"));
  const before = undone.find((answer) => answer.number === number);
  const made = { number, button, image, mark: "" };
  if (!image || (before && before.label === "unsure")) made.mark = "look closer";
  else if (before && before.label === "synthetic") made.mark = "synthetic";
  button.addEventListener("click", () => mark(index));
  paint(made);
  return made;
}

function mark(index) {
  const marked = tiles[index];
  if (isBusy || !marked?.image) return; // what cannot be shown cannot be labelled here
  marked.mark = MARKS[(MARKS.indexOf(marked.mark) + 1) % MARKS.length];
  paint(marked);
  describe();
  announce(`image ${index + 1}: ${marked.mark || "not marked"}`);
}

function paint({ button, mark }) {
  button.dataset.mark = mark;
  button.lastChild.textContent = mark;
}

function describe() {
  const unmarked = tiles.filter(({ mark }) => !mark).length;
  const others = unmarked === tiles.length ? `all ${unmarked} are real` : `the other ${unmarked} are real`;
  element("rest").lastChild.textContent = ` ${unmarked ? others : "save these marks"}`;
}

// The labels of the page. Grid view shows looks alone, so that is their basis.
function pageAnswers() {
  return tiles.map(({ number, mark }) => {
    if (mark === "look closer") return { number, label: "unsure", how: LATER };
    return { number, label: mark || "real", how: "looks" };
  });
}
