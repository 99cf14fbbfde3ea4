/** The lists: addresses and JSON lines, each a job that the server works through by itself, page or no page. */

import { addRecords, cancelJob, followJob, jobFailures, jobs } from "./api.js";
import { mayPass } from "./ui.js";

const FOLLOWED = 2; // at once: a browser holds few connections to one server
const REASONS = 100; // failures that are told one by one
const LONGEST_PAGE = 10_000; // outcomes that the server gives at once

export const lists = new EventTarget(); // "change" when anything of them moves
let held = [];
let made = 0;
let isFollowing = 0;

/** One list: on its way ("sending"), then what its job says; without a blob it is of an earlier visit. */
class List {
  constructor(collection, title, blob, job) {
    Object.assign(this, { collection, title, blob, job, number: ++made, part: 0, trouble: "", isCut: false, failures: [], isFollowed: false, reading: null });
  }

  get state() {
    return this.trouble ? "failed" : (this.job?.state ?? "sending");
  }

  get isOpen() {
    return ["sending", "waiting", "running"].includes(this.state);
  }
}

export const listsOf = (collection) => held.filter((list) => list.collection === collection);

/** Give how many pictures of lists are still to be added, and the collection of the first. */
export function leftOf() {
  const open = held.filter((list) => list.isOpen);
  const left = open.reduce((sum, { job }) => sum + Math.max(1, (job?.total ?? 0) - (job?.done ?? 0)), 0);
  return [left, open[0]?.collection];
}

/** Send a list; `blob` holds its lines. */
export async function sendList(collection, title, blob, { replace = false } = {}) {
  const list = new List(collection, title, blob, null);
  list.replace = replace;
  held = [list, ...held];
  const sent = (part) => {
    list.part = part;
    tell();
  };
  tell();
  try {
    list.job = await addRecords(collection, blob, { replace: replace || null, job: true, sent });
    followNext();
  } catch (error) {
    Object.assign(list, { trouble: error.message, mayPass: mayPass(error) });
  }
  tell();
}

/** Follow a job that the server has just begun. */
export function followNew(collection, title, job) {
  held = [new List(collection, title, null, job), ...held];
  followNext();
  tell();
}

/** Take up the jobs of a collection that are under way, as after the page was left. */
export async function findLists(collection) {
  const found = await jobs();
  const known = new Set(held.map((list) => list.job?.id));
  const open = found.filter((job) => job.collection === collection && job.ended_at === null && !known.has(job.id));
  held = [...held, ...open.map((job) => new List(collection, titleOf(job), null, job))];
  followNext();
  tell();
}

const titleOf = ({ folder, step }) => folder ?? (step ? "Sample pictures" : "A list that was sent before");

/** Let the server stop; what it has added stays. */
export const stopList = (list) => cancelJob(list.job.id);

export function forgetList(list) {
  held = held.filter((one) => one !== list);
  tell();
}

/** Send a list once more that the server did not take. */
export async function sendAgain(list) {
  forgetList(list);
  await sendList(list.collection, list.title, list.blob, { replace: list.replace });
}

/** Send the lines that failed once more; with a `code` only those, and the list stays for the others. */
export async function retryList(list, { code, replace = false } = {}) {
  const lines = await linesOf(list.blob);
  const failed = await allFailures(list.job.id);
  const again = failed.filter((one) => !code || one.code === code);
  if (again.length === failed.length) forgetList(list);
  else list.failures = list.failures.filter((one) => one.code !== code);
  await sendList(list.collection, list.title, new Blob([again.map(({ place }) => lines[place]).join("\n")]), { replace });
}

async function allFailures(id) {
  const all = [];
  for (;;) {
    const more = await jobFailures(id, { start: placeBehind(all), limit: LONGEST_PAGE });
    all.push(...more);
    if (more.length < LONGEST_PAGE) return all;
  }
}

const placeBehind = (failures) => (failures.at(-1)?.place ?? -1) + 1;

/** Give the lines of a list as the server counts them: blank ones are none. */
export const linesOf = async (blob) => (await blob.text()).split("\n").filter((line) => line.trim());

function followNext() {
  const next = held.findLast((list) => list.job && list.isOpen && !list.isFollowed);
  if (!next || isFollowing >= FOLLOWED) return;
  next.isFollowed = true;
  isFollowing += 1;
  const leave = () => {
    isFollowing -= 1;
    followNext();
    tell();
  };
  followJob(next.job.id, async (job) => {
    next.isCut = false;
    next.reading = Promise.resolve(next.reading).then(() => readFailures(next, job));
    await next.reading;
    next.job = job;
    tell();
    if (job.ended_at !== null) leave();
  }, () => {
    next.trouble = "The server does not tell how far it is. Load this page again.";
    leave();
  }, () => {
    next.isCut = true;
    tell();
  });
  followNext();
}

/** Read why more pictures failed, behind those that are known. */
async function readFailures(list, job) {
  const limit = Math.min(REASONS, job.counts.failed ?? 0) - list.failures.length;
  if (limit <= 0) return;
  const more = await jobFailures(job.id, { start: placeBehind(list.failures), limit }).catch(() => []);
  list.failures = [...list.failures, ...more];
}

const tell = () => lists.dispatchEvent(new Event("change"));
