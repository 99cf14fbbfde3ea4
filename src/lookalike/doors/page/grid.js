/** The grid: pictures in rows of one height that fill the width, each with its caption. */

import { thumbnailUrl } from "./api.js";
import { isSamePicture, relationName } from "./relations.js";
import { Button, html, Icon, Picture, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./ui.js";
import { bandOf, folderOf, number, share, shortName } from "./words.js";

const GAP = 14;
const HEIGHTS = { small: [92, 116], medium: [128, 196], large: [240, 320] }; // of rows: on a phone, and elsewhere
const NARROW = 520;

/**
 * `items` are records or matches with `size_px`, and with a `stack` where they stand for a group. `act` has `open`, `like` and
 * `unlike`, each called with an id, and `toggle`, called with a match, opens its stack. `selection` is that of `usePicked`.
 * `end` is called when the last rows come near.
 */
export function Grid({ collection, items, size = "medium", act, selection, end }) {
  const place = useRef(null);
  const mark = useRef(null);
  const [width, setWidth] = useState(0);
  const wanted = HEIGHTS[size][width < NARROW ? 0 : 1];
  const places = useMemo(() => arranged(items, width, wanted), [items, width, wanted]);
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    watcher.observe(place.current);
    return () => watcher.disconnect();
  }, []);
  const newest = useRef(end);
  newest.current = end;
  useEffect(() => {
    const watcher = new IntersectionObserver(([entry]) => entry.isIntersecting && window.scrollY > 0 && newest.current?.(), { rootMargin: "600px" });
    watcher.observe(mark.current);
    return () => watcher.disconnect();
  }, [items.length]);
  const onKey = (event) => {
    const tile = event.target.closest(".tile");
    if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() === "x" && selection) selection.pick(tile.dataset.id, event);
    else if (event.key.startsWith("Arrow")) moveFrom(tile, event);
  };
  return html`<ul class="grid ${selection?.picked.size ? "is-picking" : ""}" ref=${place} aria-label="Pictures" onKeyDown=${onKey}>
    ${width > 0 && items.map((one, at) => html`<${Tile} key=${one.id} collection=${collection} one=${one} width=${places[at][0]} height=${places[at][1]} act=${act}
      pick=${selection?.pick} isPicked=${selection?.picked.has(one.id)} />`)}
  </ul><div ref=${mark}></div>`;
}

/** Give each picture its width and height in px: rows are as high as it takes to fill the width, and about `wanted`. */
function arranged(items, width, wanted) {
  const places = [];
  let row = [];
  let ratios = 0;
  const lay = (height) => row.forEach((ratio) => places.push([Math.floor(ratio * height * 100) / 100 - 0.02, Math.round(height)]));
  for (const { size_px: [wide, high] = [1, 1] } of items) {
    const ratio = Math.min(2.6, Math.max(0.5, wide / high));
    row.push(ratio);
    ratios += ratio;
    const height = (width - GAP * (row.length - 1)) / ratios;
    if (height > wanted) continue;
    lay(height);
    [row, ratios] = [[], 0];
  }
  if (row.length) lay(Math.min(wanted, (width - GAP * (row.length - 1)) / ratios));
  return places;
}

/** Move the focus from a picture to the next one in the direction of an arrow key. */
function moveFrom(tile, event) {
  const at = tile.getBoundingClientRect();
  const middle = at.left + at.width / 2;
  const tiles = [...tile.parentNode.children];
  const place = tiles.indexOf(tile);
  const beside = { ArrowLeft: tiles[place - 1], ArrowRight: tiles[place + 1] }[event.key];
  const isDown = event.key === "ArrowDown";
  const others = isDown ? tiles.slice(place + 1) : tiles.slice(0, place).reverse();
  const row = others.find((one) => (isDown ? one.offsetTop > tile.offsetTop : one.offsetTop < tile.offsetTop))?.offsetTop;
  const off = (one) => Math.abs(one.offsetLeft + one.offsetWidth / 2 - (middle - at.left + tile.offsetLeft));
  const above = others.filter((one) => one.offsetTop === row).sort((a, b) => off(a) - off(b))[0];
  const target = event.key === "ArrowLeft" || event.key === "ArrowRight" ? beside : above;
  if (!target) return;
  event.preventDefault();
  target.querySelector(".tile-picture").focus();
}

/** Put the focus on the picture with this id. */
export const focusOn = (id) => document.querySelector(`.tile[data-id="${CSS.escape(id)}"] .tile-picture`)?.focus({ preventScroll: true });

function Tile({ collection, one, width, height, act, pick, isPicked = false }) {
  const name = shortName(one.id);
  const isMatch = one.score !== undefined;
  const told = isMatch ? `${name}, ${verdictOf(one)}, score ${share(one.score)}` : name;
  const drag = (event) => event.dataTransfer.setData("text/x-lookalike-id", one.id);
  const { stack } = one;
  const kind = `${stack && !stack.isOpen && stack.count > 1 ? "is-stack" : ""} ${one.isMember ? "is-member" : ""} ${isPicked ? "is-picked" : ""}`;
  const press = (event) => (event.shiftKey && pick ? pick(one.id, event) : act.open(one.id));
  return html`<li class="tile ${kind}" data-id=${one.id} style=${{ width: `${width}px` }}>
    <div class="tile-frame" style=${{ height: `${height}px` }}>
      <button type="button" class="tile-picture" aria-label="${told}. Details" onClick=${press}>
        <${Picture} src=${thumbnailUrl(collection, one.id, height > 240 ? 640 : undefined)} loading="lazy" draggable="true" onDragStart=${drag}
          fallback=${html`<span class="no-picture">${name}</span>`} />
      </button>
      ${pick && html`<button type="button" role="checkbox" class="tile-pick" aria-checked=${String(isPicked)} aria-label="Select ${name}"
        onClick=${(event) => pick(one.id, event)}><span>${isPicked && html`<${Icon} name="check" />`}</span></button>`}
      <div class="tile-acts">
        <${Button} icon="add" kind="tiny" label="More like this: ${name}" onClick=${() => act.like(one.id)} />
        ${isMatch && act.unlike && html`<${Button} icon="remove" kind="tiny" label="Not like this: ${name}" onClick=${() => act.unlike(one.id)} />`}
      </div>
    </div>
    ${stack && html`<p class="tile-stack"><button type="button" class="stack-toggle" aria-expanded=${String(stack.isOpen)} onClick=${() => act.toggle(one)}
      disabled=${stack.count === 1}><strong>${String(stack.value)}</strong>${" "}${stack.count > 1 && html`<span>${stack.isOpen ? "close" : `+ ${number(stack.count - 1)}`}</span>`}</button></p>`}
    ${isMatch && html`<${Verdict} match=${one} />`}
    <p class="tile-name" title=${one.id}>${name}${folderOf(one.id) && html`<span class="tile-folder"> ${folderOf(one.id)}</span>`}</p>
  </li>`;
}

const verdictOf = ({ relation, score }) => (relation ? relationName(relation) : bandOf(score));

/** What a match is to the query: what geometry found before what a score says. */
function Verdict({ match }) {
  const { relation, score, hidden } = match;
  const kind = !relation ? "" : isSamePicture(relation) ? "relation is-copy" : "relation";
  return html`<p class="verdict"><span class="score-bar" aria-hidden="true"><span style=${{ width: `${100 * score}%` }}></span></span>
    <span class="verdict-word ${kind}">${verdictOf(match)}</span>${" "}<strong>${share(score)}</strong>
    ${hidden > 0 && html`${" "}<span class="relation" title="Near-duplicates that are hidden">+${hidden}</span>`}</p>`;
}
