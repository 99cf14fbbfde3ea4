/** Making and changing a collection: what it is called, what ranks in it, and how it searches. */

import * as api from "./api.js";
import { go } from "./route.js";
import { announce, Button, Field, Form, html, openDialog, Select, toast, useId, useLoaded, useState } from "./ui.js";
import { bytes, plural } from "./words.js";

const TYPES = [
  ["photos", "Photos: what shows the same", "Pictures of the same subject come first."],
  ["products", "Products: the same or similar", "The same product comes first, then products that look like it."],
  ["matching", "Matching: copies of a picture", "Copies come first: re-encoded, resized, cropped, turned or edited. Each match is checked by its pixels."],
  ["colors", "Colors: what has the same colors", "Pictures with the same main colors come first, whatever they show: a red dress and a red car are alike here."],
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

/** How complete the answers of a search are. */
const recallText = ({ search, recall, recall_target: target }) =>
  search === "exact" ? "Exact search: recall 1" : `Approximate search: recall ${recall.toFixed(3)}, wanted ${target}`;

/** Ask for what a new collection is to be, and make it. */
export const create = () => openDialog("New collection", NewCollection);

function NewCollection({ close }) {
  const [type, setType] = useState("photos");
  const submit = async (values) => {
    const { product_id_field: product, ...rest } = settingsIn(values);
    const { name, keep, encoder } = values;
    const made = await api.createCollection({ name: name.trim(), type, keep, encoder, ...rest, product_id_field: product || null });
    close();
    announce(`${titleOf(made)} was made.`);
    go(["c", made.name]);
  };
  return html`<${Form} verb="Make the collection" submit=${submit} cancel=${() => close()}>
    <${Field} label="Name" hint="It stands in addresses and cannot be changed later.">${(joined) =>
      html`<input type="text" name="name" required maxlength="128" autocomplete="off" autofocus ...${joined} />`}</${Field}>
    <${Field} label="Type" hint="${TYPES.find(([one]) => one === type)[2]} The type cannot be changed later.">${(joined) =>
      html`<${Select} options=${TYPES} value=${type} onChange=${setType} ...${joined} />`}</${Field}>
    <details><summary>More choices</summary>
      <${Settings} told=${UNNAMED} />
      <${Field} label="What is kept">${(joined) => html`<${Choice} name="keep" options=${KEEPS} ...${joined} />`}</${Field}>
      <${Field} label="Recognition" hint="Accurate is better for clothes.">${(joined) => html`<${Choice} name="encoder" options=${ENCODERS} ...${joined} />`}</${Field}>
    </details>
  </${Form}>`;
}

const Choice = ({ options, ...rest }) => html`<select ...${rest}>${options.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select>`;

/** Change the settings of a collection; `done` gets it as it is then. */
export const change = (told, done) => openDialog(`Settings of ${titleOf(told)}`, CollectionSettings, { told, done });

function CollectionSettings({ told, done, close }) {
  const submit = async (values) => {
    const changed = await api.changeCollection(told.name, { ...settingsIn(values), recall_target: Number(values.recall_target) });
    close();
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
  return html`<${Form} verb="Save" submit=${submit} cancel=${() => close()}>
    <dl class="facts">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>
    <${Settings} told=${told} />
    <${Field} label="Wanted recall" hint="Share of the nearest pictures that a large collection must find; 1 makes every search exact.">${(joined) =>
      html`<input type="number" name="recall_target" min="0.5" max="1" step="any" required defaultValue=${told.recall_target} ...${joined} />`}</${Field}>
    <${Compacting} told=${told} />
  </${Form}>`;
}

/** The controls of what can be changed at any time; `settingsIn` reads them. */
function Settings({ told }) {
  const id = useId();
  const { value: fields } = useLoaded((signal) => fieldsOf(told, signal), [told.name]);
  const text = (name, value, rest) => html`<input type="text" name=${name} autocomplete="off" defaultValue=${value} ...${rest} />`;
  return html`
    <${Field} label="Title" hint="What people call it; empty for its name.">${(joined) => text("title", told.title, joined)}</${Field}>
    <${Field} label="Declared fields" hint="What you often filter by, such as price, color. Filtering is faster then.">${(joined) =>
      text("fields", told.fields.join(", "), joined)}</${Field}>
    <${Field} label="Product field" hint="The field that says which pictures show one product.">${(joined) =>
      text("product_id_field", told.product_id_field ?? "", { list: id, ...joined })}</${Field}>
    <datalist id=${id}>${fields?.map((field) => html`<option key=${field} value=${field}></option>`)}</datalist>`;
}

/** The fields that the records of a collection have. */
async function fieldsOf({ name, records }, signal) {
  if (!records) return [];
  const { facets } = await api.facets(name, { limit: 1 }, signal).catch(() => ({ facets: [] }));
  return facets.map(({ field }) => field).filter((field) => field !== "tags");
}

const settingsIn = ({ title, fields, product_id_field: product }) => ({
  title: title.trim(),
  fields: fields.split(",").map((word) => word.trim()).filter(Boolean),
  product_id_field: product.trim(),
});

/** The button that rewrites a collection without what was deleted, and what is left of that. */
function Compacting({ told }) {
  const [state, set] = useState({ text: "Deleted pictures leave traces on disk until the collection is compacted." });
  const compact = async () => {
    set({ text: "Compacting ...", isBusy: true });
    try {
      const { bytes_before: before, bytes_after: after, decisions_left: left } = await api.compactCollection(told.name);
      const decided = left.length ? ` ${plural(left.length, "decision")} about deleted pictures stay.` : "";
      set({ text: `Compacted: ${bytes(before)} before, ${bytes(after)} now.${decided}` });
    } catch (error) {
      set({ text: error.message });
    }
  };
  return html`<div class="compacting"><p class="muted" role="status">${state.text}</p>
    <${Button} kind="small" disabled=${state.isBusy} onClick=${compact}>Compact</${Button}></div>`;
}
