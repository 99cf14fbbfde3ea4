/** Adding: files and folders, pasted pictures, a list of addresses or JSON lines; and what became of each. */

import * as api from "./api.js";
import { announce, button, checkbox, field, fill, h, icon, number, plural, toast } from "./dom.js";
import { choose, takeDrops, takePastes, urlOf } from "./drops.js";
import { findLists, forgetList, linesOf, lists, listsOf, retryList, sendList, stopList } from "./lists.js";
import { titleOf } from "./making.js";
import { isPicture } from "./pictures.js";
import { collectionAddress } from "./route.js";
import { cancelWaiting, clearEnded, enqueue, isOpen, isPaused, numbered, pause, queue, retry, uploadsOf } from "./uploads.js";

const SHOWN = 100; // rows of a long list
const SHOWN_AFTER_MS = 200; // when the list of what was sent stands there
const LINES = /\.(jsonl|ndjson)$/i;
const STATES = {
  waiting: "Waiting",
  sending: "Sending",
  added: "Added",
  updated: "Updated",
  unchanged: "Was there already",
  failed: "Failed",
};
const ENDS = ["added", "updated", "unchanged", "failed"];
const LIST_STATES = { done: "Done", cancelled: "Stopped", failed: "Not finished" };
const ORDER = ["failed", "sending", "waiting", "added", "updated", "unchanged"];

export function showAdding(place, { name }) {
  const heading = h("h1", {});
  const back = h("a", { href: collectionAddress(name) });
  const call = (title) => {
    document.title = `Add to ${title} · lookalike`;
    fill(heading, `Add to ${title}`);
    fill(back, icon("left"), title);
  };
  call(name);
  const sent = h("section", { class: "uploads", "aria-label": "What was sent" });
  const listed = h("div", { class: "lists" });
  fill(place,
    h("p", { class: "crumbs" }, back),
    h("div", { class: "head" }, heading),
    h("div", { class: "adding-columns" }, addingPanel(name), h("div", { class: "sent" }, listed, sent)));
  const render = () => showList(sent, name);
  const renderLists = () => showLists(listed, name);
  render();
  renderLists();
  queue.addEventListener("change", render);
  lists.addEventListener("change", renderLists);
  api.getCollection(name).then((told) => call(titleOf(told))).then(() => findLists(name)).catch((error) => toast(error.message, "bad"));
  const endPastes = takePastes((brought) => addBrought(name, brought));
  return {
    close() {
      endPastes();
      queue.removeEventListener("change", render);
      lists.removeEventListener("change", renderLists);
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

/** Send what was brought; false when nothing of it can be added. */
export async function addBrought(name, { files = [], text = "", url }, options = {}) {
  const pictures = named(files.filter(({ file }) => isPicture(file)));
  const listed = files.filter(({ path }) => LINES.test(path));
  const skipped = files.length - pictures.size - listed.length;
  if (skipped) toast(`${plural(skipped, "file")} left out: no ${skipped === 1 ? "picture" : "pictures"}.`);

  const typed = (text || url || "").split("\n").map((line) => line.trim()).filter(Boolean);
  if (typed.length) sendList(name, nameOf(typed), new Blob([typed.map(lineOf).join("\n")]), options);
  const described = [];
  for (const { path, file } of listed) {
    const rest = pictures.size ? await takeDescribed(file, pictures, described) : file;
    if (rest.size) sendList(name, path, rest, options);
  }
  const given = [...described, ...[...pictures].map(([path, file]) => ({ name: path, body: { file, record: { _id: path } } }))];
  if (given.length) enqueue(name, given, options);
  if (!given.length && !typed.length && !listed.length) {
    if (!skipped) toast("Nothing to add there: it is no picture, address or JSON line.", "bad");
    return false;
  }
  if (given.length) announce(`${plural(given.length, "picture")} queued.`);
  if (!location.hash.endsWith("/add")) location.hash = `${collectionAddress(name)}/add`;
  else setTimeout(() => document.querySelector(".sent")?.scrollIntoView({ block: "nearest" }), SHOWN_AFTER_MS);
  return true;
}

/** Give each picture a name of its own: phones call every one of theirs the same. */
function named(files) {
  const pictures = new Map();
  for (const { path, file } of files) {
    let name = path;
    for (let count = 2; pictures.has(name); count += 1) name = numbered(path, count);
    pictures.set(name, file);
  }
  return pictures;
}

/** Write an address as a record; what is none goes as it is, and the server says what is wrong with it. */
const lineOf = (line) => (urlOf(line) ? JSON.stringify({ _url: urlOf(line) }) : line);

const nameOf = (lines) => (lines.length === 1 ? (urlOf(lines[0]) ?? "One record") : plural(lines.length, "line"));

/** Take the records of a file whose `_file` came along out of `pictures` into `described`; give the other lines. */
async function takeDescribed(list, pictures, described) {
  const rest = [];
  for (const line of await linesOf(list)) {
    const { _file, ...record } = parsed(line);
    const path = _file && [...pictures.keys()].find((one) => one === _file || one.endsWith(`/${_file}`));
    if (path) {
      described.push({ name: String(record._id ?? _file), body: { file: pictures.get(path), record: { _id: _file, ...record } } });
      pictures.delete(path);
    } else rest.push(line);
  }
  return new Blob([rest.join("\n")]);
}

function parsed(line) {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}

function showLists(place, name) {
  fill(place, listsOf(name).map((list) => showOne(list)));
}

function showOne(list) {
  const { job, state } = list;
  const isSending = state === "sending";
  const progress = h("progress", {
    max: isSending ? 1 : (job?.total ?? 1), value: isSending ? list.part : (job?.done ?? 0), "aria-label": `Progress of ${list.title}`,
  });
  const told = isSending ? `Sending ${Math.round(100 * list.part)} %`
    : list.isOpen && job.total === null ? "Waiting"
    : list.isOpen ? `${number(job.done)} of ${number(job.total)} done`
    : LIST_STATES[state];
  return h("section", { class: `list is-${state}`, "aria-label": list.title },
    h("div", { class: "uploads-head" },
      h("h2", {}, list.title),
      h("p", { class: "muted" }, [told, ...sumOf(job?.counts ?? {})].filter(Boolean).join(" · ")),
      h("div", { class: "actions" }, listActions(list))),
    list.isOpen && progress,
    (list.trouble || job?.error) && h("p", { class: "trouble" }, list.trouble || job.error.message),
    h("ul", { class: "upload-list" }, list.failures.map(failureRow)),
    (job?.counts.failed ?? 0) > list.failures.length && list.failures.length > 0 &&
      h("p", { class: "muted" }, `and ${number(job.counts.failed - list.failures.length)} more`));
}

function listActions(list) {
  const canRetry = !list.isOpen && list.blob && list.failures.length > 0;
  const taken = list.failures.filter((one) => one.code === "id_taken").length;
  const act = (work) => () => work().catch((error) => toast(error.message, "bad"));
  return [
    list.isOpen && list.job && button("Stop", act(() => stopList(list)), { label: `Stop ${list.title}`, kind: "small" }),
    canRetry && taken > 0 && button("Replace those that are taken", act(() => retryList(list, { code: "id_taken", replace: true })), { kind: "small" }),
    canRetry && button("Try the failed again", act(() => retryList(list)), { icon: "again", kind: "small" }),
    !list.isOpen && button("Clear", () => forgetList(list), { label: `Clear ${list.title}`, kind: "small" }),
    !list.isOpen && h("a", { class: "button small primary", href: collectionAddress(list.collection) }, "See the pictures"),
  ];
}

const failureRow = (failed) => h("li", { class: "upload is-failed" },
  h("span", { class: "upload-name" }, failed.id || failed.source),
  h("span", { class: "upload-state" }, icon("alert"), STATES.failed),
  h("span", { class: "upload-reason" }, failed.message));

/** Say how many ended in which way. */
const sumOf = (counts) => ENDS.filter((state) => counts[state])
  .map((state) => `${number(counts[state])} ${state === "unchanged" ? "there already" : state}`);

function showList(place, name) {
  const all = uploadsOf(name);
  if (!all.length) return fill(place);
  const counts = Object.fromEntries(ORDER.map((state) => [state, all.filter((one) => one.state === state)]));
  const open = all.filter(isOpen).length;
  const ended = all.length - open;
  const sum = sumOf(Object.fromEntries(ENDS.map((state) => [state, counts[state].length])));
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
    taken.length > 0 && button("Keep both", () => retry(taken, { keepsBoth: true }), {
      kind: "small", label: taken.length > 1 ? `Keep both of ${taken.length} names` : "Keep both",
    }),
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
