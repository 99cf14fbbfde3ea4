/** What people bring to a collection, turned into uploads and lists. */

import { urlOf } from "./drops.js";
import { linesOf, sendList } from "./lists.js";
import { isPicture } from "./pictures.js";
import { mayWrite } from "./rights.js";
import { collectionAddress, go } from "./route.js";
import { isTable, openTable } from "./table.js";
import { announce, toast } from "./ui.js";
import { enqueue, numbered } from "./uploads.js";
import { plural } from "./words.js";

const SHOWN_AFTER_MS = 200; // when the list of what was sent stands there
const LINES = /\.(jsonl|ndjson)$/i;

/** Whether a file holds records, one on each line. */
export const isList = ({ path }) => LINES.test(path);

/** Send what was brought; false when nothing of it is added. */
export async function addBrought(name, { files = [], text = "", url }, options = {}) {
  if (!mayWrite()) {
    toast("Your key may ask, and add nothing.", "bad");
    return false;
  }
  const listed = files.filter(isList);
  const tables = files.filter(isTable);
  const pictures = named(files.filter((one) => isPicture(one.file) && !listed.includes(one) && !tables.includes(one)));
  const skipped = files.length - pictures.size - listed.length - tables.length;
  if (skipped) toast(`${plural(skipped, "file")} left out: no ${skipped === 1 ? "picture" : "pictures"}.`);

  const uploads = [];
  const lists = [];
  const typed = (text || url || "").split("\n").map((line) => line.trim()).filter(Boolean);
  if (typed.length) lists.push([titleOf(typed), typed.map(lineOf)]);
  for (const { path, file } of listed) {
    const lines = await linesOf(file);
    lists.push([path, pictures.size ? takeDescribed(lines, pictures, uploads) : lines]);
  }
  for (const table of tables) {
    const used = await openTable(name, table, pictures);
    if (!used) return false;
    takeTable(used, table.path, pictures, uploads, lists);
  }
  for (const [path, file] of pictures) uploads.push({ name: path, body: { file, record: { _id: path } } });
  return send(name, uploads, lists.filter(([, lines]) => lines.length), { skipped: skipped + listed.length + tables.length, ...options });
}

function send(name, uploads, lists, { skipped, ...options }) {
  if (!uploads.length && !lists.length) {
    if (!skipped) toast("Nothing to add there: it is neither a picture nor an address nor a JSON line.", "bad");
    return false;
  }
  for (const [title, lines] of lists) sendList(name, title, new Blob([lines.join("\n")]), options);
  if (uploads.length) {
    enqueue(name, uploads, options);
    announce(`${plural(uploads.length, "picture")} queued.`);
  }
  if (location.hash !== `${collectionAddress(name)}/add`) go(["c", name, "add"]);
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

const titleOf = (lines) => (lines.length === 1 ? (urlOf(lines[0]) ?? "One record") : plural(lines.length, "line"));

/** Take the records of JSON lines whose `_file` came along out of `pictures` into `uploads`; give the other lines. */
function takeDescribed(lines, pictures, uploads) {
  return lines.filter((line) => {
    const { _file, ...record } = parsed(line);
    const path = _file && [...pictures.keys()].find((one) => one === _file || one.endsWith(`/${_file}`));
    if (!path) return true;
    uploads.push({ name: String(record._id ?? _file), body: { file: pictures.get(path), record: { _id: _file, ...record } } });
    pictures.delete(path);
    return false;
  });
}

function parsed(line) {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}

/** Take what the rows of a table say, and the pictures that they name out of `pictures`. */
function takeTable({ brought, stored, lines }, title, pictures, uploads, lists) {
  for (const { path, file, record } of brought) {
    uploads.push({ name: record._id, body: { file, record } });
    pictures.delete(path);
  }
  uploads.push(...stored.map(({ id, change }) => ({ name: id, body: { change } })));
  if (lines.length) lists.push([title, lines.map((line) => JSON.stringify(line))]);
}
