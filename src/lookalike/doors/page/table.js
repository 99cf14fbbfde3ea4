/** A table of metadata: which pictures its rows name, shown before anything is taken from it. */

import * as api from "./api.js";
import { areDecimals, decimalOf, readRows, separatorOf, storedValueOf, valueOf } from "./csv.js";
import { Button, Field, html, Icon, openDialog, Picture, Select, useLoaded, useObjectUrl, useState } from "./ui.js";
import { fieldName, number, placedName, plural, shortName, writeValue } from "./words.js";

const SHOWN = 5; // rows of the preview
const NAMED = 3; // names that are told of rows without a picture
const PAGE = 1000; // records asked for at once: as many as the server gives
const EXPORTED = ["id", "source", "format", "width", "height", "bytes", "created_at", "updated_at", "tags"]; // begin a table that was exported here
const PREFIX = "metadata."; // before a field that is called as one of these
const DECIMAL_COMMAS = [";", "\t"]; // separators beside which a comma may be a decimal mark
const OURS = ["_id", "_url"]; // of the names that no field may have, those that say something here
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

/**
 * Read a table: {columns, rows, isExport, decimals, nameless}, each row an object of the cells that hold something. `decimals` are the
 * columns of numbers with a decimal comma, `nameless` says whether cells stand in no column that has a name.
 */
async function readTable(file) {
  const text = await textOf(file);
  const [header = [], ...rows] = readRows(text);
  const isExport = EXPORTED.every((name, at) => header[at] === name);
  const columns = isExport ? header : header.map((name) => name.trim());
  const named = columns.filter(Boolean);
  const double = named.find((name, at) => named.indexOf(name) !== at);
  if (double) throw new Error(`Two columns are called "${double}". Give each a name of its own.`);
  if (!named.length || !rows.length) throw new Error("The table has no rows below its first, which names the columns.");
  const cellsOf = (row) => Object.fromEntries(row.map((cell, at) => [columns[at], cell.trim()]).filter(([name, cell]) => name && cell));
  const nameless = rows.some((row) => row.some((cell, at) => cell.trim() && !columns[at]));
  const told = rows.map(cellsOf);
  const isDecimal = (name) => areDecimals(told.map((row) => row[name]).filter((cell) => cell !== undefined));
  const decimals = isExport || !DECIMAL_COMMAS.includes(separatorOf(text)) ? [] : named.filter((name) => isField(name) && isDecimal(name));
  return { columns: isExport ? ["id"] : named, named, rows: told, isExport, decimals, nameless };
}

/** Whether a column can become a field: names that begin with _ or $, and "tags", are the server's own. */
const isField = (name) => !/^[_$]/.test(name) && name !== "tags";

/** The name of a column of an exported table as a field. */
const bare = (name) => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name);

/** The columns of a table that are left out as their names cannot be those of fields. */
function leftOut({ named, isExport }, column) {
  if (isExport) return named.filter((name) => !EXPORTED.includes(name) && !isField(bare(name)));
  return named.filter((name) => !isField(name) && name !== "tags" && name !== column && !OURS.includes(name));
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
function fieldsOf(row, column, { isExport, decimals }) {
  if (isExport) return exportedFields(row);
  const cells = Object.entries(row).filter(([name]) => isField(name) && !(name === column && ABOUT_PICTURES.test(name)));
  const read = ([name, cell]) => [name, decimals.includes(name) ? decimalOf(cell) : valueOf(cell)];
  return { metadata: Object.fromEntries(cells.map(read)), tags: tagsOf(row.tags) };
}

function exportedFields(row) {
  const cells = Object.entries(row).filter(([name]) => !EXPORTED.includes(name) && isField(bare(name)));
  const values = cells.map(([name, cell]) => [bare(name), storedValueOf(cell)]);
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
function usedRows({ matched, unmatched }, column, pictures, table) {
  const flat = ({ metadata, tags }) => ({ ...metadata, ...(tags && { tags }) });
  const recordOf = ({ row, id }) => ({ ...flat(fieldsOf(row, column, table)), _id: row._id ?? id });
  return {
    brought: matched.filter(({ place }) => place === 0).map((pair) => ({ path: pair.id, file: pictures.get(pair.id), record: recordOf(pair) })),
    stored: matched.filter(({ place }) => place === 1).map(({ row, id }) => ({ id, change: fieldsOf(row, column, table) })),
    lines: unmatched.filter(({ row }) => row._url).map(({ row }) => ({ ...flat(fieldsOf(row, column, table)), ...(row._id && { _id: row._id }), _url: row._url })),
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
  const used = usedRows(found, column, pictures, value);
  const count = used.brought.length + used.stored.length + used.lines.length;
  return html`
    <${Field} label="The pictures are named by">${(joined) =>
      html`<${Select} options=${value.columns.map((name) => [name, name])} value=${column} onChange=${setChosen} ...${joined} />`}</${Field}>
    ${value.isExport && html`<p class="muted">A table that was exported here: fields and tags are taken from it, all else is left out. An empty cell leaves its field as it is.</p>`}
    <${Sums} rows=${value.rows} found=${found} used=${used} />
    <${Columns} table=${value} column=${column} />
    ${found.matched.length > 0 && html`<${Rows} collection=${collection} pairs=${found.matched} column=${column} pictures=${pictures} table=${value} />`}
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

/** What is to be known of the columns: those that are left out, and why; and how numbers are read. */
function Columns({ table, column }) {
  const lost = leftOut(table, column);
  const said = [
    lost.length > 0 && `${lost.length > 1 ? "Columns" : "Column"} left out: ${lost.join(", ")}. The name of a field begins with neither _ nor $.`,
    table.nameless && "Cells are left out that stand in a column without a name.",
  ].filter(Boolean);
  return html`${said.length > 0 && html`<ul class="table-sums">${said.map((text) => html`<li key=${text} class="is-lost"><${Icon} name="alert" />${text}</li>`)}</ul>`}
    ${table.decimals.length > 0 && html`<p class="muted">Read as numbers with a decimal comma: ${table.decimals.map(fieldName).join(", ")}.</p>`}`;
}

/** The first rows, as they will be used. */
function Rows({ collection, pairs, column, pictures, table }) {
  const shown = pairs.slice(0, SHOWN).map((pair) => ({ ...pair, fields: fieldsOf(pair.row, column, table) }));
  const names = [...new Set(shown.flatMap(({ fields }) => Object.keys(fields.metadata)))];
  const hasTags = shown.some(({ fields }) => fields.tags);
  return html`<div class="table-place" tabindex="0" role="region" aria-label="The first rows"><table>
    <thead><tr><th scope="col">Picture</th>${names.map((name) => html`<th key=${name} scope="col">${fieldName(name)}</th>`)}${hasTags && html`<th scope="col">tags</th>`}</tr></thead>
    <tbody>${shown.map(({ id, place, fields: { metadata, tags } }) => html`<tr key=${id}>
      <th scope="row"><span class="table-picture"><${SmallPicture} collection=${collection} id=${place === 1 && id} file=${pictures.get(id)} />${placedName(id)}</span></th>
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
