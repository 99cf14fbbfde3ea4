/** Adding: files and folders, pasted pictures, a list of addresses or JSON lines; and what became of each. */

import { addBrought } from "./additions.js";
import * as api from "./api.js";
import { choose, useDrops, usePastes } from "./drops.js";
import { Folders } from "./folders.js";
import { findLists, forgetList, leftOf, lists, listsOf, retryList, sendAgain, stopList } from "./lists.js";
import { titleOf } from "./making.js";
import { useRights } from "./rights.js";
import { collectionAddress } from "./route.js";
import { SmallPicture } from "./table.js";
import { announce, Button, ButtonLink, Check, Empty, Field, html, Icon, toast, useChanges, useEffect, useLoaded, useRef, useState } from "./ui.js";
import { cancelWaiting, clearEnded, isCut, isOpen, isPaused, openUploads, pause, queue, retry, uploadsOf } from "./uploads.js";
import { bytes, number, plural } from "./words.js";

const SHOWN = 100; // rows of a long list
const STATES = {
  waiting: "Waiting",
  sending: "Sending",
  added: "Added",
  updated: "Updated",
  unchanged: "Was there already",
  failed: "Failed",
};
const ENDS = ["added", "updated", "moved", "unchanged", "skipped", "failed"];
const FINAL = ["input_invalid", "source_invalid", "image_undecodable", "image_unsupported", "image_too_large"]; // again, it would fail again
const LIST_STATES = { done: "Done", cancelled: "Stopped", failed: "Not finished" };
const CUT = "The server does not answer. What is left goes on by itself as soon as it does";
const ORDER = ["failed", "sending", "waiting", "added", "updated", "unchanged"];

export function Adding({ name }) {
  const { value: told, error } = useLoaded((signal) => api.getCollection(name, signal), [name]);
  const title = told ? titleOf(told) : name;
  const { mayWrite } = useRights();
  usePastes((brought) => addBrought(name, brought));
  useEffect(() => {
    document.title = `Add to ${title} · lookalike`;
  }, [title]);
  useEffect(() => {
    if (told) findLists(name).catch((error) => toast(error.message, "bad"));
  }, [told?.name]);
  useEffect(() => {
    if (error) toast(error.message, "bad");
  }, [error]);
  return html`<p class="crumbs"><a href=${collectionAddress(name)}><${Icon} name="left" />${title}</a></p>
    <div class="head"><h1>Add to ${title}</h1></div>
    ${!mayWrite ? html`<${Empty} title="Your key may ask, and add nothing" />` : html`<div class="adding-columns"><${AddingPanel} name=${name} /><${Sent} name=${name} /></div>`}`;
}

/** The panel that takes pictures for a collection. */
export function AddingPanel({ name }) {
  const [replace, setReplace] = useState(false);
  const [text, setText] = useState("");
  const add = (brought) => addBrought(name, brought, { replace });
  const send = async () => {
    if (await add({ text })) setText("");
  };
  return html`<div class="adding">
    <${DropPlace} add=${add}>A table (CSV) of prices, colors or tags may come along, or follow later: its rows are matched by name.</${DropPlace}>
    <details class="panel"><summary>Addresses or JSON lines</summary>
      <${Field} label="One on each line" hint=${'A web address, or a record such as {"_id": "7", "_url": "https://shop.example/7.jpg", "price": 3}'}>${(joined) =>
        html`<textarea rows="4" spellcheck=${false} placeholder="https://shop.example/7.jpg" value=${text} onInput=${(event) => setText(event.currentTarget.value)} ...${joined}></textarea>`}</${Field}>
      <div class="actions"><${Button} kind="primary" onClick=${send}>Add these</${Button}></div></details>
    <${Folders} name=${name} />
    <${Check} checked=${replace} onChange=${setReplace}>Replace pictures that have the same name</${Check}>
  </div>`;
}

/** The place to drop pictures at; `add` gets them. */
export function DropPlace({ add, children }) {
  const place = useRef(null);
  const { mostBytes } = useRights();
  useDrops(place, add);
  return html`<div class="drop" ref=${place}><${Icon} name="upload" />
    <p class="drop-title">Drop pictures or a folder here</p>
    <p class="muted">or paste one, or</p>
    <div class="actions center">
      <${Button} kind="primary" onClick=${() => choose((files) => add({ files }))}>Choose files</${Button}>
      <${Button} onClick=${() => choose((files) => add({ files }), { folder: true })}>Choose a folder</${Button}></div>
    ${children && html`<p class="hint">${children}</p>`}
    ${mostBytes < Infinity && html`<p class="hint">Each picture may have up to ${bytes(mostBytes)}.</p>`}
  </div>`;
}

/** How much is still to be added, wherever the page is. */
export function UploadNote() {
  useChanges(queue);
  useChanges(lists);
  const open = openUploads();
  const [left, listed] = leftOf();
  if (!open.length && !left) return null;
  const word = isPaused() && open.length ? "Paused" : isCut() ? "No answer" : "Adding";
  const told = `${number(open.length + left)} left`;
  return html`<a href="${collectionAddress(open[0]?.collection ?? listed)}/add" aria-label="${word}: ${told}"><span class=${word === "Adding" ? "wide-only" : ""}>${word}: </span>${told}</a>`;
}

// ---- what was sent

function Sent({ name }) {
  useChanges(queue);
  useChanges(lists);
  return html`<div class="sent">
    ${listsOf(name).map((list) => html`<${List} key=${list.number} list=${list} />`)}
    <${Uploads} name=${name} all=${uploadsOf(name)} />
  </div>`;
}

/** How many ended in which way. */
const sumOf = (counts) => ENDS.filter((state) => counts[state])
  .map((state) => `${number(counts[state])} ${state === "unchanged" ? "there already" : state}`);

function List({ list }) {
  const { job, state, title } = list;
  const isSending = state === "sending";
  const told = isSending ? `Sending ${Math.round(100 * list.part)} %`
    : list.isOpen && job.total === null ? (job.step ? `${plural(job.prepared, "file")} found` : "Waiting")
    : list.isOpen ? `${number(job.done)} of ${number(job.total)} done`
    : LIST_STATES[state];
  const left = (job?.counts.failed ?? 0) - list.failures.length;
  return html`<section class="list is-${state}" aria-label=${title}>
    <div class="uploads-head"><h2>${title}</h2><p class="muted">${[told, ...sumOf(job?.counts ?? {}), job?.removed > 0 && `${number(job.removed)} removed`].filter(Boolean).join(" · ")}</p><${ListActions} list=${list} /></div>
    ${list.isOpen && html`<progress max=${isSending ? 1 : (job?.total ?? 1)} value=${isSending ? list.part : (job?.done ?? 0)} aria-label="Progress of ${title}" />`}
    <div role="status">${list.isOpen && list.isCut && html`<p class="hint-box">${CUT}.</p>`}</div>
    ${(list.trouble || job?.error) && html`<p class="trouble">${list.trouble || job.error.message}</p>`}
    ${list.failures.length > 0 && html`<ul class="upload-list">${list.failures.map((failed) => html`<li key=${failed.place} class="upload is-failed">
      <span class="upload-name">${failed.id || sourceOf(failed)}</span><${State} state="failed" /><span class="upload-reason">${failed.message}</span></li>`)}</ul>`}
    ${left > 0 && list.failures.length > 0 && html`<p class="muted">and ${number(left)} more</p>`}
  </section>`;
}

/** Where a picture of a list came from; what came within the list itself is told by its line. */
const sourceOf = ({ source, place }) => (!source || source.startsWith("bytes:") ? `line ${number(place + 1)}` : source);

function ListActions({ list }) {
  const canRetry = !list.isOpen && list.blob && list.failures.some(({ code }) => !FINAL.includes(code));
  const isTaken = list.failures.some((one) => one.code === "id_taken");
  const act = (work) => () => work().catch((error) => toast(error.message, "bad"));
  return html`<div class="actions">
    ${list.isOpen && list.job && html`<${Button} kind="small" label="Stop ${list.title}" onClick=${act(() => stopList(list))}>Stop</${Button}>`}
    ${!list.isOpen && !list.job && list.mayPass && html`<${Button} icon="again" kind="small" onClick=${act(() => sendAgain(list))}>Send it again</${Button}>`}
    ${canRetry && isTaken && html`<${Button} kind="small" onClick=${act(() => retryList(list, { code: "id_taken", replace: true }))}>Replace those that are taken</${Button}>`}
    ${canRetry && html`<${Button} icon="again" kind="small" onClick=${act(() => retryList(list))}>Try the failed again</${Button}>`}
    ${!list.isOpen && html`<${Button} kind="small" label="Clear ${list.title}" onClick=${() => forgetList(list)}>Clear</${Button}>
      <${ButtonLink} kind="small primary" href=${collectionAddress(list.collection)}>See the pictures</${ButtonLink}>`}
  </div>`;
}

function Uploads({ name, all }) {
  const counts = Object.fromEntries(ORDER.map((state) => [state, all.filter((one) => one.state === state)]));
  const open = all.filter(isOpen).length;
  const ended = all.length - open;
  const sum = sumOf(Object.fromEntries(ENDS.map((state) => [state, counts[state]?.length])));
  const before = useRef(0);
  useEffect(() => {
    if (before.current && !open) announce(`Done: ${sum.join(", ")}.`);
    before.current = open;
  }, [open]);
  if (!all.length) return null;
  return html`<section class="uploads" aria-label="What was sent">
    <div class="uploads-head"><h2>${open ? `${number(ended)} of ${number(all.length)} done` : "Done"}</h2><p class="muted">${sum.join(" · ")}</p>
      <${UploadActions} name=${name} failed=${counts.failed} open=${open} /></div>
    <progress max=${all.length} value=${ended} aria-label="Pictures that are done" />
    <div role="status">${open > 0 && isCut() && html`<p class="hint-box">${CUT}; leave this page open.</p>`}</div>
    <ul class="upload-list">${ORDER.flatMap((state) => counts[state]).slice(0, SHOWN).map((upload) => html`<${Row} key=${upload.number} upload=${upload} />`)}</ul>
    ${all.length > SHOWN && html`<p class="muted">and ${number(all.length - SHOWN)} more</p>`}
  </section>`;
}

function UploadActions({ name, failed, open }) {
  const taken = failed.filter((one) => one.code === "id_taken");
  const passing = failed.filter((one) => one.mayPass);
  return html`<div class="actions">
    ${open > 0 && (isPaused()
      ? html`<${Button} icon="play" kind="small primary" onClick=${() => pause(false)}>Go on</${Button}><${Button} kind="small" onClick=${() => cancelWaiting(name)}>Stop</${Button}>`
      : html`<${Button} icon="pause" kind="small" onClick=${() => pause(true)}>Pause</${Button}>`)}
    ${taken.length > 0 && html`
      <${Button} kind="small" label=${taken.length > 1 ? `Keep both of ${taken.length} names` : "Keep both"} onClick=${() => retry(taken, { keepsBoth: true })}>Keep both</${Button}>
      <${Button} kind="small" onClick=${() => retry(taken, { replace: true })}>Replace ${plural(taken.length, "picture")}</${Button}>`}
    ${passing.length > 0 && html`<${Button} icon="again" kind="small" onClick=${() => retry(passing)}>Try the failed again</${Button}>`}
    ${open === 0 && html`<${Button} kind="small" onClick=${() => clearEnded(name)}>Clear the list</${Button}>
      <${ButtonLink} kind="small primary" href=${collectionAddress(name)}>See the pictures</${ButtonLink}>`}
  </div>`;
}

function Row({ upload }) {
  const { state, name } = upload;
  const percent = Math.round(100 * upload.part);
  return html`<li class="upload is-${state}">
    <${SmallPicture} collection=${upload.collection} id=${upload.id} file=${upload.body?.file} />
    <span class="upload-name">${name}</span>
    <${State} state=${state}>${state === "sending" && percent ? ` ${percent} %` : ""}</${State}>
    ${state === "failed" && html`<span class="upload-reason">${upload.message}</span>
      ${upload.mayPass && html`<${Button} kind="small ghost" label="Try ${name} again" onClick=${() => retry([upload])}>Try again</${Button}>`}`}
    ${state === "sending" && html`<progress max="1" value=${upload.part} aria-label="Sent of ${name}" />`}
  </li>`;
}

function State({ state, children }) {
  const sign = { failed: "alert", added: "check", updated: "check", unchanged: "check" }[state];
  return html`<span class="upload-state">${sign && html`<${Icon} name=${sign} />`}${STATES[state]}${children}</span>`;
}
