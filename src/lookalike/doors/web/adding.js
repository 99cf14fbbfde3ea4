/** Adding: files and folders, pasted pictures, a list of addresses or JSON lines; and what became of each. */

import * as api from "./api.js";
import { announce, button, checkbox, field, fill, h, icon, number, plural, toast } from "./dom.js";
import { choose, takeDrops, takePastes, urlOf } from "./drops.js";
import { isPicture } from "./pictures.js";
import { collectionAddress } from "./route.js";
import { cancelWaiting, clearEnded, enqueue, isOpen, isPaused, pause, queue, retry, uploadsOf } from "./uploads.js";

const SHOWN = 100; // rows of a long list
const LINES = /\.(jsonl|ndjson)$/i;
const STATES = {
  waiting: "Waiting",
  sending: "Sending",
  added: "Added",
  updated: "Updated",
  unchanged: "Was there already",
  failed: "Failed",
};
const ORDER = ["failed", "sending", "waiting", "added", "updated", "unchanged"];

export function showAdding(place, { name }) {
  document.title = `Add to ${name} · lookalike`;
  const list = h("section", { class: "uploads", "aria-label": "What was sent" });
  fill(place,
    h("p", { class: "crumbs" }, h("a", { href: collectionAddress(name) }, icon("left"), name)),
    h("div", { class: "head" }, h("h1", {}, `Add to ${name}`)),
    addingPanel(name),
    list);
  const render = () => showList(list, name);
  render();
  queue.addEventListener("change", render);
  api.getCollection(name).catch((error) => toast(error.message, "bad"));
  const endPastes = takePastes((brought) => addBrought(name, brought));
  return {
    close() {
      endPastes();
      queue.removeEventListener("change", render);
    },
  };
}

/** Make the panel that takes pictures for a collection. */
export function addingPanel(name) {
  let replace = false;
  const add = (brought) => addBrought(name, brought, { replace });
  const drop = h("div", { class: "drop" }, icon("upload"),
    h("p", { class: "drop-title" }, "Drop pictures or a folder here"),
    h("p", { class: "muted" }, "or paste one, or"),
    h("div", { class: "actions center" },
      button("Choose files", () => choose((files) => add({ files })), { kind: "primary" }),
      button("Choose a folder", () => choose((files) => add({ files }), { folder: true }))));
  takeDrops(drop, add);
  const text = h("textarea", { rows: 4, spellcheck: "false", placeholder: "https://shop.example/7.jpg" });
  const send = async () => {
    if (await addBrought(name, { files: [], text: text.value }, { replace })) text.value = "";
  };
  return h("div", { class: "adding" }, drop,
    h("details", { class: "panel" }, h("summary", {}, "Addresses or JSON lines"),
      field("One on each line", text,
        'A web address, or a record such as {"_id": "7", "_url": "https://shop.example/7.jpg", "price": 3}'),
      h("div", { class: "actions" }, button("Add these", send, { kind: "primary" }))),
    checkbox("Replace pictures that have the same name", false, (isWanted) => (replace = isWanted)));
}

/** Queue what was brought; false when nothing of it can be added. */
export async function addBrought(name, { files = [], text = "", url }, options = {}) {
  const lines = (text || url || "").split("\n").map((line) => line.trim()).filter(Boolean);
  const listed = [];
  for (const { file } of files.filter(({ path }) => LINES.test(path))) {
    listed.push(...(await file.text()).split("\n").map((line) => line.trim()).filter(Boolean));
  }
  const pictures = new Map(files.filter(({ file }) => isPicture(file)).map(({ path, file }) => [path, file]));
  const records = [...lines, ...listed].map((line, place) => recordOf(line, place, pictures));
  const given = [...records, ...[...pictures].map(([path, file]) => ({ name: path, body: { file, record: { _id: path } } }))];
  const skipped = files.filter(({ path, file }) => !isPicture(file) && !LINES.test(path)).length;
  if (skipped) toast(`${plural(skipped, "file")} left out: no ${skipped === 1 ? "picture" : "pictures"}.`);
  if (!given.length) {
    if (!skipped) toast("Nothing to add there: it is no picture, address or JSON line.", "bad");
    return false;
  }
  enqueue(name, given, options);
  announce(`${plural(given.length, "picture")} queued.`);
  if (!location.hash.endsWith("/add")) location.hash = `${collectionAddress(name)}/add`;
  return true;
}

/** Read a line: an address, or a record. Its `_file` is looked for among the pictures that came with it. */
function recordOf(line, place, pictures) {
  const url = urlOf(line);
  if (url) return { name: url, body: { record: { _url: url } } };
  try {
    const { _file, ...record } = JSON.parse(line);
    const name = String(record._id ?? _file ?? record._url ?? `line ${place + 1}`);
    const path = _file && [...pictures.keys()].find((one) => one === _file || one.endsWith(`/${_file}`));
    if (!path) return { name, body: { record: _file ? { ...record, _file } : record } };
    const file = pictures.get(path);
    pictures.delete(path);
    return { name, body: { file, record: { _id: _file, ...record } } };
  } catch {
    return { name: line.slice(0, 80), body: { record: line } }; // the server says what is wrong with it
  }
}

function showList(place, name) {
  const all = uploadsOf(name);
  if (!all.length) return fill(place);
  const counts = Object.fromEntries(ORDER.map((state) => [state, all.filter((one) => one.state === state)]));
  const open = all.filter(isOpen).length;
  const ended = all.length - open;
  const sum = ["added", "updated", "unchanged", "failed"]
    .filter((state) => counts[state].length)
    .map((state) => `${number(counts[state].length)} ${state === "unchanged" ? "there already" : state}`);
  const progress = h("progress", { max: all.length, value: ended, "aria-label": "Pictures that are done" });
  const rows = ORDER.flatMap((state) => counts[state]).slice(0, SHOWN);
  fill(place,
    h("div", { class: "uploads-head" },
      h("h2", {}, open ? `${number(ended)} of ${number(all.length)} done` : "Done"),
      h("p", { class: "muted" }, sum.join(" · ")),
      h("div", { class: "actions" }, actionsFor(name, counts, open))),
    progress,
    h("ul", { class: "upload-list" }, rows.map(row)),
    all.length > SHOWN && h("p", { class: "muted" }, `and ${number(all.length - SHOWN)} more`));
  tellEnd(name, open, sum);
}

function actionsFor(name, counts, open) {
  const taken = counts.failed.filter((one) => one.code === "id_taken");
  return [
    open > 0 && (isPaused()
      ? button("Go on", () => pause(false), { icon: "play", kind: "small primary" })
      : button("Pause", () => pause(true), { icon: "pause", kind: "small" })),
    open > 0 && isPaused() && button("Stop", () => cancelWaiting(name), { kind: "small" }),
    taken.length > 0 && button(`Replace ${plural(taken.length, "picture")}`, () => retry(taken, { replace: true }), { kind: "small" }),
    counts.failed.length > 0 && button("Try the failed again", () => retry(counts.failed), { icon: "again", kind: "small" }),
    open === 0 && button("Clear the list", () => clearEnded(name), { kind: "small" }),
    open === 0 && h("a", { class: "button small primary", href: collectionAddress(name) }, "See the pictures"),
  ];
}

function row(upload) {
  const percent = Math.round(100 * upload.part);
  return h("li", { class: `upload is-${upload.state}` },
    h("span", { class: "upload-name" }, upload.name),
    h("span", { class: "upload-state" },
      upload.state === "failed" ? icon("alert") : ["added", "updated", "unchanged"].includes(upload.state) && icon("check"),
      STATES[upload.state] + (upload.state === "sending" && percent ? ` ${percent} %` : "")),
    upload.state === "failed" && h("span", { class: "upload-reason" }, upload.message),
    upload.state === "failed" && button("Try again", () => retry([upload]), { label: `Try ${upload.name} again`, kind: "small ghost" }),
    upload.state === "sending" && h("progress", { max: 1, value: upload.part, "aria-label": `Sent of ${upload.name}` }));
}

const told = new Map(); // collection -> whether uploads were open when it was last shown

function tellEnd(name, open, sum) {
  if (told.get(name) && !open) announce(`Done: ${sum.join(", ")}.`);
  told.set(name, open > 0);
}
