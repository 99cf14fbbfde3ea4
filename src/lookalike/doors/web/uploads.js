/** The uploads: a queue that sends a few pictures at a time, waits when the server is busy, and can be paused. */

import { addRecords } from "./api.js";
import { fill, h, number } from "./dom.js";
import { leftOf, lists } from "./lists.js";
import { collectionAddress } from "./route.js";

const AT_ONCE = 3;
const MOST_WAITS = 20; // for a server that is busy, before an upload counts as failed

/** What became of one picture: waiting, sending, added, updated, unchanged or failed. */
class Upload {
  constructor(name, body, collection) {
    Object.assign(this, { name, body, collection, state: "waiting", part: 0, message: "", code: "", waits: 0 });
  }
}

export const queue = new EventTarget(); // "change" when anything of it moves
let uploads = [];
let waiting = []; // of these, in the order in which they go
const state = { isPaused: false, sending: 0, notBefore: 0 };

export const uploadsOf = (collection) => uploads.filter((upload) => upload.collection === collection);
export const isPaused = () => state.isPaused;
export const isOpen = (upload) => upload.state === "waiting" || upload.state === "sending";

/** Queue pictures: each {name, body}, where a body is {file, record}. */
export function enqueue(collection, given, { replace = false } = {}) {
  const made = given.map(({ name, body }) => new Upload(name, { ...body, replace }, collection));
  uploads = uploads.concat(made);
  waiting = waiting.concat(made);
  goOn();
}

export function pause(isWanted) {
  state.isPaused = isWanted;
  goOn();
}

/** Send again what failed; with `replace` even over other pictures of the same name. */
export function retry(chosen, { replace = false } = {}) {
  for (const upload of chosen) {
    Object.assign(upload, { state: "waiting", part: 0, message: "", waits: 0 });
    upload.body.replace ||= replace;
  }
  waiting = waiting.concat(chosen);
  goOn();
}

/** Forget the uploads that have ended. */
export const clearEnded = (collection) => forget((upload) => upload.collection === collection && !isOpen(upload));

export const cancelWaiting = (collection) =>
  forget((upload) => upload.collection === collection && upload.state === "waiting");

function forget(isUnwanted) {
  uploads = uploads.filter((upload) => !isUnwanted(upload));
  waiting = waiting.filter((upload) => !isUnwanted(upload));
  tell();
}

function goOn() {
  tell();
  const wait = state.notBefore - Date.now();
  if (wait > 0) return void setTimeout(goOn, wait);
  while (!state.isPaused && state.sending < AT_ONCE) {
    const next = waiting.shift();
    if (!next) return;
    run(next);
  }
}

async function run(upload) {
  upload.state = "sending";
  state.sending += 1;
  try {
    upload.state = (await send(upload)).outcome;
    upload.body = null; // lets the file go
  } catch (error) {
    settle(upload, error);
  }
  state.sending -= 1;
  goOn();
}

function settle(upload, error) {
  const isBusy = [0, 429, 503].includes(error.status);
  if (isBusy && upload.waits < MOST_WAITS) {
    upload.waits += 1;
    upload.state = "waiting";
    waiting.unshift(upload);
    state.notBefore = Date.now() + 1000 * Math.max(1, Math.min(60, error.retryAfter));
    return;
  }
  Object.assign(upload, { state: "failed", code: error.code, message: error.message });
  if (error.status === 401) state.isPaused = true;
}

function send(upload) {
  const { file, record, replace } = upload.body;
  const form = new FormData();
  form.append("record", new Blob([JSON.stringify(record)], { type: "application/json" }));
  form.append("file", file, file.name || "picture");
  const sent = (part) => {
    upload.part = part;
    tell();
  };
  return addRecords(upload.collection, form, { replace: replace || null, sent });
}

let isToldSoon = false;

function tell() {
  if (isToldSoon) return;
  isToldSoon = true;
  setTimeout(() => {
    isToldSoon = false;
    queue.dispatchEvent(new Event("change"));
  }, 100);
}

/** Show in the header how much is still to be added, wherever the page is. */
export function showUploads(header) {
  const place = h("div", { class: "upload-note" });
  header.append(place);
  const show = () => {
    const open = uploads.filter(isOpen);
    const [left, listed] = leftOf();
    if (!open.length && !left) return fill(place);
    const word = state.isPaused && open.length ? "Paused" : "Adding";
    const target = `${collectionAddress(open[0]?.collection ?? listed)}/add`;
    const told = `${number(open.length + left)} left`;
    fill(place, h("a", { href: target, "aria-label": `${word}: ${told}` }, h("span", { class: "wide-only" }, `${word}: `), told));
  };
  queue.addEventListener("change", show);
  lists.addEventListener("change", show);
  window.addEventListener("beforeunload", (event) => {
    if (uploads.some(isOpen)) event.preventDefault();
  });
}
