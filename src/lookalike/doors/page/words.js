/** Numbers, names and verdicts as people read them. */

const numbers = new Intl.NumberFormat("en");
const ages = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const AGES = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3600], ["minute", 60]]; // seconds of each
const days = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const dates = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
// Least score of each band, as the README names them: no band claims a copy, which only geometry can tell.
const BANDS = [[0.9, "nearly the same"], [0.7, "same subject"], [0.5, "similar"], [0, "little in common"]];

export const number = (value) => numbers.format(value);
export const date = (text) => dates.format(new Date(text));
export const day = (text) => days.format(new Date(text));

/** How long ago a time is: "2 hours ago". */
export function ago(text) {
  const seconds = (new Date(text) - Date.now()) / 1000;
  const [unit, length] = AGES.find(([, length]) => -seconds >= length) ?? [];
  return unit ? ages.format(Math.ceil(seconds / length), unit) : "just now";
}

export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** Format a score or a probability with two digits; 1.00 is kept for what is certain. */
export const share = (value) => (value < 1 ? Math.min(value, 0.99) : value).toFixed(2);

/** Format a count of bytes. */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) [count, unit] = [count / 1000, unit + 1];
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

/** Tell seconds that are left as people do. */
export const timeLeft = (seconds) => (seconds < 90 ? `about ${Math.max(1, Math.round(seconds))} s left` : `about ${Math.round(seconds / 60)} min left`);

/** Name the band that a score lies in. */
export const bandOf = (score) => BANDS.find(([least]) => score >= least)[1];

/** Name the field of a record for people: "product id". */
export const fieldName = (field) => field.replaceAll("_", " ");

const partsOf = (id) => id.split("/").filter(Boolean);

/** The last part of an id: the name of a file without its folder. */
export const shortName = (id) => partsOf(id).pop() ?? id;

/** The folder of an id, or the host of an address; "" where it has none. */
export function folderOf(id) {
  if (id.includes("://")) return hostOf(id);
  return partsOf(id).slice(0, -1).pop() ?? "";
}

/** Name a picture where many folders may hold the same name: "iconic.jpg in cabbage". */
export const placedName = (id) => (folderOf(id) && !id.includes("://") ? `${shortName(id)} in ${folderOf(id)}` : shortName(id));

/** Put a message of the server's into words of who reads it: pictures that came without a name are told there by their bytes. */
export const plain = (message) => message.replace(/"?bytes:[0-9a-f]{12}"?/g, "your picture");

/** Where a picture came from: its path or address, or what its sender called it where it came without one. */
export const placeOf = ({ source, name, id }) => (source && !source.startsWith("bytes:") ? source : (name ?? id));

export function hostOf(url) {
  try {
    return new URL(url).hostname;
  } catch {
    return url;
  }
}

/** Write a value of a field as people do: text bare, unless it could be taken for something else. */
export function writeValue(value) {
  return typeof value === "string" && readValue(value) === value ? value : JSON.stringify(value);
}

/** Read a value that people wrote: JSON where it is JSON, else the text itself. */
export function readValue(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The value of a field of a record or match, dotted for a field within a field. */
export const valueOf = (record, field) => field.split(".").reduce((value, name) => value?.[name], record.metadata);
