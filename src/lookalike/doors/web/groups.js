/** The groups of a collection: what looks alike, largest first, each a stack that opens. */

import * as api from "./api.js";
import { Grid } from "./grid.js";
import { collectionAddress, go } from "./route.js";
import { Button, ButtonLink, Empty, html, Icon, Picture, Trouble, useDebounced, useEffect, useLoaded, useState } from "./ui.js";
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
  const groups = value ? [...value.clusters].sort((a, b) => b.length - a.length) : [];
  return html`<div class="groups" aria-busy=${isLoading || undefined}>
    <div class="head">
      <div><p class="crumbs"><a href=${collectionAddress(name)}><${Icon} name="left" />${name}</a></p><h1>What looks alike</h1>
        <p class="muted" role="status">${value && !isLoading ? `${plural(groups.length, "group")} of ${plural(groups.reduce((sum, one) => sum + one.length, 0), "picture")}` : "Comparing all pictures ..."}</p></div>
      <label class="groups-threshold"><span class="label">Alike from ${wanted.toFixed(2)}</span>
        <input type="range" min="0.5" max="0.98" step="0.02" value=${wanted} onInput=${move} /></label>
    </div>
    ${isLoading && html`<progress aria-label="Comparing all pictures"></progress>`}
    ${error && html`<${Trouble} error=${error} again=${again} />`}
    ${value && !groups.length && html`<${Empty} icon="stack" title="No two pictures are so much alike"><p>Move the slider to the left.</p></${Empty}>`}
    <ul class="stacks">${groups.slice(0, count).map((ids) => html`<${Stack} key=${ids[0]} name=${name} ids=${ids} />`)}</ul>
    ${groups.length > count && html`<div class="more"><${Button} onClick=${() => setCount(count + PAGE)}>Show more</${Button}></div>`}
  </div>`;
}

function Stack({ name, ids }) {
  const [isOpen, setOpen] = useState(false);
  const told = `${plural(ids.length, "picture")}: ${placedName(ids[0])}`;
  return html`<li class="stack ${isOpen ? "is-open" : ""}">
    <button type="button" class="stack-cover" aria-expanded=${String(isOpen)} aria-label=${told} onClick=${() => setOpen(!isOpen)}>
      <span class="stack-pictures">${ids.slice(0, COVERS).map((id) => html`<${Picture} key=${id} src=${api.thumbnailUrl(name, id)} loading="lazy" />`)}</span>
      <span class="stack-count">${number(ids.length)}</span>
    </button>
    ${isOpen && html`<${Members} name=${name} ids=${ids} />`}
  </li>`;
}

function Members({ name, ids }) {
  const shown = ids.slice(0, SHOWN);
  const { value, error } = useLoaded((signal) => api.listRecords(name, { filter: { _id: { $in: shown } }, limit: SHOWN }, signal), [name, ids]);
  const search = (id) => go(["c", name], [["like", `id:${id}`]]);
  const open = (id) => go(["c", name], [["show", id]]);
  if (error) return html`<p class="trouble" role="alert">${error.message}</p>`;
  return html`<div class="stack-members"><${Grid} collection=${name} items=${value?.records ?? []} size="small" act=${{ open, like: search }} />
    ${ids.length > SHOWN && html`<p class="muted">and ${number(ids.length - SHOWN)} more</p>`}
    <${ButtonLink} kind="small" icon="search" href=${collectionAddress(name, [["like", `id:${ids[0]}`]])}>Search with one of these</${ButtonLink}></div>`;
}
