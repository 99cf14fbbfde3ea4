/** CSV as RFC 4180 has it: cells in quotes may hold separators, line ends, and quotes that are doubled. */

const SEPARATORS = [",", ";", "\t", "|"];
const QUOTED = /"([^"]*(?:""[^"]*)*)"/y;
const BREAK = /\r\n|\r|\n/y;

/** Read a text as rows of cells; empty lines are left out. */
export function readRows(text) {
  const separator = separatorOf(text);
  const bare = new RegExp(`[^${separator === "|" ? "\\|" : separator}\r\n]*`, "y");
  const rows = [];
  let row = [];
  for (let at = 0; at < text.length || row.length; at += 1) {
    const isQuoted = text[at] === '"';
    const cell = matchAt(isQuoted ? QUOTED : bare, text, at);
    if (!cell) throw new Error(`Row ${rows.length + 1} has a quote that does not end.`);
    row.push(isQuoted ? cell[1].replaceAll('""', '"') : cell[0]);
    at += cell[0].length;
    if (text[at] === separator) continue;
    const end = matchAt(BREAK, text, at);
    if (!end && at < text.length) throw new Error(`Row ${rows.length + 1} has text behind a cell in quotes.`);
    if (row.some(Boolean)) rows.push(row);
    row = [];
    if (end) at += end[0].length - 1;
  }
  return rows;
}

/** The separator of a text: the one that its first line holds most. */
export function separatorOf(text) {
  const [line] = text.split(/\r|\n/, 1);
  const count = (separator) => line.split(separator).length;
  return SEPARATORS.reduce((best, one) => (count(one) > count(best) ? one : best));
}

function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Read a cell of a table that was exported here: what is JSON, as it was stored; undefined for a number that this page cannot hold. */
export function storedValueOf(cell) {
  try {
    return JSON.parse(cell, (_, part) => {
      if (Number.isInteger(part) && !Number.isSafeInteger(part)) throw new RangeError(cell);
      return part;
    });
  } catch (error) {
    return error instanceof RangeError ? undefined : cell;
  }
}

/** Read a cell: a number, true or false where it reads as one; "007" stays a text, and so does what is too long for a number. */
export function valueOf(cell) {
  try {
    const value = JSON.parse(cell);
    const isExact = typeof value === "number" && (!Number.isInteger(value) || Number.isSafeInteger(value));
    return isExact || typeof value === "boolean" ? value : cell;
  } catch {
    return cell;
  }
}

const WITH_COMMA = /^-?(0|[1-9]\d*)(,\d+)?$/;

/** Whether cells are numbers with a comma as decimal mark; not where each comma may as well part thousands, as in "1,250". */
export const areDecimals = (cells) =>
  cells.every((cell) => WITH_COMMA.test(cell)) && cells.some((cell) => cell.includes(",") && cell.split(",")[1].length !== 3);

/** Read a number with a comma as decimal mark. */
export const decimalOf = (cell) => Number(cell.replace(",", "."));
