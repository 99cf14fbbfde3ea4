/** The native HTTP interface, as the page calls it. */

import { plain } from "./words.js";

const BASE = "/api/v1";

/** An answer that is a failure: `message` is for people, `code` for programs. */
class ApiError extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    Object.assign(this, { status, code, retryAfter });
  }
}

/** Read the failure that a body tells of; what is not ours is told by its status. */
function errorOf(status, body, retryAfter) {
  const told = status === 401 ? { code: "key_needed", message: "Sign in with a key to see this." } : (body?.error ?? {});
  return new ApiError(status, told.code ?? "unknown", plain(told.message ?? `the server answered ${status}.`), Number(retryAfter) || 0);
}

const UNREACHABLE = "the server does not answer. Is it still running? Start it with: lookalike serve";
const unreachable = () => new ApiError(0, "unreachable", UNREACHABLE, 2);

/** Tell the page that the server wants to know who is asking. */
const tellKeyNeeded = () => document.dispatchEvent(new Event("keyneeded"));

async function call(method, path, { body, headers = {}, signal, cache } = {}) {
  const isPlain = body !== undefined && !(body instanceof FormData);
  let answer;
  try {
    answer = await fetch(BASE + path, {
      method,
      signal,
      cache,
      headers: isPlain ? { "Content-Type": "application/json", ...headers } : headers,
      body: isPlain ? JSON.stringify(body) : body,
    });
  } catch (error) {
    throw error.name === "AbortError" ? error : unreachable();
  }
  if (answer.ok) return answer;
  const failure = errorOf(answer.status, await answer.json().catch(() => null), answer.headers.get("Retry-After"));
  if (failure.status === 401) tellKeyNeeded();
  throw failure;
}

async function json(...given) {
  const answer = await call(...given);
  return answer.status === 204 ? null : answer.json();
}

const part = encodeURIComponent;
const collection = (name) => `/collections/${part(name)}`;
const record = (name, id) => `${collection(name)}/records/${part(id)}`;
const query = (given) => {
  const told = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  return told.length ? `?${new URLSearchParams(told)}` : "";
};

export const collections = async () => (await json("GET", "/collections")).collections;
export const getCollection = (name, signal) => json("GET", collection(name), { signal });
export const createCollection = (wanted) => json("POST", "/collections", { body: wanted });
export const changeCollection = (name, change) => json("PATCH", collection(name), { body: change });
export const compactCollection = (name) => json("POST", `${collection(name)}/compact`);
export const deleteCollection = (name) => json("DELETE", collection(name));

/** Add pictures to a collection: a form with one file, or a blob of JSON lines as a job. `sent` hears the share gone. */
export const addRecords = (name, body, { replace, job, sent }) =>
  upload(`${BASE}${collection(name)}/records${query({ replace, job })}`, body, job && "application/x-ndjson", sent);
export const listRecords = (name, { filter, ...rest } = {}, signal) =>
  json("GET", `${collection(name)}/records${query({ filter: filter && JSON.stringify(filter), ...rest })}`, { signal });
export const deleteRecord = (name, id) => json("DELETE", record(name, id));

/** Give a record with its entity tag, for a change that must not overwrite another's. */
export async function getRecord(name, id) {
  const answer = await call("GET", record(name, id), { cache: "no-store" }); // its file may be gone while the record stays
  return [await answer.json(), answer.headers.get("ETag")];
}

/** Change a record; with an entity tag only if it is still as it was seen. */
export async function changeRecord(name, id, change, etag = "*") {
  const answer = await call("PATCH", record(name, id), { body: change, headers: { "If-Match": etag } });
  return [await answer.json(), answer.headers.get("ETag")];
}

/** Make the same change to fields and tags of many records: {ids, metadata, unset, more_tags, fewer_tags}. */
export const changeRecords = (name, change) => json("PATCH", `${collection(name)}/records`, { body: change });

/** Give records as a file: {format: "csv" | "jsonl" | "html" | "zip", ids}; with how many pictures of a ZIP are small ones. */
export async function exportRecords(name, wanted) {
  const answer = await call("POST", `${collection(name)}/export`, { body: wanted });
  return [await answer.blob(), Number(answer.headers.get("X-Thumbnails"))];
}

/** Send a body and tell how much of it has gone, which fetch does not. */
function upload(url, body, type, sent) {
  const request = new XMLHttpRequest();
  request.open("POST", url);
  request.responseType = "json";
  if (type) request.setRequestHeader("Content-Type", type);
  request.upload.addEventListener("progress", ({ loaded, total }) => sent(total ? loaded / total : 0));
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () => {
      const { status, response } = request;
      if (status < 300) return resolve(response);
      const failure = errorOf(status, response, request.getResponseHeader("Retry-After"));
      if (status === 401) tellKeyNeeded();
      reject(failure);
    });
    request.addEventListener("error", () => reject(unreachable()));
    request.addEventListener("abort", () => reject(new ApiError(1, "aborted", "the upload was stopped. Try it again.")));
    request.send(body);
  });
}

/** The folders of the server's machine below one, or those that it was given. */
export const folders = (path, signal) => json("GET", `/library${query({ path: path || null })}`, { signal });
export const indexFolder = (name, folder, prune) => json("POST", `${collection(name)}/index`, { body: { folder, prune } });

/** Let the server draw its sample pictures and add them to the new collection `demo`, as a job. */
export const addSamples = () => json("POST", "/samples");

export const jobs = async () => (await json("GET", "/jobs")).jobs;
export const cancelJob = (id) => json("DELETE", `/jobs/${part(id)}`);
export const jobFailures = async (id, { start = 0, limit }) =>
  (await json("GET", `/jobs/${part(id)}/outcomes${query({ outcome: "failed", start, limit })}`)).outcomes
    .map((one) => ({ ...one, message: plain(one.message ?? "") }));

/** Follow a job: `moved` hears of each change of it, `lost` when it cannot be followed, and `cut` whenever the server does not answer. */
export function followJob(id, moved, lost, cut = () => {}) {
  const events = new EventSource(`${BASE}/jobs/${part(id)}/events`);
  const hear = (event) => moved(JSON.parse(event.data));
  events.addEventListener("progress", hear);
  events.addEventListener("end", (event) => {
    events.close();
    hear(event);
  });
  // A server that starts anew is asked again by itself; one that refuses is not.
  events.addEventListener("error", () => (events.readyState === EventSource.CLOSED ? lost() : cut()));
}

export const thumbnailUrl = (name, id, side) => `${BASE}${record(name, id)}/thumbnail${query({ side_px: side })}`;

export const originalUrl = (name, id) => `${BASE}${record(name, id)}/original`;

/** Give the best picture of a record that there is. */
export async function recordPicture(name, id) {
  const { keep } = await getCollection(name);
  const kind = keep === "original" ? "original" : "thumbnail?side_px=1600";
  return (await call("GET", `${record(name, id)}/${kind}`)).blob();
}

/** Read what lies outside the interface proper. */
async function read(path) {
  const answer = await fetch(path).catch(() => {
    throw unreachable();
  });
  if (answer.status === 401) tellKeyNeeded();
  if (!answer.ok) throw errorOf(answer.status, await answer.json().catch(() => null));
  return answer;
}

/** The JSON schema of a search: what conditions there are. */
export const searchSchema = async () => (await read("/openapi.json?schema=SearchQuery")).json();

export const search = (name, body, signal) => json("POST", `${collection(name)}/search`, { body, signal });
export const histogram = async (name, body, signal) =>
  (await json("POST", `${collection(name)}/histogram?bins=100`, { body, signal })).counts;
/** Count the values of fields; with `field` of that one alone, and with `contains` of the values that hold this text. */
export const facets = (name, { filter, limit = 50, field, contains }, signal) =>
  json("GET", `${collection(name)}/facets${query({ limit, filter: filter && JSON.stringify(filter), field, contains })}`, { signal });

/** Groups of ids: pictures that a chain of pairs joins, each scoring at least `threshold`. */
export const clusters = (name, threshold, signal) => json("GET", `${collection(name)}/clusters${query({ threshold })}`, { signal });

/** Draw records at random; the same seed draws the same. */
export const sample = async (name, count = 1, seed = null) =>
  (await json("GET", `${collection(name)}/records${query({ sample: count, seed })}`)).records;

/** Compare two pictures; `name`: the collection of the stored ones among them, else null. */
export const compare = (name, body, given, signal) =>
  json("POST", `${name === null ? "" : collection(name)}/compare${query(given)}`, { body, signal });

export const review = (name, given) => json("GET", `${collection(name)}/review${query(given)}`);
export const reviewProgress = (name) => json("GET", `${collection(name)}/review/progress`);
export const decide = (name, decision) => json("POST", `${collection(name)}/decisions`, { body: decision });
export const decisions = (name, given = {}) => json("GET", `${collection(name)}/decisions${query(given)}`);
export const undoDecision = (name, id) => json("DELETE", `${collection(name)}/decisions/${part(id)}`);
export const bestOfGroups = (name, given) => json("GET", `${collection(name)}/review/best${query(given)}`);
export const keepBest = (name, wanted) => json("POST", `${collection(name)}/review/best`, { body: wanted });
export const marked = (name, given, signal) => json("GET", `${collection(name)}/review/marked${query(given)}`, { signal });
export const unmark = (name, ids) => json("POST", `${collection(name)}/review/unmark`, { body: { ids } });
export const moveMarked = (name) => json("POST", `${collection(name)}/review/apply`, { body: {} });
export const moveBack = (name, batch) => json("POST", `${collection(name)}/review/undo-apply`, { body: { batch } });
export const scriptUrl = (name) => `${BASE}${collection(name)}/review/script`;

export const session = () => json("GET", "/session");
export const openSession = (key) => json("POST", "/session", { headers: { Authorization: `Bearer ${key}` } });
export const closeSession = () => json("DELETE", "/session");
export const keys = async () => (await json("GET", "/keys")).keys;
export const createKey = (wanted) => json("POST", "/keys", { body: wanted });
export const revokeKey = (id) => json("DELETE", `/keys/${part(id)}`);
export const rotateKey = (id) => json("POST", `/keys/${part(id)}/rotate`);

/** Tell whether the server takes work: "ok", "starting", "ending", "full" or "unreachable". */
export const readiness = () =>
  fetch("/readyz").then((answer) => answer.json()).then((told) => told.status, () => "unreachable");

/** Give the figures as [name, labels, value]. */
export async function metrics() {
  const lines = (await (await read("/metrics")).text()).split("\n").filter((line) => line && !line.startsWith("#"));
  return lines.map((line) => {
    const [, name, labels = "", value] = line.match(/^(\w+)(?:\{(.*)\})? (\S+)/);
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
    return [name, Object.fromEntries(pairs), Number(value)];
  });
}
