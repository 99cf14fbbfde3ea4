/** The details of a record: its picture in large, what is known of it, and the editing of metadata and tags. */

import * as api from "./api.js";
import { button, bytes, confirm, field, fill, h, openDialog, placeOf, toast } from "./dom.js";
import { shortName } from "./grid.js";

const DRAFT = "lookalike-draft"; // begins the names of drafts in the storage of this tab
const dates = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/**
 * Open the details of a record. `act` has like, unlike, compare, step (to a neighbor, by +1 or -1), changed, done, and
 * `isSearch`: whether there is a picture to compare with.
 */
export function openDetails(collection, id, act) {
  const dialog = openDialog(shortName(id), (dialog) => {
    const body = h("div", { class: "details" }, h("p", { class: "muted" }, "Loading ..."));
    load(dialog, body, collection, id, act);
    return body;
  }, { kind: "wide", done: act.done });
  dialog.addEventListener("close", () => dialog.edited?.());
  dialog.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea, select")) return;
    if (event.key === "ArrowLeft") act.step(-1);
    if (event.key === "ArrowRight") act.step(1);
  });
  return dialog;
}

async function load(dialog, body, collection, id, act) {
  try {
    const [record, etag] = await api.getRecord(collection, id);
    fill(body, ...contents(dialog, body, collection, record, etag, act));
  } catch (error) {
    fill(body, h("p", { class: "trouble", role: "alert" }, error.message));
  }
}

function contents(dialog, body, collection, record, etag, act) {
  const picture = h("img", { src: api.thumbnailUrl(collection, record.id, 1024), alt: `Picture of ${shortName(record.id)}` });
  picture.addEventListener("error", () => picture.replaceWith(h("p", { class: "no-picture" }, "No picture of it is kept.")));
  const choose = (work) => () => {
    dialog.close();
    work(record.id);
  };
  const facts = [
    ["Name", record.id],
    ["Size", `${record.size_px.join(" × ")} pixels, ${bytes(record.byte_size)}, ${record.format}`],
    ["Source", placeOf(record)],
    ["Added", dates.format(new Date(record.created_at))],
    ["Changed", dates.format(new Date(record.updated_at))],
  ].filter(([, value]) => value);
  return [
    h("div", { class: "details-picture" },
      h("div", { class: "stage" }, picture,
        button("", () => act.step(-1), { icon: "left", label: "The one before", kind: "small is-before" }),
        button("", () => act.step(1), { icon: "right", label: "The next one", kind: "small is-next" })),
      h("div", { class: "actions" },
        button("More like this", choose(act.like), { icon: "add", kind: "primary" }),
        button("Not this", choose(act.unlike), { icon: "remove" }),
        button(act.isSearch ? "Compare with the query" : "Compare", choose(act.compare), { icon: "compare" }))),
    h("div", { class: "details-text" },
      h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      editor(body, collection, record, etag, { dialog, act }),
      h("div", { class: "actions" }, button("Delete this record", () => remove(dialog, collection, record, act), { icon: "trash", kind: "warn small" }))),
  ];
}

/** Make the form of the metadata: a row for each field, whose value is text, a number, or JSON. */
function editor(body, collection, record, etag, { dialog, act }) {
  const drafted = `${DRAFT} ${collection} ${record.id}`;
  const draft = JSON.parse(sessionStorage.getItem(drafted));
  const forget = () => sessionStorage.removeItem(drafted);
  const reload = () => {
    forget();
    dialog.edited = null;
    load(dialog, body, collection, record.id, act);
  };
  const rows = h("div", { class: "rows" });
  const add = (name = "", value = "", text = shown(value)) => {
    const row = h("div", { class: "row" },
      h("input", { type: "text", value: name, "aria-label": "Field", placeholder: "field" }),
      h("input", { type: "text", value: text, "aria-label": name ? `Value of ${name}` : "Value", placeholder: "value" }),
      button("", () => row.remove(), { icon: "close", label: `Take away ${name || "this field"}`, kind: "ghost" }));
    rows.append(row);
    return row;
  };
  Object.entries(record.metadata).forEach(([name, value]) => add(name, value));
  const tags = h("input", { type: "text", value: record.tags.join(", "), autocomplete: "off" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const typed = () => ({ fields: [...rows.children].map((row) => [...row.querySelectorAll("input")].map(({ value }) => value)), tags: tags.value });
  const before = JSON.stringify(typed());
  if (draft) {
    fill(rows);
    draft.fields.forEach(([name, text]) => add(name, "", text));
    tags.value = draft.tags;
  }
  dialog.edited = () => {
    const now = typed();
    if (JSON.stringify(now) === before) return forget();
    sessionStorage.setItem(drafted, JSON.stringify({ ...now, etag: draft?.etag ?? etag }));
    toast(`Not saved yet: what you changed of ${shortName(record.id)} is there when you open it again.`);
  };
  const save = async (event) => {
    event.preventDefault();
    try {
      const metadata = Object.fromEntries([...rows.children].map(pairOf).filter(([name]) => name));
      const named = tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
      const [fresh, freshTag] = await api.changeRecord(collection, record.id, { metadata, replace: true, tags: named }, draft?.etag ?? etag);
      forget();
      toast("Saved.");
      fill(body, ...contents(dialog, body, collection, fresh, freshTag, act));
      act.changed();
    } catch (error) {
      trouble.hidden = false;
      const isOld = error.status === 412;
      fill(trouble, isOld ? "Someone else changed this record meanwhile. " : error.message,
        isOld && button("Show it as it is now", reload, { kind: "small" }));
    }
  };
  return h("form", { class: "form", on: { submit: save } },
    h("h3", {}, "Metadata"),
    draft && h("p", { class: "muted" }, "What you had not saved. ", button("Throw it away", reload, { kind: "small" })), rows,
    button("Add a field", () => add().querySelector("input").focus(), { icon: "add", kind: "small" }),
    field("Tags", tags, "Parted by commas."), trouble,
    h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary" }, "Save")));
}

/** Show a value as people write it: text bare, unless it could be taken for something else. */
function shown(value) {
  return typeof value === "string" && meant(value) === value ? value : JSON.stringify(value);
}

/** Read a value: JSON where it is JSON, else the text itself. */
function meant(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function pairOf(row) {
  const [name, value] = row.querySelectorAll("input");
  return [name.value.trim(), meant(value.value.trim())];
}

async function remove(dialog, collection, record, act) {
  if (!(await confirm(`Delete ${shortName(record.id)}?`, "The record is gone for good. A file on your disk stays.", "Delete for good"))) return;
  try {
    await api.deleteRecord(collection, record.id);
    dialog.edited = null;
    dialog.close();
    toast("Deleted.");
    act.changed();
  } catch (error) {
    toast(error.message, "bad");
  }
}
