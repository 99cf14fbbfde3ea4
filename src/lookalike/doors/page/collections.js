/** The overview: every collection with its pictures in small; make one, change one, delete one. */

import { addBrought } from "./additions.js";
import { DropPlace } from "./adding.js";
import * as api from "./api.js";
import { useDrops, usePastes } from "./drops.js";
import { change, create, titleOf } from "./making.js";
import { useRights } from "./rights.js";
import { collectionAddress, go } from "./route.js";
import { Button, confirm, Empty, html, Icon, Menu, Picture, toast, Trouble, useEffect, useLoaded, useRef, useState } from "./ui.js";
import { ago, bytes, date, plural } from "./words.js";

const SHOWN = 4; // pictures on a card
const FIRST = "photos"; // what a collection is called that begins with pictures

export function Collections() {
  const { value: all, error, again } = useLoaded(() => api.collections(), []);
  useEffect(() => {
    document.title = "Collections · lookalike";
  }, []);
  const { mayMake } = useRights();
  return html`<div class="head"><h1>Collections</h1>
      ${all?.length > 0 && mayMake(all.map(({ name }) => name)) && html`<${Button} icon="add" kind="primary" onClick=${create}>New collection</${Button}>`}</div>
    ${error ? html`<${Trouble} error=${error} again=${again} />`
      : !all ? html`<p class="muted" aria-busy="true">Loading ...</p>`
      : all.length ? html`<div class="cards">${all.map((one) => html`<${Card} key=${one.name} told=${one} again=${again} />`)}</div>`
      : html`<${NothingYet} />`}`;
}

function NothingYet() {
  const add = async (brought) => {
    try {
      await api.createCollection({ name: FIRST });
    } catch (error) {
      if (error.status !== 409) return toast(error.message, "bad"); // 409: it was made meanwhile
    }
    addBrought(FIRST, brought);
  };
  const { mayMake, isBound, bound } = useRights();
  const isFree = mayMake([]) && !isBound;
  usePastes((brought) => isFree && add(brought));
  if (!isFree) {
    return html`<${Empty} title="No collection yet"><p>${mayMake([]) ? `Your key may make ${bound.join(", ")}.` : "Your key may ask, and change nothing."}</p>
      ${mayMake([]) && html`<${Button} icon="add" kind="primary" onClick=${create}>Make a collection</${Button}>`}</${Empty}>`;
  }
  return html`<div class="first">
    <h2>No collection yet</h2>
    <p class="muted">A collection holds the pictures that you search in. Make one, or drop pictures here: they go into a new one, "${FIRST}".</p>
    <${DropPlace} add=${add} />
    <div class="actions center"><${Button} icon="add" onClick=${create}>Make a collection</${Button}><${Samples} /></div>
  </div>`;
}

/** Sample pictures to try it with: the server writes and adds them, and the collection opens when that is done. */
function Samples() {
  const [job, setJob] = useState(null);
  const isGone = useRef(false);
  useEffect(() => () => {
    isGone.current = true;
  }, []);
  const moved = (job) => {
    if (isGone.current) return;
    setJob(job);
    if (job.error) toast(job.error.message, "bad");
    if (job.ended_at !== null) go(["c", job.collection]);
  };
  const start = async () => {
    try {
      const begun = await api.addSamples();
      setJob(begun);
      api.followJob(begun.id, moved, () => isGone.current || go(["c", begun.collection]));
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  if (!job) return html`<${Button} icon="picture" onClick=${start}>Try it with sample pictures</${Button}>`;
  const isAdding = job.step === "adding" || job.ended_at !== null;
  return html`<div class="samples"><p class="muted" role="status">${isAdding ? "Adding the sample pictures" : "Writing the sample pictures"}</p>
    <progress max=${job.total ?? 1} value=${isAdding ? job.done : job.prepared} aria-label="Sample pictures that are ready" /></div>`;
}

function Card({ told, again }) {
  const place = useRef(null);
  const title = titleOf(told);
  const target = collectionAddress(told.name);
  const { mayWrite } = useRights();
  useDrops(place, (brought) => addBrought(told.name, brought));
  return html`<article class="card" ref=${place}>
    <a class="card-link" href=${target} aria-label="Open ${title}"><${CardPictures} told=${told} /></a>
    <div class="card-text">
      <h2><a href=${target}>${title}</a></h2>
      ${told.title && html`<p class="muted">${told.name}</p>`}
      <p class="muted">${[plural(told.records, "picture"), bytes(told.bytes_on_disk), told.type].join(" · ")}</p>
      <p class="muted" title=${date(told.changed_at)}>${told.records ? "Changed" : "Made"} ${ago(told.changed_at)}</p>
    </div>
    ${mayWrite && html`<${Menu} icon="more" label="More of ${title}" kind="ghost">
      <${Button} icon="settings" kind="ghost" onClick=${() => change(told, again)}>Settings</${Button}>
      <${Button} icon="trash" kind="ghost warn" onClick=${() => remove(told, again)}>Delete</${Button}>
    </${Menu}>`}
  </article>`;
}

function CardPictures({ told }) {
  const { value: records } = useLoaded(async () => (told.records ? api.sample(told.name, SHOWN, 1).catch(() => []) : []), [told.name, told.records]);
  const { mayWrite } = useRights();
  return html`<div class="card-pictures">${told.records
    ? records?.map(({ id }) => html`<${Picture} key=${id} src=${api.thumbnailUrl(told.name, id)} loading="lazy" />`)
    : html`<span class="card-hint">${mayWrite ? html`<${Icon} name="upload" />Drop pictures here` : "Empty"}</span>`}</div>`;
}

async function remove(told, again) {
  const text = told.records
    ? `${plural(told.records, "picture")} and all that is known of them will be gone for good. Files on your disk stay.`
    : "It is empty.";
  const [isGone] = await confirm(`Delete ${titleOf(told)}?`, text, "Delete for good", () => api.deleteCollection(told.name).then(() => true));
  if (!isGone) return;
  toast(`${titleOf(told)} was deleted.`);
  again();
}
