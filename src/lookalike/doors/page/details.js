/** The details of a record: how alike it is and why, what is known of it, and the editing of metadata and tags. */

import * as api from "./api.js";
import { focusOn } from "./grid.js";
import { isSamePicture, meaning, relationName } from "./relations.js";
import { useRights } from "./rights.js";
import { Button, ButtonLink, confirm, Dialog, Field, Form, html, Picture, toast, useEffect, useLoaded, useRef, useState } from "./ui.js";
import { bandOf, bytes, date, fieldName, placedName, placeOf, readValue, share, shortName, writeValue } from "./words.js";

const DRAFT = "lookalike-draft"; // begins the names of drafts in the storage of this tab

/**
 * The dialog of one record. `match` is how a search found it, where one did. `act` has like, unlike and compare, called with
 * an id; step (to a neighbor, by +1 or -1), changed, and close.
 */
export function Details({ collection, id, match, isSearch, act }) {
  const saveDraft = useRef(null); // set while something is being edited
  const onKeyDown = (event) => {
    if (event.target.closest("input, textarea, select")) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) act.step(by);
  };
  const closed = () => {
    act.close();
    requestAnimationFrame(() => focusOn(id));
  };
  return html`<${Dialog} title=${placedName(id)} kind="wide" onClose=${closed} onKeyDown=${onKeyDown}>
    <${RecordDetails} key=${id} collection=${collection} id=${id} match=${match} isSearch=${isSearch} act=${act} saveDraft=${saveDraft} />
  </${Dialog}>`;
}

function RecordDetails({ collection, id, match, isSearch, act, saveDraft }) {
  const { value, error, again } = useLoaded(() => api.getRecord(collection, id), [collection, id]);
  const { mayWrite } = useRights();
  const [isEditing, setEditing] = useState(() => readDraft(collection, id) !== null);
  useEffect(() => () => saveDraft.current?.(), []);
  if (error) return html`<p class="trouble" role="alert">${error.message}</p>`;
  if (!value) return html`<p class="muted">Loading ...</p>`;
  const [record, etag] = value;
  const name = shortName(id);
  const remove = async () => {
    const text = "The record is gone for good. A file on your disk stays.";
    const [isGone] = await confirm(`Delete ${name}?`, text, "Delete for good", () => api.deleteRecord(collection, id).then(() => true));
    if (!isGone) return;
    saveDraft.current = null;
    forgetDraft(collection, id);
    act.close();
    toast("Deleted.");
    act.changed();
  };
  return html`<div class="details">
    <div class="details-picture">
      <div class="stage">
        <${Picture} src=${api.thumbnailUrl(collection, id, 1024)} alt="Picture of ${name}" fallback=${html`<p class="no-picture">No picture of it is kept.</p>`} />
        <${Button} icon="left" label="The one before" kind="small is-before" onClick=${() => act.step(-1)} />
        <${Button} icon="right" label="The next one" kind="small is-next" onClick=${() => act.step(1)} />
      </div>
      <div class="actions">
        <${Button} icon="add" kind="primary small" onClick=${() => act.like(id)}>More like this</${Button}>
        <${Button} icon="remove" kind="small" onClick=${() => act.unlike(id)}>Not this</${Button}>
        <${Button} icon="compare" kind="small" onClick=${() => act.compare(id)}>${isSearch ? "Compare with the query" : "Compare"}</${Button}>
      </div>
    </div>
    <div class="details-text">
      ${match && html`<${Likeness} match=${match} act=${act} />`}
      <${Facts} record=${record} isWhole=${!isEditing} />
      ${isEditing && html`<${Editor} key=${etag} collection=${collection} record=${record} etag=${etag} saveDraft=${saveDraft} again=${again}
        changed=${act.changed} end=${() => setEditing(false)} />`}
      <div class="actions">
        ${mayWrite && !isEditing && html`<${Button} icon="edit" kind="small" onClick=${() => setEditing(true)}>Edit</${Button}>`}
        ${record.has_original && html`<${ButtonLink} icon="download" kind="small" href=${api.originalUrl(collection, id)} download=${name}>Original</${ButtonLink}>`}
        ${mayWrite && html`<${Button} icon="trash" kind="warn small" label="Delete this record" onClick=${remove}>Delete</${Button}>`}
      </div>
      ${!record.has_original && html`<p class="muted">Only a small picture is kept.</p>`}
    </div>
  </div>`;
}

/** How alike the record and the query are: the verdict of geometry first, then the number. */
function Likeness({ match, act }) {
  const { relation, confidence, score } = match;
  return html`<section class="likeness" aria-label="How alike they are">
    <h3 class=${relation && isSamePicture(relation) ? "is-copy" : ""}>${upper(relation ? relationName(relation) : bandOf(score))}</h3>
    <p class="muted">${relation ? meaning(relation) : "By their descriptors; whether one is a copy of the other was not looked at."}</p>
    <p><strong>${share(score)}</strong> score${confidence != null && html` · <strong>${share(confidence)}</strong> probability of the same picture`}
      ${match.parts && Object.entries(match.parts).map(([name, part]) => html` · ${name} ${share(part)}`)}</p>
    <${Button} icon="search" kind="small" onClick=${() => act.compare(match.id)}>Why?</${Button}>
  </section>`;
}

const upper = (text) => text[0].toUpperCase() + text.slice(1);

/** What is known of a record; its metadata and tags only where they are not being edited. */
function Facts({ record, isWhole }) {
  const metadata = [...Object.entries(record.metadata).map(([field, value]) => [fieldName(field), writeValue(value)]), ["tags", record.tags.join(", ")]];
  const facts = [
    ["Name", record.id],
    ["Size", `${record.size_px.join(" × ")} pixels, ${bytes(record.byte_size)}, ${record.format}`],
    ["Source", placeOf(record)],
    ["Added", date(record.created_at)],
    ["Changed", record.updated_at !== record.created_at && date(record.updated_at)],
    ...(isWhole ? metadata : []),
  ].filter(([, value]) => value);
  return html`<dl class="facts">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

// ---- editing

const draftName = (collection, id) => `${DRAFT} ${collection} ${id}`;
const readDraft = (collection, id) => JSON.parse(sessionStorage.getItem(draftName(collection, id)));
const forgetDraft = (collection, id) => sessionStorage.removeItem(draftName(collection, id));

/** The form of the metadata: a row for each field, whose value is text, a number, or JSON. What was typed outlasts a closing. */
function Editor({ collection, record, etag, saveDraft, again, changed, end }) {
  const held = { fields: Object.entries(record.metadata).map(([name, value]) => [name, writeValue(value), name]), tags: record.tags.join(", ") };
  const [draft] = useState(() => readDraft(collection, record.id));
  const [typed, setTyped] = useState(() => (draft ? { fields: draft.fields, tags: draft.tags } : held));
  const last = useRef(null);
  const based = draft?.etag ?? etag; // what the changes were made to
  saveDraft.current = () => {
    if (JSON.stringify(typed) === JSON.stringify(held)) return forgetDraft(collection, record.id);
    sessionStorage.setItem(draftName(collection, record.id), JSON.stringify({ ...typed, etag: based }));
    toast(`Not saved yet: what you changed of ${shortName(record.id)} is there when you open it again.`);
  };
  const leave = () => {
    forgetDraft(collection, record.id);
    saveDraft.current = null;
    end();
  };
  const reload = () => {
    leave();
    again();
  };
  const set = (at, pair) => setTyped({ ...typed, fields: typed.fields.map((one, place) => (place === at ? pair : one)) });
  const add = () => {
    setTyped({ ...typed, fields: [...typed.fields, ["", "", ""]] });
    requestAnimationFrame(() => last.current?.querySelector(".row:last-child input").focus());
  };
  const save = async () => {
    const metadata = Object.fromEntries(typed.fields.map(([name, text]) => [name.trim(), readValue(text.trim())]).filter(([name]) => name));
    const tags = typed.tags.split(",").map((tag) => tag.trim()).filter(Boolean);
    await api.changeRecord(collection, record.id, { metadata, replace: true, tags }, based);
    toast("Saved.");
    changed();
    reload();
  };
  const tell = ({ status }) => status === 412 && html`Someone else changed this record meanwhile. <${Button} kind="small" onClick=${reload}>Show it as it is now</${Button}>`;
  return html`<${Form} verb="Save" submit=${save} cancel=${leave} tell=${tell}>
    <h3>Metadata</h3>
    ${draft && html`<p class="muted">What you had not saved. <${Button} kind="small" onClick=${leave}>Throw it away</${Button}></p>`}
    <div class="rows" ref=${last}>${typed.fields.map(([name, text, label], at) => html`<div class="row" key=${at}>
      <input type="text" value=${name} aria-label="Field" placeholder="field" onInput=${(event) => set(at, [event.currentTarget.value, text, label])} />
      <input type="text" value=${text} aria-label=${label ? `Value of ${label}` : "Value"} placeholder="value"
        onInput=${(event) => set(at, [name, event.currentTarget.value, label])} />
      <${Button} icon="close" kind="ghost" label="Take away ${name || "this field"}"
        onClick=${() => setTyped({ ...typed, fields: typed.fields.filter((_, place) => place !== at) })} />
    </div>`)}</div>
    <${Button} icon="add" kind="small" onClick=${add}>Add a field</${Button}>
    <${Field} label="Tags" hint="Separated by commas.">${(joined) =>
      html`<input type="text" autocomplete="off" ...${joined} value=${typed.tags} onInput=${(event) => setTyped({ ...typed, tags: event.currentTarget.value })} />`}</${Field}>
  </${Form}>`;
}
