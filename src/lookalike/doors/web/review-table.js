/** What is known of two pictures, line by line, with the better value marked. */

import { bytes, h, icon, number, placeOf } from "./dom.js";

const dates = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const FORMATS = { png: 2, bmp: 2, tiff: 2, ppm: 2, pgm: 2, pbm: 2, gif: 0 }; // without loss; 256 colors; the others are 1

/** Make the table of two members; `sharpness` gives a number for each, or null. */
export function factsTable(left, right, [sharpLeft, sharpRight]) {
  const lines = [
    line("Score", left.score.toFixed(3), right.score.toFixed(3)),
    line("Size", size(left), size(right), area(left) - area(right)),
    line("File", bytes(left.byte_size), bytes(right.byte_size), left.byte_size - right.byte_size),
    line("Format", left.format, right.format, quality(left) - quality(right)),
    line("Sharpness", sharp(sharpLeft), sharp(sharpRight), sharper(sharpLeft, sharpRight)),
    line("Added", date(left), date(right), older(left, right)),
    line("Fields and tags", known(left), known(right), count(left) - count(right)),
    line("Place", placeOf(left), placeOf(right)),
  ];
  return h("div", { class: "table-place" }, h("table", { class: "facts-table" },
    h("caption", { class: "visually-hidden" }, "What is known of the two pictures; the better value is marked"),
    h("thead", {}, h("tr", {}, h("td", {}), h("th", { scope: "col" }, "Left"), h("th", { scope: "col" }, "Right"))),
    h("tbody", {}, lines)));
}

/** Make a line; `lead` is above 0 where the left value is the better one, below it where the right one is. */
function line(name, left, right, lead = 0) {
  const cell = (text, isBetter) =>
    h("td", { class: isBetter ? "is-better" : null }, text, isBetter && [icon("check"), h("span", { class: "visually-hidden" }, " (better)")]);
  return h("tr", {}, h("th", { scope: "row" }, name), cell(left, lead > 0), cell(right, lead < 0));
}

const size = ({ size_px: [width, height] }) => `${number(width)} × ${number(height)}`;
const area = ({ size_px: [width, height] }) => width * height;
const quality = ({ format }) => FORMATS[format] ?? 1;
const date = ({ created_at: at }) => dates.format(new Date(at));
const older = (left, right) => (date(left) === date(right) ? 0 : new Date(right.created_at) - new Date(left.created_at));
const count = ({ metadata, tags }) => Object.keys(metadata).length + tags.length;
const known = (one) => [...Object.entries(one.metadata).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`), ...one.tags].join(", ") || "none";
const sharp = (value) => (value === null || value === undefined ? "not known" : value.toFixed(0));

/** Compare sharpness; a twentieth is noise of the encoding. */
function sharper(left, right) {
  if (!left || !right || Math.abs(left - right) < 0.05 * Math.max(left, right)) return 0;
  return left - right;
}
