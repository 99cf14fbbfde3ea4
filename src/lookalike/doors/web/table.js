/** A table of metadata: which pictures its rows name, shown before anything is taken from it. */

import * as api from "./api.js";
import { readRows, storedValueOf, valueOf } from "./csv.js";
import { Button, Field, html, Icon, openDialog, Picture, Select, useLoaded, useObjectUrl, useState } from "./ui.js";
import { fieldName, number, plural, shortName, writeValue } from "./words.js";

const SHOWN = 5; // rows of the preview
const NAMED = 3; // names that are told of rows without a picture
const PAGE = 1000; // records asked for at once: as many as the server gives
const EXPORTED = ["id", "source", "format", "width", "height", "bytes", "created_at", "updated_at", "tags"]; // begin a table that was exported here
const PREFIX = "metadata."; // before a field that is called as one of these
const ABOUT_PICTURES = /^(_.*|id|path|file|file ?_?name|image|picture)$/i; // columns that name a picture rather than tell of it

/** Say whether a file is a table. */
export const isTable = ({ path }) => /\.(csv|tsv)$/i.test(path);

/**
 * Ask what a table is to be used for. `pictures` are those that came with it, by name. Gives {brought, stored, lines}: pairs of a
 * picture and its record; pairs of an id and {metadata, tags}; and records with an address. Undefined when all is to be left.
 */
export const openTable = (collection, { path, file }, pictures) =>
  openDialog(`Fields from ${shortName(path)}`, TablePreview, { collection, file, pictures }, "wide");

// ---- rows and pictures

/** Read a table: {columns, rows, isExport}, each row an object of the cells that hold something. */
async function readTable(file) {
  const [header = [], ...rows] = readRows(await textOf(file));
  const isExport = EXPORTED.every((name, at) => header[at] === name);
  const columns = isExport ? header : header.map((name) => name.trim());
  const named = columns.filter(Boolean);
  const double = named.find((name, at) => named.indexOf(name) !== at);
  if (double) throw new Error(`Two columns are called "${double}". Give each a name of its own.`);
  if (!named.length || !rows.length) throw new Error("The table has no rows below its first, which names the columns.");
  const cellsOf = (row) => Object.fromEntries(row.map((cell, at) => [columns[at], cell.trim()]).filter(([name, cell]) => name && cell));
  return { columns: isExport ? ["id"] : named, rows: rows.map(cellsOf), isExport };
}

async function textOf(file) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error("The table is not UTF-8. Save it as UTF-8 and bring it again.");
  }
}

/** All that a table may call a picture: its id, and every end of it behind a slash, each with and without the file's ending. */
function* namesOf(id) {
  for (let at = 0; at <= id.length; at = (id.indexOf("/", at) + 1) || id.length + 1) {
    const name = id.slice(at);
    yield name;
    yield name.replace(/\.[^./]+$/, "");
  }
}

/** Find ids by what a table may call them; what several are called stands for none of them. */
export function indexOf(ids) {
  const index = new Map();
  const isAnother = (name, id) => index.has(name) && index.get(name) !== id;
  for (const id of ids) for (const name of namesOf(plain(id))) index.set(name, isAnother(name, id) ? null : id);
  for (const id of ids) index.set(plain(id), id);
  return index;
}

const plain = (name) => name.normalize("NFC").replaceAll("\\", "/").replace(/^\.\//, "");

/** Find the picture that a cell names: by its id or an end of it, or as a path whose end is the whole id. */
function find(index, cell) {
  const name = plain(cell);
  if (index.has(name)) return index.get(name);
  const ends = [...namesOf(name)].filter((end) => plain(index.get(end) ?? "") === end);
  return index.get(ends[0]) ?? null;
}

/** Match rows to pictures by a column. A picture that several rows name is matched to none of them. */
export function matchRows(rows, column, indexes) {
  const pairs = rows.map((row) => {
    const cell = row[column];
    const place = cell ? indexes.findIndex((index) => find(index, cell)) : -1;
    return { row, cell, place, id: place < 0 ? null : find(indexes[place], cell) };
  });
  const counts = new Map();
  for (const { place, id } of pairs) if (id) counts.set(`${place} ${id}`, (counts.get(`${place} ${id}`) ?? 0) + 1);
  const isDouble = ({ place, id }) => counts.get(`${place} ${id}`) > 1;
  return {
    matched: pairs.filter((pair) => pair.id && !isDouble(pair)),
    double: pairs.filter((pair) => pair.id && isDouble(pair)),
    unmatched: pairs.filter((pair) => !pair.id),
  };
}

/** The column that names most pictures; of equals, the one that is called as if it did. */
function bestColumn({ columns, rows }, indexes) {
  const rank = (column) => matchRows(rows, column, indexes).matched.length + (ABOUT_PICTURES.test(column) ? 0.5 : 0);
  return columns.map((column) => [rank(column), column]).reduce((best, one) => (one[0] > best[0] ? one : best))[1];
}

/** The fields of a row, without what names its picture; of a table that was exported here, without what a record is besides. */
function fieldsOf(row, column, isExport) {
  if (isExport) return exportedFields(row);
  const cells = Object.entries(row).filter(([name]) => !name.startsWith("_") && !(name === column && ABOUT_PICTURES.test(name)));
  const { tags, ...metadata } = Object.fromEntries(cells);
  return {
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, cell]) => [name, valueOf(cell)])),
    tags: tagsOf(tags),
  };
}

function exportedFields(row) {
  const cells = Object.entries(row).filter(([name]) => !EXPORTED.includes(name));
  const values = cells.map(([name, cell]) => [name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name, storedValueOf(cell)]);
  return { metadata: Object.fromEntries(values.filter(([, value]) => value !== undefined)), tags: tagsOf(row.tags) };
}

/** Split tags at semicolons; a JSON list of texts is taken as it is. */
function tagsOf(cell) {
  const listed = cell?.startsWith("[") ? storedValueOf(cell) : null;
  if (Array.isArray(listed) && listed.every((tag) => typeof tag === "string")) return listed;
  return cell?.split(";").map((tag) => tag.trim()).filter(Boolean);
}

/** The ids of all records of a collection, page after page; `move` hears how many are known. */
async function storedIds(collection, signal, move) {
  const ids = [];
  let cursor = null;
  do {
    const { records, next } = await api.listRecords(collection, { limit: PAGE, cursor }, signal);
    ids.push(...records.map(({ id }) => id));
    move(ids.length);
    cursor = next;
  } while (cursor);
  return ids;
}

/** Turn matched rows into what is to be added and changed. */
function usedRows({ matched, unmatched }, column, pictures, isExport) {
  const flat = ({ metadata, tags }) => ({ ...metadata, ...(tags && { tags }) });
  const recordOf = ({ row, id }) => ({ ...flat(fieldsOf(row, column, isExport)), _id: row._id ?? id });
  return {
    brought: matched.filter(({ place }) => place === 0).map((pair) => ({ path: pair.id, file: pictures.get(pair.id), record: recordOf(pair) })),
    stored: matched.filter(({ place }) => place === 1).map(({ row, id }) => ({ id, change: fieldsOf(row, column, isExport) })),
    lines: unmatched.filter(({ row }) => row._url).map(({ row }) => ({ ...flat(fieldsOf(row, column)), ...(row._id && { _id: row._id }), _url: row._url })),
  };
}

// ---- the preview

function TablePreview({ collection, file, pictures, close }) {
  const [chosen, setChosen] = useState(null);
  const [known, setKnown] = useState(0);
  const { value, error } = useLoaded(async (signal) => {
    const table = await readTable(file);
    const own = indexOf([...pictures.keys()]);
    const isEnough = matchRows(table.rows, bestColumn(table, [own]), [own]).matched.length === table.rows.length;
    const indexes = [own, isEnough ? new Map() : indexOf(await storedIds(collection, signal, setKnown))];
    return { ...table, indexes, best: bestColumn(table, indexes) };
  }, [collection, file]);
  const without = pictures.size > 0 && html`<${Button} onClick=${() => close({ brought: [], stored: [], lines: [] })}>Add the pictures without it</${Button}>`;
  if (error) return html`<p class="trouble" role="alert">${error.message}</p><div class="actions">${without}<${Button} onClick=${() => close()}>Cancel</${Button}></div>`;
  if (!value) return html`<p class="muted" aria-busy="true">Looking for the pictures that it names${known ? `: ${number(known)} names are known` : " ..."}</p>`;
  const column = chosen ?? value.best;
  const found = matchRows(value.rows, column, value.indexes);
  const used = usedRows(found, column, pictures, value.isExport);
  const count = used.brought.length + used.stored.length + used.lines.length;
  return html`
    <${Field} label="The pictures are named by">${(joined) =>
      html`<${Select} options=${value.columns.map((name) => [name, name])} value=${column} onChange=${setChosen} ...${joined} />`}</${Field}>
    ${value.isExport && html`<p class="muted">A table that was exported here: fields and tags are taken from it, all else is left out.</p>`}
    <${Sums} rows=${value.rows} found=${found} used=${used} />
    ${found.matched.length > 0 && html`<${Rows} collection=${collection} pairs=${found.matched} column=${column} pictures=${pictures} isExport=${value.isExport} />`}
    <div class="actions">${without || html`<${Button} onClick=${() => close()}>Cancel</${Button}>`}
      <${Button} kind="primary" disabled=${!count} onClick=${() => close(used)}>Use ${plural(count, "row")}</${Button}></div>`;
}

/** How many rows name a picture, and how many do not. */
function Sums({ rows, found, used }) {
  const { brought, stored, lines } = used;
  const kinds = [[brought, "name a picture that came along"], [stored, "name a picture that is stored here"], [lines, "hold the address of a picture"]];
  const lost = found.unmatched.filter(({ row }) => !row._url);
  const names = (pairs) => {
    const all = [...new Set(pairs.map(({ cell }) => cell ?? "an empty cell"))];
    return all.slice(0, NAMED).join(", ") + (all.length > NAMED ? ", ..." : "");
  };
  return html`<ul class="table-sums">
    ${kinds.filter(([some]) => some.length).map(([some, text]) => html`<li key=${text}><${Icon} name="check" />${number(some.length)} of ${number(rows.length)} rows ${text}</li>`)}
    ${lost.length > 0 && html`<li class="is-lost"><${Icon} name="alert" />${plural(lost.length, "row names", "rows name")} no picture that is here: ${names(lost)}</li>`}
    ${found.double.length > 0 && html`<li class="is-lost"><${Icon} name="alert" />${number(found.double.length)} rows are left out, as several name one picture: ${names(found.double)}</li>`}
  </ul>`;
}

/** The first rows, as they will be used. */
function Rows({ collection, pairs, column, pictures, isExport }) {
  const shown = pairs.slice(0, SHOWN).map((pair) => ({ ...pair, fields: fieldsOf(pair.row, column, isExport) }));
  const names = [...new Set(shown.flatMap(({ fields }) => Object.keys(fields.metadata)))];
  const hasTags = shown.some(({ fields }) => fields.tags);
  return html`<div class="table-place" tabindex="0" role="region" aria-label="The first rows"><table>
    <thead><tr><th scope="col">Picture</th>${names.map((name) => html`<th key=${name} scope="col">${fieldName(name)}</th>`)}${hasTags && html`<th scope="col">tags</th>`}</tr></thead>
    <tbody>${shown.map(({ id, place, fields: { metadata, tags } }) => html`<tr key=${id}>
      <th scope="row"><span class="table-picture"><${SmallPicture} collection=${collection} id=${place === 1 && id} file=${pictures.get(id)} />${shortName(id)}</span></th>
      ${names.map((name) => html`<td key=${name}>${writeValue(metadata[name] ?? "")}</td>`)}${hasTags && html`<td>${tags?.join(", ")}</td>`}
    </tr>`)}</tbody></table></div>`;
}

/** A picture in small: a stored one by its id, one on this device from its file. */
export function SmallPicture({ collection, id, file }) {
  const [own] = useState(file); // as at first: the queue lets go what is sent
  const url = useObjectUrl(own);
  const src = own ? url : id && api.thumbnailUrl(collection, id);
  return html`<span class="small-picture"><${Picture} src=${src} loading="lazy" fallback=${html`<${Icon} name="picture" />`} /></span>`;
}
