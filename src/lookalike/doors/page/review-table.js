/** What is known of two pictures, line by line, with the better value marked; and in one line below each. */

import { html, Icon } from "./ui.js";
import { bytes, date, day, number, placeOf, writeValue } from "./words.js";

const FORMATS = { png: 2, bmp: 2, tiff: 2, ppm: 2, pgm: 2, pbm: 2, gif: 0 }; // without loss; 256 colors; the others are 1

const size = ({ size_px: [width, height] }) => `${number(width)} × ${number(height)}`;

/** Size, bytes and date of a picture in one line. */
export const factsLine = (one) => [size(one), bytes(one.byte_size), dated(one)].join(" · ");

function dated({ taken, changed_at: changed, created_at: added }) {
  if (taken) return `taken ${day(taken)}`;
  return changed ? `file of ${day(changed)}` : `added ${day(added)}`;
}

/** The table of two members; `sharpness` gives a number for each, or null. */
export function FactsTable({ left, right, sharpness: [sharpLeft, sharpRight] }) {
  const lines = [
    ["Size", size(left), size(right), area(left) - area(right)],
    ["File", bytes(left.byte_size), bytes(right.byte_size), left.byte_size - right.byte_size],
    ["Date", when(left), when(right), older(left, right)],
    ["Format", left.format, right.format, quality(left) - quality(right)],
    ["Sharpness", sharp(sharpLeft), sharp(sharpRight), sharper(sharpLeft, sharpRight)],
    ["Score", left.score.toFixed(3), right.score.toFixed(3), 0],
    ["Fields and tags", known(left), known(right), count(left) - count(right)],
    ["Place", placeOf(left), placeOf(right), 0],
  ];
  return html`<div class="table-place"><table class="facts-table">
    <caption class="visually-hidden">What is known of the two pictures; the better value is marked</caption>
    <thead><tr><td></td><th scope="col">Left</th><th scope="col">Right</th></tr></thead>
    <tbody>${lines.map(([name, one, other, lead]) => html`<tr key=${name}><th scope="row">${name}</th>
      <${Cell} text=${one} isBetter=${lead > 0} /><${Cell} text=${other} isBetter=${lead < 0} /></tr>`)}</tbody>
  </table></div>`;
}

const Cell = ({ text, isBetter }) => html`<td class=${isBetter ? "is-better" : undefined}>${text}
  ${isBetter && html`<${Icon} name="check" /><span class="visually-hidden"> (better)</span>`}</td>`;

const area = ({ size_px: [width, height] }) => width * height;
const quality = ({ format }) => FORMATS[format] ?? 1;
const moment = ({ taken, changed_at: changed, created_at: added }) => taken ?? changed ?? added;
const when = (one) => `${one.taken ? "taken" : one.changed_at ? "file of" : "added"} ${date(moment(one))}`;
const older = (left, right) => (when(left) === when(right) ? 0 : new Date(moment(right)) - new Date(moment(left)));
const count = ({ metadata, tags }) => Object.keys(metadata).length + tags.length;
const known = (one) => [...Object.entries(one.metadata).map(([name, value]) => `${name}: ${writeValue(value)}`), ...one.tags].join(", ") || "none";
const sharp = (value) => (value === null || value === undefined ? "not known" : value.toFixed(0));

/** Compare sharpness; a twentieth is noise of the encoding. */
function sharper(left, right) {
  if (!left || !right || Math.abs(left - right) < 0.05 * Math.max(left, right)) return 0;
  return left - right;
}
