"use strict";
// Where labels are kept: `auditor label` keeps them in its label file; an exported folder keeps them in the browser and
// exports them as labels.csv. Both stores say how far labelling is, as session.py's Progress does.

const HOWS = ["provenance", "page", "date", "looks"];
const LABELS = ["synthetic", "real", "unsure"];
const PAGE_IMAGES = 12; // of grid view, as in session.py
const LATER = ""; // instead of a basis: unsure until a closer look

function serverStore() {
  async function ask(path, body) {
    const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error("auditor label is not running any more: start it again and open the address that it prints.");
    }
    const content = await response.json();
    if (response.status === 409) return { ...(await ask("progress")), wasOld: true };
    if (!response.ok) throw new Error(content.error);
    return content;
  }
  return {
    isServed: true,
    progress: () => ask("progress"),
    answer: (answers) => ask("answer", { answers }),
    undo: () => ask("undo", {}),
    context: (number) => ask(`context/${number}`),
    address: (number) => `image/${number}`,
    reason: async (number) => (await ask(`reason/${number}`)).reason,
    judgement: () => ask("judgement"),
    finish: () => ask("finish", {}),
  };
}

function folderStore(task) {
  const total = task.items.length;
  const missing = [...task.items.keys()].filter((number) => !task.items[number].image);
  let actions = kept(task.id, total); // each the answers that were given at once

  const labels = () => new Map(actions.flat().map((answer) => [answer.number, answer]));
  const waits = ({ label, how }) => label === "unsure" && how === LATER;
  function progress() {
    const labelled = labels();
    const waiting = [...labelled.values()].filter(waits).map(({ number }) => number).sort((a, b) => a - b);
    const unlabelled = [...task.items.keys()].filter((number) => !labelled.has(number));
    const queue = [...waiting, ...unlabelled].slice(0, 2 * PAGE_IMAGES);
    const done = labelled.size - waiting.length;
    return { queue, waiting: waiting.length, done, total, last: actions.at(-1) ?? [], missing, countsEdited: task.countsEdited };
  }
  async function become(newActions) {
    actions = newActions;
    try {
      localStorage.setItem(task.id, JSON.stringify(actions));
    } catch {
      element("end").textContent = "download labels.csv (this browser cannot store labels)";
    }
    return progress();
  }
  function csv() {
    const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const inOrder = [...labels().values()].sort((a, b) => a.number - b.number);
    const rows = inOrder.map(({ number, label, how }) => {
      const { key, stratum, sha256 } = task.items[number];
      return [key, label, stratum, how, task.labeller, "", sha256];
    });
    return [["key", "label", "stratum", "how", "labeller", "stopping", "sha256"], ...rows].map((row) => row.map(cell).join(",") + "\n");
  }
  return {
    isServed: false,
    progress: async () => progress(),
    answer: (answers) => become([...actions, answers]),
    undo: () => become(actions.slice(0, -1)),
    context: async (number) => task.items[number],
    address: (number) => task.items[number].image,
    reason: async (number) => task.items[number].reason,
    finish: async () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(csv(), { type: "text/csv" }));
      link.download = "labels.csv";
      link.click();
    },
  };
}

// The actions that the browser keeps. Other pages on this computer may have written there.
function kept(id, total) {
  const isAnswer = ({ number, label, how }) =>
    Number.isInteger(number) && number >= 0 && number < total && LABELS.includes(label)
    && (HOWS.includes(how) || (label === "unsure" && how === LATER));
  try {
    const actions = JSON.parse(localStorage.getItem(id));
    return actions.every((action) => action.length > 0 && action.every(isAnswer)) ? actions : [];
  } catch {
    return [];
  }
}
