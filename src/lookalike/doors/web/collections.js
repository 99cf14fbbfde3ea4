/** The overview: every collection with its pictures in small; make one, change one, delete one. */

import * as api from "./api.js";
import { button, bytes, confirm, fill, h, icon, plural, toast } from "./dom.js";
import { change, create, recallText, titleOf } from "./making.js";
import { collectionAddress } from "./route.js";

const SHOWN = 4; // pictures on a card

export function showCollections(place) {
  document.title = "Collections · lookalike";
  const list = h("div", { class: "cards", "aria-busy": "true" });
  fill(place,
    h("div", { class: "head" }, h("h1", {}, "Collections"),
      button("New collection", create, { icon: "add", kind: "primary" })),
    list);
  load();

  async function load() {
    try {
      const found = await api.collections();
      list.removeAttribute("aria-busy");
      fill(list, found.length ? found.map((one) => card(one, load)) : nothingYet());
    } catch (error) {
      list.removeAttribute("aria-busy");
      fill(list, h("p", { class: "empty" }, error.message));
    }
  }
}

function nothingYet() {
  return h("div", { class: "empty wide" }, icon("picture"),
    h("h2", {}, "No collection yet"),
    h("p", {}, "A collection holds the pictures that you search in. Make one, then drop your pictures into it."),
    button("Make a collection", create, { icon: "add", kind: "primary" }));
}

function card(told, reload) {
  const target = collectionAddress(told.name);
  const strip = h("div", { class: "card-pictures" });
  if (told.records) showPictures(strip, told.name);
  else fill(strip, h("span", { class: "card-hint" }, icon("upload"), "Drop pictures here"));
  const act = (text, label, work, kind) => button(text, work, { label, kind: `ghost small ${kind}` });
  return h("article", { class: "card" },
    h("a", { class: "card-link", href: target, "aria-label": `Open ${titleOf(told)}` }, strip),
    h("div", { class: "card-text" },
      h("h2", {}, h("a", { href: target }, titleOf(told))),
      told.title && h("p", { class: "muted" }, told.name),
      h("p", { class: "muted" }, [plural(told.records, "picture"), bytes(told.bytes_on_disk), told.type].join(" · ")),
      h("p", { class: "muted" }, recallText(told))),
    h("div", { class: "card-actions" },
      act("Settings", `Settings of ${titleOf(told)}`, () => change(told, reload), ""),
      act("Delete", `Delete ${titleOf(told)}`, () => remove(told, reload), "warn")));
}

async function showPictures(strip, name) {
  const records = await api.sample(name, SHOWN, 1).catch(() => []);
  fill(strip, records.map((record) =>
    h("img", { src: api.thumbnailUrl(name, record.id), alt: "", loading: "lazy", on: { error: hide } })));
}

const hide = (event) => event.target.remove();

async function remove(told, reload) {
  const text = told.records
    ? `${plural(told.records, "picture")} and all that is known of them will be gone for good. Files on your disk stay.`
    : "It is empty.";
  if (!(await confirm(`Delete ${titleOf(told)}?`, text, "Delete for good"))) return;
  try {
    await api.deleteCollection(told.name);
    toast(`${titleOf(told)} was deleted.`);
  } catch (error) {
    toast(error.message, "bad");
  }
  reload();
}
