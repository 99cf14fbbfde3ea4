/** The grid: pictures in rows of one height that fill the width, each with its caption. */

import { thumbnailUrl } from "./api.js";
import { button, h, share } from "./dom.js";
import { isSamePicture, relationName } from "./relations.js";

const GAP = 14;
const CAPTION = 44;
const BANDS = [[0.999, "identical"], [0.9, "the same picture, little changed"], [0.7, "the same subject"], [0.5, "similar"], [0, "little in common"]];

/** Say in words what a score means. */
export const bandOf = (score) => BANDS.find(([least]) => score >= least)[1];

/** Make a grid. `act` has `open`, `like` and `unlike`, each called with an id. */
export function makeGrid(collection, act) {
  const element = h("ul", { class: "grid" });
  const tiles = []; // {element, ratio, score}
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    arrange();
  }).observe(element);

  function arrange() {
    const shown = tiles.filter((tile) => !tile.element.hidden);
    const wanted = width < 520 ? 128 : width < 900 ? 170 : 200;
    let row = [];
    let ratios = 0;
    for (const tile of shown) {
      row.push(tile);
      ratios += tile.ratio;
      const height = (width - GAP * (row.length - 1)) / ratios;
      if (height <= wanted) {
        place(row, height);
        [row, ratios] = [[], 0];
      }
    }
    if (row.length) place(row, Math.min(wanted, (width - GAP * (row.length - 1)) / ratios));
  }

  function place(row, height) {
    for (const { element: tile, ratio } of row) {
      tile.style.width = `${Math.floor(ratio * height * 100) / 100 - 0.02}px`;
      tile.firstChild.style.height = `${Math.round(height)}px`;
    }
  }

  return {
    element,
    /** Add records or matches; `sizes` says the size of each by id. */
    add(found, sizes) {
      for (const one of found) {
        const [wide, high] = one.size_px ?? sizes?.get(one.id) ?? [1, 1];
        const tile = tileOf(collection, one, act);
        tiles.push({ element: tile, ratio: Math.min(2.6, Math.max(0.5, wide / high)), score: one.score });
        element.append(tile);
      }
      arrange();
    },
    clear() {
      if (element.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
      tiles.length = 0;
      element.replaceChildren();
    },
    /** Show only what scores as high; a slider asks for this before the server has answered. */
    floor(threshold) {
      for (const tile of tiles) tile.element.hidden = tile.score < threshold;
      arrange();
    },
    ids: () => tiles.filter((tile) => !tile.element.hidden).map((tile) => tile.element.dataset.id),
    focus: (id) => tiles.find((tile) => tile.element.dataset.id === id)?.element.firstChild.focus(),
  };
}

function tileOf(collection, one, act) {
  const name = shortName(one.id);
  const isMatch = one.score !== undefined;
  const told = isMatch ? `${name}, score ${share(one.score)}, ${one.relation ? relationName(one.relation) : bandOf(one.score)}` : name;
  const picture = h("img", { src: thumbnailUrl(collection, one.id), alt: "", loading: "lazy", decoding: "async", draggable: "true" });
  picture.addEventListener("error", () => picture.replaceWith(h("span", { class: "no-picture" }, name)));
  picture.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/x-lookalike-id", one.id));
  const sign = (kind, text, act) => button("", act, { icon: kind, label: `${text}: ${name}`, kind: "ghost tiny" });
  return h("li", { class: "tile", data: { id: one.id } },
    h("button", { type: "button", class: "tile-picture", "aria-label": `${told}. Details`, on: { click: () => act.open(one.id) } }, picture),
    h("div", { class: "tile-caption" },
      isMatch ? scoreText(one) : h("span", { class: "tile-name" }, name),
      sign("add", "More like this", () => act.like(one.id)),
      isMatch && sign("remove", "Not like this", () => act.unlike(one.id))));
}

function scoreText(match) {
  const bar = h("span", { class: "score-bar", "aria-hidden": "true" }, h("span", {}));
  bar.firstChild.style.width = `${100 * match.score}%`;
  const hidden = match.hidden ? ` +${match.hidden}` : "";
  return h("span", { class: "tile-score", title: match.relation ? relationName(match.relation) : bandOf(match.score) },
    h("strong", {}, share(match.score)),
    match.relation && h("span", { class: isSamePicture(match.relation) ? "relation is-copy" : "relation" }, relationName(match.relation)),
    hidden && h("span", { class: "relation", title: "Near-duplicates that are hidden" }, hidden),
    bar);
}

export const shortName = (id) => id.split("/").filter(Boolean).pop() ?? id;

/** Name a picture where many folders may hold the same name: "iconic.jpg in cabbage". */
export function placedName(id) {
  const [name, folder] = id.split("/").filter(Boolean).reverse();
  return folder && !id.includes("://") ? `${name} in ${folder}` : shortName(id);
}
