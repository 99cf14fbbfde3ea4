/** The examples of a search as chips: pictures to be like, and pictures to be unlike. */

import { thumbnailUrl } from "./api.js";
import { button, h, icon } from "./dom.js";
import { shortName } from "./grid.js";
import { pictureOf } from "./pictures.js";
import { kindOf } from "./query.js";

/** Make the chips of a question. `act` has `remove`, `turn` and `crop`, each called with the example. */
export function makeChips(collection, question, act) {
  const chips = [
    ...question.like.map((example, place) => chip(collection, example, "like", place === 0, question, act)),
    ...question.unlike.map((example) => chip(collection, example, "unlike", false, question, act)),
  ];
  return h("ul", { class: "chips", "aria-label": "Examples" }, chips);
}

function chip(collection, example, side, isFirst, question, act) {
  const { kind, name } = kindOf(example);
  const text = { id: shortName(name), url: hostOf(name) }[kind] ?? "your picture";
  const picture = h("span", { class: "chip-picture" });
  showPicture(picture, collection, kind, name);
  const isLike = side === "like";
  const isCropped = isFirst && question.crop;
  const sign = (kind, label, work) => button("", work, { icon: kind, label: `${label}: ${text}`, kind: "ghost tiny" });
  return h("li", { class: `chip is-${side}` },
    picture,
    h("span", { class: "chip-text" },
      h("span", { class: "chip-side" }, isLike ? "Like" : "Not like", isCropped && " a part of"), " ",
      h("span", { class: "chip-name" }, text)),
    isFirst && kind !== "url" && sign("crop", isCropped ? "Change the part" : "Look at a part", () => act.crop(example)),
    isLike ? sign("remove", "Not like this", () => act.turn(example)) : sign("add", "Like this", () => act.turn(example)),
    sign("close", "Take away", () => act.remove(example)));
}

async function showPicture(place, collection, kind, name) {
  const url = kind === "id" ? thumbnailUrl(collection, name) : kind === "kept" ? (await pictureOf(name))?.url : null;
  if (!url) return place.replaceChildren(icon(kind === "url" ? "link" : "alert"));
  const image = h("img", { src: url, alt: "" });
  image.addEventListener("error", () => place.replaceChildren(icon("picture")));
  place.replaceChildren(image);
}

function hostOf(url) {
  try {
    return new URL(url).hostname;
  } catch {
    return url;
  }
}
