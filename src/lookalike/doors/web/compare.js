/** Comparing: two pictures side by side, how alike they are, what they are to each other, and why. */

import * as api from "./api.js";
import { announce, button, fill, h, icon, share, toast } from "./dom.js";
import { choose, takeDrops, takePastes, urlOf } from "./drops.js";
import { shortName } from "./words.js";
import { base64Of, isPicture, pictureOf } from "./pictures.js";
import { blobOf, exampleOfFile, kindOf } from "./query.js";
import { detailsText, meaning, transformText } from "./relations.js";
import { go } from "./route.js";
import { framed, showWhy } from "./why.js";

const SIDES = ["a", "b"];
const SAME_PIXELS = ["identical", "same_pixels"]; // nothing is to be shown that differs
const NOT_SEEN = "no pixels of both are kept"; // so nobody could look what they are to each other

export function showCompare(place, { parameters }) {
  document.title = "Compare · lookalike";
  const slots = h("div", { class: "slots" });
  const result = h("section", { class: "comparison", "aria-label": "Result", "aria-live": "polite" });
  let told = parameters;
  let asked = null;
  fill(place, h("div", { class: "head" }, h("h1", {}, "Compare two pictures")), slots, result);

  const set = (side, example) => {
    const wanted = new URLSearchParams(told);
    if (example) wanted.set(side, example);
    else wanted.delete(side);
    go(["compare"], wanted);
  };
  const take = async (side, { id, files = [], url, text }) => {
    const pictures = files.filter(({ file }) => isPicture(file)).slice(0, 2);
    if (files.length && !pictures.length) return toast("This is no picture.", "bad");
    if (pictures.length === 2) {
      const [a, b] = await Promise.all(pictures.map(({ file }) => exampleOfFile(file)));
      return go(["compare"], { a, b });
    }
    if (pictures.length) return set(side, await exampleOfFile(pictures[0].file));
    const address = url ?? urlOf(text);
    if (address) set(side, address);
    else if (id) set(side, `id:${id}`);
  };
  const free = () => SIDES.find((side) => !told.has(side)) ?? "b";
  const endPastes = takePastes((brought) => take(free(), brought));

  function update(parameters) {
    told = parameters;
    asked?.abort();
    asked = new AbortController();
    result.removeAttribute("aria-busy");
    fill(slots, SIDES.map((side) => slot(side, told.get(side), told.get("collection"), set, take)));
    if (SIDES.every((side) => told.has(side))) compare(result, slots, told, asked.signal);
    else fill(result, h("p", { class: "muted" }, "Choose two pictures: how alike they are stands here then."));
  }

  update(parameters);
  const close = () => {
    asked.abort();
    endPastes();
  };
  return { update, close };
}

function slot(side, example, collection, set, take) {
  const title = side === "a" ? "First picture" : "Second picture";
  const element = h("section", { class: "slot", "aria-label": title });
  takeDrops(element, (brought) => take(side, brought));
  if (!example) {
    fill(element, h("div", { class: "drop" }, icon("picture"), h("p", { class: "drop-title" }, title),
      h("p", { class: "muted" }, "Drop or paste it here, or"),
      button("Choose a picture", () => choose((files) => take(side, { files }), { many: false }), { kind: "primary", label: `Choose the ${title.toLowerCase()}` })));
    return element;
  }
  const { kind, name } = kindOf(example);
  const picture = h("div", { class: "slot-picture" });
  showPicture(picture, kind, name, collection);
  fill(element, picture, h("div", { class: "slot-text" },
    h("span", { class: "chip-name" }, kind === "kept" ? "your picture" : shortName(name)),
    button("", () => set(side, null), { icon: "close", label: `Take away the ${title.toLowerCase()}`, kind: "ghost" })));
  return element;
}

async function showPicture(place, kind, name, collection) {
  const url = kind === "id" ? api.thumbnailUrl(collection, name, 1024) : kind === "kept" ? (await pictureOf(name))?.url : null;
  if (!url) return fill(place, icon(kind === "url" ? "link" : "alert"));
  fill(place, framed(h("img", { src: url, alt: kind === "id" ? shortName(name) : "Your picture" })));
}

async function compare(place, slots, told, signal) {
  fill(place, h("p", { class: "muted" }, "Comparing ..."));
  await tried(place, signal, async () => {
    const isStored = SIDES.some((side) => kindOf(told.get(side)).kind === "id");
    const collection = isStored ? told.get("collection") : null;
    const [a, b] = await Promise.all(SIDES.map((side) => sourceOf(told.get(side))));
    const body = await bodyOf(a, b);
    const found = await api.compare(collection, body, {}, signal);
    const reason = h("div", { class: "reason" });
    fill(place, ...resultOf(found), reason);
    announce(`Score ${share(found.score)}: ${found.relation ? detailsText(found) : NOT_SEEN}.`);
    const explain = () => tried(reason, signal, async () => {
      fill(reason, h("p", { class: "muted" }, "Looking for what makes them alike ..."));
      const { explanation } = await api.compare(collection, body, { explain: true }, signal);
      fill(reason, showWhy(explanation, framesIn(slots)));
    });
    if (!found.relation || SAME_PIXELS.includes(found.relation)) return;
    if (found.transform) await explain(); // quick; without a map it takes a second
    else fill(reason, button("Why?", explain, { icon: "search", kind: "small" }));
  });
}

/** Do some work whose failure is told in its place; what was broken off says nothing. */
async function tried(place, signal, work) {
  place.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    if (!signal.aborted) fill(place, h("p", { class: "trouble", role: "alert" }, error.message));
  }
  if (!signal.aborted) place.removeAttribute("aria-busy");
}

/** Give the framed pictures by side; those that cannot be shown here are missing. */
const framesIn = (slots) => Object.fromEntries(SIDES.map((side, at) => [side, slots.children[at].querySelector(".framed")]));

/** Give what the server knows by its name as text, and everything else as a file. */
async function sourceOf(example) {
  if (["id", "url"].includes(kindOf(example).kind)) return example;
  const blob = await blobOf(null, example);
  if (!blob) throw new Error("One of the pictures is not on this device. Choose it again.");
  return blob;
}

/** Two files go as they are; beside an address, a file goes as text. */
async function bodyOf(a, b) {
  const text = (source) => (source instanceof Blob ? base64Of(source) : source);
  if (!(a instanceof Blob && b instanceof Blob)) return { a: await text(a), b: await text(b) };
  const form = new FormData();
  form.append("a", a, "a");
  form.append("b", b, "b");
  return form;
}

function resultOf(found) {
  const meter = h("span", { class: "score-bar large", "aria-hidden": "true" }, h("span", {}));
  meter.firstChild.style.width = `${100 * found.score}%`;
  const facts = [
    ["Probability of the same picture", found.relation && share(found.confidence)],
    ["From first to second", found.transform && transformText(found.transform)],
    ["Places that agree", found.inliers],
    ...Object.entries(found.distances).map(([space, distance]) => [`Distance of the descriptor, ${space}`, distance.toFixed(4)]),
  ].filter(([, value]) => value);
  return [
    h("p", { class: "big-score" }, share(found.score)), meter,
    h("h2", {}, found.relation ? detailsText(found) : "Not known"),
    h("p", { class: "band" }, found.relation ? meaning(found.relation) : `The collection keeps vectors only: ${NOT_SEEN}.`),
    h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
  ];
}
