/** The uploads: a queue that sends a few pictures at a time, waits when the server is busy, and can be paused. */

import { addRecords, changeRecord, getRecord, readiness } from "./api.js";
import { checkSize } from "./rights.js";
import { mayPass } from "./ui.js";

const AT_ONCE = 3;
const MOST_WAITS = 20; // for a server that is busy, before an upload counts as failed; one that is gone is waited for

let made = 0;

/** What became of one picture: waiting, sending, added, updated, unchanged or failed. `id` is that of its record, once there is one. */
class Upload {
  constructor(name, body, collection) {
    const id = body.change ? name : null;
    Object.assign(this, { name, body, collection, id, number: ++made, state: "waiting", part: 0, message: "", code: "", waits: 0 });
  }
}

export const queue = new EventTarget(); // "change" when anything of it moves
let uploads = [];
let waiting = []; // of these, in the order in which they go
const state = { isPaused: false, isCut: false, sending: 0, notBefore: 0 };

export const uploadsOf = (collection) => uploads.filter((upload) => upload.collection === collection);
export const openUploads = () => uploads.filter(isOpen);
export const isPaused = () => state.isPaused;
export const isCut = () => state.isCut; // the server did not answer the last that was sent
export const isOpen = (upload) => upload.state === "waiting" || upload.state === "sending";

/** Queue pictures: each {name, body}, where a body is {file, record}, or {change} of the record that has the name as its id. */
export function enqueue(collection, given, { replace = false } = {}) {
  const added = given.map(({ name, body }) => new Upload(name, { ...body, replace }, collection));
  uploads = uploads.concat(added);
  waiting = waiting.concat(added);
  goOn();
}

export function pause(isWanted) {
  state.isPaused = isWanted;
  goOn();
}

/** Name another picture of the same name: "image.jpg" becomes "image (2).jpg". */
export const numbered = (name, count) => name.replace(/(\.[^./]*)?$/, (ending) => ` (${count})${ending}`);

/** Give the name without the number that it got beside others that came with it. */
const unnumbered = (name, file) => {
  const bare = name.replace(/ \(\d+\)(\.[^./]*)?$/, "$1");
  return bare.endsWith(file.name) ? bare : name;
};

/** Send again what failed; with `replace` over other pictures of the same name, with `keepsBoth` under another name. */
export function retry(chosen, { replace = false, keepsBoth = false } = {}) {
  for (const upload of chosen) {
    Object.assign(upload, { state: "waiting", part: 0, message: "", waits: 0, keepsBoth });
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
    if (upload.keepsBoth) await rename(upload);
    const { id, outcome } = await send(upload);
    Object.assign(upload, { id, state: outcome, body: null }); // without the body, the file goes
    state.isCut = false;
  } catch (error) {
    state.isCut = error.status === 0 && (await readiness()) === "unreachable";
    settle(upload, error);
  }
  state.sending -= 1;
  goOn();
}

const counts = new Map(); // collection and name -> the last number that was tried for another picture of that name

/** Take the next name that is free, or held by a picture of this size: the server knows whether it is this one. */
async function rename(upload) {
  const { file, record } = upload.body;
  upload.wanted ??= unnumbered(record._id, file);
  const place = JSON.stringify([upload.collection, upload.wanted]);
  for (;;) {
    const count = (counts.get(place) ?? 1) + 1;
    counts.set(place, count);
    const name = numbered(upload.wanted, count);
    const held = await getRecord(upload.collection, name).then(([found]) => found, (error) => {
      if (error.status !== 404) throw error;
    });
    if (held && held.byte_size !== file.size) continue;
    upload.name = name;
    upload.body.record = { ...record, _id: name };
    return;
  }
}

function settle(upload, error) {
  if (upload.keepsBoth && error.code === "id_taken") {
    upload.state = "waiting";
    waiting.unshift(upload);
    return;
  }
  const isBusy = [0, 429, 503].includes(error.status);
  if (isBusy && upload.waits < MOST_WAITS) {
    upload.waits += state.isCut ? 0 : 1;
    upload.state = "waiting";
    waiting.unshift(upload);
    state.notBefore = Date.now() + 1000 * Math.max(1, Math.min(60, error.retryAfter));
    return;
  }
  Object.assign(upload, { state: "failed", code: error.code, message: error.message, mayPass: mayPass(error) });
  if (error.status === 401) state.isPaused = true;
}

async function send(upload) {
  const { file, record, change, replace } = upload.body;
  if (change) return { ...(await changeRecord(upload.collection, upload.id, change))[0], outcome: "updated" };
  checkSize(file);
  const form = new FormData();
  form.append("record", new Blob([JSON.stringify(record)], { type: "application/json" }));
  form.append("file", file, file.name || "picture");
  const sent = (part) => {
    if (part) state.isCut = false;
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

window.addEventListener("beforeunload", (event) => {
  if (openUploads().length) event.preventDefault();
});
