/** The overview: every collection with its pictures in small; make one, change one, delete one. */

import * as api from "./api.js";
import { announce, button, bytes, confirm, field, fill, h, icon, openDialog, plural, select, toast } from "./dom.js";
import { collectionAddress, go } from "./route.js";

const TYPES = [
  ["photos", "Photos: find what shows the same"],
  ["products", "Products: find the same or a similar product"],
  ["matching", "Matching: find copies of a picture"],
];
const KEEPS = [
  ["auto", "A small picture of what is uploaded"],
  ["original", "The pictures as they come"],
  ["thumbnail", "A small picture of everything"],
  ["none", "No pictures, only what they look like"],
];
const ENCODERS = [["builtin", "Quick"], ["builtin-accurate", "Accurate: better for clothes, twice the time"]];
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
    h("a", { class: "card-link", href: target, "aria-label": `Open ${told.name}` }, strip),
    h("div", { class: "card-text" },
      h("h2", {}, h("a", { href: target }, told.name)),
      h("p", { class: "muted" }, [plural(told.records, "picture"), bytes(told.bytes_on_disk), told.type].join(" · ")),
      h("p", { class: "muted" }, recallText(told))),
    h("div", { class: "card-actions" },
      act("Change", `Change ${told.name}`, () => change(told, reload), ""),
      act("Delete", `Delete ${told.name}`, () => remove(told, reload), "warn")));
}

/** Say how complete the answers of a search are. */
function recallText(told) {
  return told.search === "exact" ? "Exact search: recall 1" : `Approximate search: recall ${Number(told.recall).toFixed(3)}`;
}

async function showPictures(strip, name) {
  const records = await api.sample(name, SHOWN, 1).catch(() => []);
  fill(strip, records.map((record) =>
    h("img", { src: api.thumbnailUrl(name, record.id), alt: "", loading: "lazy", on: { error: hide } })));
}

const hide = (event) => event.target.remove();

/** Ask for what a new collection is to be, and make it. */
export function create() {
  openDialog("New collection", (dialog) => {
    const name = h("input", { type: "text", required: true, maxlength: 128, autocomplete: "off", autofocus: true });
    const type = select(TYPES, "photos");
    const keep = select(KEEPS, "auto");
    const encoder = select(ENCODERS, "builtin");
    const { fields, product } = fieldInputs();
    const more = h("details", {}, h("summary", {}, "More choices"),
      field("What is kept", keep), field("Recognition", encoder), ...fields);
    const submit = async () => {
      const wanted = { name: name.value.trim(), type: type.value, keep: keep.value, encoder: encoder.value, ...product() };
      const made = await api.createCollection({ ...wanted, product_id_field: wanted.product_id_field || null });
      dialog.close();
      announce(`${made.name} was made.`);
      go(["c", made.name]);
    };
    return formOf("Make the collection", submit, dialog,
      field("Name", name, "Letters, digits, dots, dashes. You cannot change it later."), field("Type", type), more);
  });
}

function change(told, reload) {
  openDialog(`Change ${told.name}`, (dialog) => {
    const { fields, product } = fieldInputs(told);
    const submit = async () => {
      await api.changeCollection(told.name, product());
      dialog.close();
      toast(`${told.name} was changed.`);
      reload();
    };
    return formOf("Save", submit, dialog, ...fields);
  });
}

function fieldInputs(told = { fields: [], product_id_field: "" }) {
  const declared = h("input", { type: "text", value: told.fields.join(", "), autocomplete: "off" });
  const product = h("input", { type: "text", value: told.product_id_field ?? "", autocomplete: "off" });
  return {
    fields: [
      field("Declared fields", declared, "What you often filter by, such as price, color. Filtering is faster then."),
      field("Product field", product, "The field that says which pictures show one product."),
    ],
    product: () => ({
      fields: declared.value.split(",").map((word) => word.trim()).filter(Boolean),
      product_id_field: product.value.trim(),
    }),
  };
}

/** Make a form whose failures are told above its buttons. */
export function formOf(verb, submit, dialog, ...parts) {
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const send = h("button", { type: "submit", class: "button primary" }, verb);
  return h("form", {
    class: "form",
    on: {
      submit: async (event) => {
        event.preventDefault();
        send.disabled = true;
        try {
          await submit();
        } catch (error) {
          trouble.hidden = false;
          trouble.textContent = error.message;
        }
        send.disabled = false;
      },
    },
  }, ...parts, trouble, h("div", { class: "actions" }, dialog && button("Cancel", () => dialog.close()), send));
}

async function remove(told, reload) {
  const text = told.records
    ? `${plural(told.records, "picture")} and all that is known of them will be gone for good. Files on your disk stay.`
    : "It is empty.";
  if (!(await confirm(`Delete ${told.name}?`, text, "Delete for good"))) return;
  try {
    await api.deleteCollection(told.name);
    toast(`${told.name} was deleted.`);
  } catch (error) {
    toast(error.message, "bad");
  }
  reload();
}
