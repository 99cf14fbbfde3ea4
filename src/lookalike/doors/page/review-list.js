/** The list of the groups under review: only the rows that are seen exist, so ten thousand scroll like ten. */

import { thumbnailUrl } from "./api.js";
import { html, useDebounced, useEffect, useLayoutEffect, useRef, useState } from "./ui.js";
import { bytes, placedName, plural } from "./words.js";

const ROW = 76; // pixels, as in review.css
const MORE = 6; // rows beyond the edges, so that none is missing while scrolling
const FAST = 10; // rows that pass in one step: then no pictures are asked for before the list rests
const REST_MS = 120;

/** `at` is the place of the chosen group, `open` is called with the place of another. */
export function GroupList({ store, at, open }) {
  const place = useRef(null);
  const [[first, last], setSpan] = useState([0, 20]);
  const [isFast, setFast] = useState(false);
  const rest = useDebounced(() => setFast(false), REST_MS);
  const hadFocus = place.current?.contains(document.activeElement) && document.activeElement !== place.current;
  const look = () => {
    const { scrollTop, clientHeight } = place.current;
    const seen = [Math.max(0, Math.floor(scrollTop / ROW) - MORE), Math.ceil((scrollTop + clientHeight) / ROW) + MORE];
    setSpan((before) => (before[0] === seen[0] && before[1] === seen[1] ? before : seen));
    return seen[0];
  };
  const scrolled = () => {
    if (Math.abs(look() - first) < FAST && !isFast) return;
    setFast(true);
    rest();
  };
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(look);
    watcher.observe(place.current);
    return () => watcher.disconnect();
  }, []);
  useLayoutEffect(() => {
    const list = place.current;
    const [top, height] = [at * ROW, list.clientHeight];
    if (top < list.scrollTop || top + ROW > list.scrollTop + height) list.scrollTop = Math.max(0, top - height / 2 + ROW / 2);
    look();
  }, [at, store]);
  useLayoutEffect(() => {
    if (hadFocus && !place.current.contains(document.activeElement)) place.current.querySelector("[aria-current]")?.focus({ preventScroll: true });
  });
  const end = Math.min(last, store.total - 1);
  useEffect(() => {
    if (end >= store.groups.length && store.total > store.groups.length) store.load(end).catch(() => {});
  }, [end, store, store.groups.length]);
  const places = Array.from({ length: Math.max(0, end - first + 1) }, (_, count) => first + count);
  return html`<ul class="group-list" aria-label="Groups" tabindex="-1" ref=${place} onScroll=${scrolled}>
    ${places.map((one) => html`<li key=${one} class="group-row" style=${{ top: `${one * ROW}px` }} aria-posinset=${one + 1} aria-setsize=${store.total}>
      ${store.groups[one] && html`<${Row} store=${store} group=${store.groups[one]} isChosen=${one === at} isFast=${isFast} onClick=${() => open(one)} />`}</li>`)}
    <li class="group-spacer" role="presentation" aria-hidden="true" style=${{ height: `${store.total * ROW}px` }}></li>
  </ul>`;
}

function Row({ store, group, isChosen, isFast, onClick }) {
  const { members, gain_bytes: gain } = group;
  const [best] = members;
  const isOver = store.isDone(group);
  return html`<button type="button" class="group-button ${isOver ? "is-done" : ""}" aria-current=${isChosen ? "true" : undefined} onClick=${onClick}
      title=${best.id} aria-label="${placedName(best.id)}, ${plural(members.length, "picture")}${isOver ? ", decided" : ""}">
    <span class="group-pictures">${!isFast && members.slice(0, 2).map((one) => html`<img key=${one.id} src=${thumbnailUrl(store.name, one.id)} alt="" loading="lazy" />`)}</span>
    <span class="group-text"><span class="group-name">${placedName(best.id)}</span>
      <span class="group-facts muted">${plural(members.length, "picture")} · ${isOver ? "decided" : bytes(gain)}</span></span>
  </button>`;
}
