/** Comparing: two pictures side by side, what they are to each other, how alike they are, and why. */

import * as api from "./api.js";
import { choose, urlOf, useDrops, usePastes } from "./drops.js";
import { base64Of, isPicture, pictureOf } from "./pictures.js";
import { blobOf, exampleOfFile, exampleOfId, kindOf } from "./query.js";
import { detailsText, isSamePicture, meaning, transformText } from "./relations.js";
import { checkSize } from "./rights.js";
import { go } from "./route.js";
import { announce, Button, html, Icon, toast, useEffect, useLoaded, useRef, useState } from "./ui.js";
import { placedName, share } from "./words.js";
import { Framed, Why } from "./why.js";

const SIDES = ["a", "b"];
const TITLES = { a: "First picture", b: "Second picture" };
const SAME_PIXELS = ["identical", "same_pixels"]; // nothing is to be shown that differs
const NOT_SEEN = "no pixels of both are kept"; // so nobody could look what they are to each other

export function Compare({ parameters }) {
  const [a, b, collection] = ["a", "b", "collection"].map((name) => parameters.get(name));
  const { value: urls } = useLoaded(async () => ({ a: await urlOfExample(a, collection), b: await urlOfExample(b, collection) }), [a, b, collection]);
  const comparison = useComparison(a, b, collection);
  useEffect(() => {
    document.title = "Compare · lookalike";
  }, []);
  const set = (side, example) => {
    const wanted = new URLSearchParams(parameters);
    if (example) wanted.set(side, example);
    else wanted.delete(side);
    go(["compare"], wanted);
  };
  const take = (side, brought) => taken(brought, (example) => set(side, example));
  usePastes((brought) => take(SIDES.find((side) => !parameters.has(side)) ?? "b", brought));
  return html`<div class="head"><h1>Compare two pictures</h1></div>
    <div class="slots">${SIDES.map((side) => html`<${Slot} key=${side} side=${side} example=${parameters.get(side)} url=${urls?.[side]}
      why=${urls?.a && urls.b && comparison.why} set=${set} take=${take} />`)}</div>
    <section class="comparison" aria-label="Result" aria-live="polite" aria-busy=${comparison.isBusy || undefined}>
      ${a && b ? html`<${Result} ...${comparison} urls=${urls} />` : html`<p class="muted">Choose two pictures: how alike they are stands here then.</p>`}
    </section>`;
}

/** Take what was brought for one side; two pictures are both sides. */
async function taken({ id, files = [], url, text }, set) {
  const pictures = files.filter(({ file }) => isPicture(file)).slice(0, 2);
  if (files.length && !pictures.length) return toast("This is not a picture.", "bad");
  if (pictures.length === 2) {
    const [a, b] = await Promise.all(pictures.map(({ file }) => exampleOfFile(file)));
    return go(["compare"], { a, b });
  }
  if (pictures.length) return set(await exampleOfFile(pictures[0].file));
  const address = url ?? urlOf(text);
  if (address) set(address);
  else if (id) set(exampleOfId(id));
}

function Slot({ side, example, url, why, set, take }) {
  const place = useRef(null);
  const title = TITLES[side];
  useDrops(place, (brought) => take(side, brought));
  const remove = () => {
    set(side, null);
    requestAnimationFrame(() => place.current.querySelector("button").focus());
  };
  if (!example) {
    return html`<section class="slot" ref=${place} aria-label=${title}><div class="drop"><${Icon} name="picture" /><p class="drop-title">${title}</p>
      <p class="muted">Drop or paste it here, or</p>
      <${Button} kind="primary" label="Choose the ${title.toLowerCase()}" onClick=${() => choose((files) => take(side, { files }), { many: false })}>Choose a picture</${Button}>
    </div></section>`;
  }
  const { kind, name } = kindOf(example);
  return html`<section class="slot" ref=${place} aria-label=${title}>
    <div class="slot-picture">${url ? html`<${Framed} src=${url} alt=${kind === "id" ? placedName(name) : "Your picture"} why=${why} side=${side} />`
      : url === null && html`<${Icon} name=${kind === "url" ? "link" : "alert"} />`}</div>
    <div class="slot-text"><span class="chip-name" title=${kind === "kept" ? undefined : name}>${kind === "kept" ? "your picture" : placedName(name)}</span>
      <${Button} icon="close" kind="ghost" label="Take away the ${title.toLowerCase()}" onClick=${remove} /></div>
  </section>`;
}

/** The address under which a picture can be shown here; null where only the server reads it, or nobody has it. */
async function urlOfExample(example, collection) {
  if (!example) return undefined;
  const { kind, name } = kindOf(example);
  if (kind === "id") return api.thumbnailUrl(collection, name, 1024);
  return kind === "kept" ? ((await pictureOf(name))?.url ?? null) : null;
}

// ---- the comparison

/** Compare two examples. Returns {found, error, isBusy, why, noWhy, isLooking, ask}: `ask` wants to know why, null where that is known. */
function useComparison(a, b, collection) {
  const key = JSON.stringify([a, b, collection]);
  const [asked, setAsked] = useState(null);
  const { value, error, isLoading } = useLoaded(async (signal) => {
    if (!a || !b) return null;
    const request = { collection: [a, b].some((one) => kindOf(one).kind === "id") ? collection : null, body: await bodyOf(a, b) };
    return { ...request, key, found: await api.compare(request.collection, request.body, {}, signal) };
  }, [key]);
  const now = value?.key === key ? value : null; // what is held may be of the two before
  const hasReason = now?.found.relation && !SAME_PIXELS.includes(now.found.relation);
  const isWanted = Boolean(hasReason && (now.found.transform || asked === key)); // with a map it is quick, else it takes a second
  const reason = useLoaded(async (signal) => isWanted
    ? { key, why: (await api.compare(now.collection, now.body, { explain: true }, signal)).explanation } : null, [key, isWanted]);
  const why = isWanted && reason.value?.key === key ? reason.value.why : null;
  return {
    found: now?.found, error, isBusy: isLoading || (isWanted && reason.isLoading),
    why, noWhy: isWanted && reason.error, isLooking: isWanted && reason.isLoading, ask: hasReason && !isWanted ? () => setAsked(key) : null,
  };
}

/** Two files go as they are; beside an address, a file goes as text. */
async function bodyOf(...examples) {
  const [a, b] = await Promise.all(examples.map(sourceOf));
  const text = (source) => (source instanceof Blob ? base64Of(source) : source);
  if (!(a instanceof Blob && b instanceof Blob)) return { a: await text(a), b: await text(b) };
  const form = new FormData();
  form.append("a", a, "a");
  form.append("b", b, "b");
  return form;
}

/** Give what the server knows by its name as text, and everything else as a file. */
async function sourceOf(example) {
  if (["id", "url"].includes(kindOf(example).kind)) return example;
  const blob = await blobOf(null, example);
  if (!blob) throw new Error("One of the pictures is not on this device. Choose it again.");
  checkSize(blob);
  return blob;
}

/** What geometry says comes before the number: it looked at the pixels of both. */
function Result({ found, error, urls, why, noWhy, isLooking, ask }) {
  useEffect(() => {
    if (found) announce(`${verdictOf(found)}. Score ${share(found.score)}.`);
  }, [found]);
  if (error) return html`<p class="trouble" role="alert">${error.message}</p>`;
  if (!found) return html`<p class="muted">Comparing ...</p>`;
  const { relation, score, confidence, transform, inliers, distances } = found;
  return html`<h2 class="big-verdict ${relation && isSamePicture(relation) ? "is-copy" : ""}">${verdictOf(found)}</h2>
    <p>${relation ? meaning(relation) : `The collection keeps vectors only: ${NOT_SEEN}.`}</p>
    <p class="big-score"><strong>${share(score)}</strong> score</p>
    <span class="score-bar large" aria-hidden="true"><span style=${{ width: `${100 * score}%` }}></span></span>
    <${Facts} facts=${[["Probability of the same picture", relation && share(confidence)],
      ["From first to second", transform && transformText(transform)], ["Places that agree", inliers]]} />
    <details class="distances"><summary>Distances of the descriptors</summary>
      <${Facts} facts=${Object.entries(distances).map(([space, distance]) => [space, distance.toFixed(4)])} /></details>
    <div class="reason">
      ${ask && html`<${Button} icon="search" kind="small" onClick=${ask}>Why?</${Button}>`}
      ${isLooking && html`<p class="muted">Looking for what makes them alike ...</p>`}
      ${noWhy && html`<p class="trouble" role="alert">${noWhy.message}</p>`}
      ${why && urls && html`<${Why} why=${why} urls=${urls} />`}
    </div>`;
}

const verdictOf = (found) => (found.relation ? detailsText(found) : "Not known");

const Facts = ({ facts }) => html`<dl class="facts">${facts.filter(([, value]) => value).map(([name, value]) =>
  html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>`;
