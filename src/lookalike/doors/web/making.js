/** Making and changing a collection: what it is called, what ranks in it, and how it searches. */

import * as api from "./api.js";
import { announce, button, bytes, field, formOf, h, openDialog, select, toast } from "./dom.js";
import { go } from "./route.js";

const TYPES = [
  ["photos", "Photos: what shows the same"],
  ["products", "Products: the same or similar"],
  ["matching", "Matching: copies of a picture"],
  ["colors", "Colors: what has the same colors"],
];
const KEEPS = [
  ["auto", "Uploads, in small"],
  ["original", "All pictures as they come"],
  ["thumbnail", "All pictures, in small"],
  ["none", "No pictures"],
];
const ENCODERS = [["builtin", "Quick"], ["builtin-accurate", "Accurate: twice the time"]];
const UNNAMED = { title: "", fields: [], product_id_field: "" };

/** Give what people call a collection. */
export const titleOf = (told) => told.title || told.name;

/** Say how complete the answers of a search are. */
export const recallText = ({ search, recall, recall_target: target }) =>
  search === "exact" ? "Exact search: recall 1" : `Approximate search: recall ${recall.toFixed(3)}, wanted ${target}`;

/** Ask for what a new collection is to be, and make it. */
export function create() {
  openDialog("New collection", (dialog) => {
    const name = h("input", { type: "text", required: true, maxlength: 128, autocomplete: "off", autofocus: true });
    const type = select(TYPES, "photos");
    const keep = select(KEEPS, "auto");
    const encoder = select(ENCODERS, "builtin");
    const { controls, wanted } = settingsOf(UNNAMED);
    const submit = async () => {
      const { product_id_field: product, ...rest } = wanted();
      const made = await api.createCollection({
        name: name.value.trim(), type: type.value, keep: keep.value, encoder: encoder.value, ...rest, product_id_field: product || null,
      });
      dialog.close();
      announce(`${titleOf(made)} was made.`);
      go(["c", made.name]);
    };
    return formOf("Make the collection", submit, dialog,
      field("Name", name, "It stands in addresses and cannot be changed later."), field("Type", type),
      h("details", {}, h("summary", {}, "More choices"), controls, field("What is kept", keep), field("Recognition", encoder, "Accurate is better for clothes.")));
  });
}

/** Change the settings of a collection; `done` gets it as it is then. */
export function change(told, done) {
  openDialog(`Settings of ${titleOf(told)}`, (dialog) => {
    const { controls, wanted } = settingsOf(told);
    const recall = h("input", { type: "number", min: 0.5, max: 1, step: "any", required: true, value: told.recall_target });
    const submit = async () => {
      const changed = await api.changeCollection(told.name, { ...wanted(), recall_target: Number(recall.value) });
      dialog.close();
      toast(`${titleOf(changed)} was changed.`);
      done(changed);
    };
    const labelOf = (choices, value) => choices.find(([one]) => one === value)?.[1] ?? value;
    const facts = [
      ["Name", told.name],
      ["Type", labelOf(TYPES, told.type)],
      ["Kept", labelOf(KEEPS, told.keep)],
      ["Recognition", labelOf(ENCODERS, told.encoder)],
      ["Search", recallText(told)],
    ];
    return formOf("Save", submit, dialog,
      h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      controls,
      field("Wanted recall", recall, "Share of the nearest pictures that a large collection must find; 1 makes every search exact."),
      compacting(told));
  });
}

/** Make the button that rewrites a collection without what was deleted, and tells what is left of that. */
function compacting(told) {
  const tell = h("p", { class: "muted" }, "Deleted pictures leave traces on disk until the collection is compacted.");
  const compact = button("Compact", async () => {
    compact.disabled = true;
    try {
      const { bytes_before: before, bytes_after: after, decisions_left: left } = await api.compactCollection(told.name);
      const decided = left.length ? ` ${left.length} decisions about deleted pictures stay.` : "";
      tell.textContent = `Compacted: ${bytes(before)} before, ${bytes(after)} now.${decided}`;
    } catch (error) {
      tell.textContent = error.message;
    }
    compact.disabled = false;
  });
  return h("div", { class: "compacting" }, tell, compact);
}

/** Make the controls of what can be changed at any time; `wanted` reads them. */
function settingsOf(told) {
  const text = (value) => h("input", { type: "text", value, autocomplete: "off" });
  const title = text(told.title);
  const declared = text(told.fields.join(", "));
  const product = text(told.product_id_field ?? "");
  return {
    controls: [
      field("Title", title, "What people call it; empty for its name."),
      field("Declared fields", declared, "What you often filter by, such as price, color. Filtering is faster then."),
      field("Product field", product, "The field that says which pictures show one product."),
    ],
    wanted: () => ({
      title: title.value.trim(),
      fields: declared.value.split(",").map((word) => word.trim()).filter(Boolean),
      product_id_field: product.value.trim(),
    }),
  };
}
