/** The groups of a collection: what looks alike, largest first, each a stack that opens. */

import * as api from "./api.js";
import { Grid } from "./grid.js";
import { collectionAddress, go } from "./route.js";
import { SelectionBar, useLasso, usePicked } from "./selection.js";
import { Button, ButtonLink, Empty, html, Icon, Picture, Trouble, useDebounced, useEffect, useLoaded, useRef, useState, useWide } from "./ui.js";
import { number, placedName, plural } from "./words.js";

const PAGE = 48; // stacks that are shown at once
const COVERS = 4; // pictures of a closed stack
const SHOWN = 200; // members of an open one
const USUAL = 0.8; // threshold

export function Groups({ name, parameters }) {
  const threshold = Number(parameters.get("threshold") ?? USUAL) || USUAL;
  const { value, error, isLoading, again } = useLoaded((signal) => api.clusters(name, threshold, signal), [name, threshold]);
  const [wanted, setWanted] = useState(threshold);
  const [count, setCount] = useState(PAGE);
  useEffect(() => {
    document.title = `Groups · ${name} · lookalike`;
  }, [name]);
  useEffect(() => {
    setWanted(threshold);
    setCount(PAGE);
  }, [threshold]);
  const rest = useDebounced((threshold) => go(["c", name, "groups"], threshold === USUAL ? {} : { threshold }, { replace: true }), 300);
  const move = (event) => {
    setWanted(Number(event.currentTarget.value));
    rest(Number(event.currentTarget.value));
  };
  const place = useRef(null);
  const [open, setOpen] = useState(new Set()); // first ids of the groups that are open
  const turn = (id) => setOpen(new Set(open.has(id) ? [...open].filter((one) => one !== id) : [...open, id]));
  const groups = value ? [...value.clusters].sort((a, b) => b.length - a.length) : [];
  const items = groups.filter(([first]) => open.has(first)).flatMap((ids) => ids.slice(0, SHOWN)).map((id) => ({ id }));
  const selection = usePicked(items);
  useLasso(place, (ids, isMore) => selection.set(new Set(isMore ? [...selection.picked, ...ids] : ids)));
  return html`<div class="groups" ref=${place} aria-busy=${isLoading || undefined}>
    <div class="head">
      <div><p class="crumbs"><a href=${collectionAddress(name)}><${Icon} name="left" />${name}</a></p><h1>What looks alike</h1>
        <p class="muted" role="status">${value && !isLoading ? `${plural(groups.length, "group")} of ${plural(groups.reduce((sum, one) => sum + one.length, 0), "picture")}` : "Comparing all pictures ..."}</p></div>
      <label class="groups-threshold"><span class="label">Alike from ${wanted.toFixed(2)}</span>
        <input type="range" min="0.5" max="0.98" step="0.02" value=${wanted} onInput=${move} /></label>
    </div>
    ${isLoading && html`<progress aria-label="Comparing all pictures"></progress>`}
    ${error && html`<${Trouble} error=${error} again=${again} />`}
    ${value && !groups.length && html`<${Empty} icon="stack" title="No two pictures are so much alike"><p>Move the slider to the left.</p></${Empty}>`}
    <ul class="stacks">${groups.slice(0, count).map((ids) => html`<${Stack} key=${ids[0]} name=${name} ids=${ids} isOpen=${open.has(ids[0])}
      turn=${() => turn(ids[0])} selection=${selection} />`)}</ul>
    ${groups.length > count && html`<div class="more"><${Button} onClick=${() => setCount(count + PAGE)}>Show more</${Button}></div>`}
    ${selection.picked.size > 0 && html`<${SelectionBar} collection=${name} items=${items} selection=${selection} changed=${() => {}}
      search=${(like) => go(["c", name], like.map((one) => ["like", one]))} />`}
  </div>`;
}

function Stack({ name, ids, isOpen, turn, selection }) {
  const told = `${plural(ids.length, "picture")}: ${placedName(ids[0])}`;
  return html`<li class="stack ${isOpen ? "is-open" : ""}">
    <button type="button" class="stack-cover" aria-expanded=${String(isOpen)} aria-label=${told} onClick=${turn}>
      <span class="stack-pictures">${ids.slice(0, COVERS).map((id) => html`<${Picture} key=${id} src=${api.thumbnailUrl(name, id)} loading="lazy" />`)}</span>
      <span class="stack-count">${number(ids.length)}</span>
    </button>
    ${isOpen && html`<${Members} name=${name} ids=${ids} selection=${selection} />`}
  </li>`;
}

function Members({ name, ids, selection }) {
  const shown = ids.slice(0, SHOWN);
  const { value, error } = useLoaded((signal) => api.listRecords(name, { filter: { _id: { $in: shown } }, limit: SHOWN }, signal), [name, ids]);
  const isWide = useWide();
  const records = new Map(value?.records.map((one) => [one.id, one]));
  const search = (id) => go(["c", name], [["like", `id:${id}`]]);
  const open = (id) => go(["c", name], [["show", id]]);
  if (error) return html`<p class="trouble" role="alert">${error.message}</p>`;
  return html`<div class="stack-members"><${Grid} collection=${name} items=${shown.filter((id) => records.has(id)).map((id) => records.get(id))} size=${isWide ? "small" : "medium"} selection=${selection} act=${{ open, like: search }} />
    ${ids.length > SHOWN && html`<p class="muted">and ${number(ids.length - SHOWN)} more</p>`}
    <${ButtonLink} kind="small" icon="search" href=${collectionAddress(name, [["like", `id:${ids[0]}`]])}>Search with one of these</${ButtonLink}></div>`;
}
