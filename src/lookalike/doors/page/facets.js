/** The facets: fields of the metadata with their values and counts, to narrow a search. */

import * as api from "./api.js";
import { conditionOf } from "./query.js";
import { Button, html, useDebounced, useEffect, useLoaded, useRef, useState } from "./ui.js";
import { fieldName, number, plural } from "./words.js";

const FIELDS = 10; // that are shown before "more fields"; those that are filtered by are shown anyway
const SHOWN = 8; // values of a field before "more", and before a field gets a box to search in
const STEP = 100; // values that "more" adds
const MOST_DISTINCT = 0.6; // of the records: a field whose values hardly repeat, such as a title, narrows nothing

/** `change` is called with the new filter; another `version` lets all be counted anew. */
export function Facets({ collection, question, version, change }) {
  const newest = useRef(question.filter); // as last chosen: what is shown may be counted for the one before
  newest.current = question.filter;
  const [isAll, setAll] = useState(false);
  const { value, error } = useLoaded((signal) => load(collection, question, signal), [collection, JSON.stringify(question.filter), version]);
  const set = (field, wanted) => {
    const { [field]: _, ...rest } = newest.current;
    const isEmpty = Array.isArray(wanted) ? !wanted.length : !Object.keys(wanted).length;
    newest.current = isEmpty ? rest : { ...rest, [field]: wanted };
    change(newest.current);
  };
  if (error && !value) return html`<p class="muted">${error.message}</p>`;
  if (!value) return null;
  const chosen = Object.keys(question.filter).length > 0;
  const shown = value.filter(({ field }, place) => isAll || place < FIELDS || field in question.filter);
  const left = value.length - shown.length;
  return html`<div class="facets">
    ${chosen && html`<${Button} icon="close" kind="small" onClick=${() => change({})}>Clear all filters</${Button}>`}
    ${value.length ? shown.map((facet) => html`<fieldset class="facet" key=${facet.field}><legend>${fieldName(facet.field)}</legend>
      ${facet.minimum !== null
        ? html`<${Range} facet=${facet} chosen=${question.filter[facet.field] ?? {}} newest=${newest} set=${set} />`
        : html`<${Values} collection=${collection} question=${question} facet=${facet} newest=${newest} set=${set} />`}
    </fieldset>`) : html`<p class="muted">Nothing to filter by. Pictures with fields, such as a price, can be filtered.</p>`}
    ${left > 0 && html`<${Button} kind="small" icon="down" onClick=${() => setAll(true)}>${plural(left, "more field")}</${Button}>`}
  </div>`;
}

/** Of a field that is filtered by, the other values are counted as if it were not. */
async function load(collection, question, signal) {
  const fields = Object.keys(question.filter);
  const [all, ...own] = await Promise.all([
    api.facets(collection, { filter: conditionOf(question) }, signal),
    ...fields.map((field) => api.facets(collection, { filter: conditionOf(question, { without: field }), field }, signal)),
  ]);
  const chosen = own.flatMap(({ facets }) => facets);
  const others = all.facets.filter((facet) => !fields.includes(facet.field) && isWorth(facet, all.count));
  return unlike([...others, ...chosen]).sort((a, b) => b.records - a.records || a.field.localeCompare(b.field));
}

const isWorth = ({ minimum, distinct, records }, count) =>
  minimum !== null || (distinct > 1 && distinct < records && distinct <= Math.max(12, MOST_DISTINCT * count));

/** Leave out a field that holds the same values as one before it, such as a label that is a tag, too. */
function unlike(facets) {
  const told = new Set();
  return facets.filter(({ values, distinct, records }) => {
    const sign = JSON.stringify([values, distinct, records]);
    return !told.has(sign) && told.add(sign);
  });
}

function Values({ collection, question, facet, newest, set }) {
  const [wanted, setWanted] = useState(""); // typed into the box
  const [limit, setLimit] = useState(SHOWN);
  const isMore = wanted !== "" || limit > facet.values.length;
  const { value: found } = useLoaded(async (signal) => {
    if (!isMore) return null;
    const filter = conditionOf(question, { without: facet.field });
    const told = await api.facets(collection, { filter, field: facet.field, contains: wanted || null, limit: Math.min(1000, limit + 1) }, signal);
    return told.facets[0]?.values ?? [];
  }, [collection, JSON.stringify(question.filter), wanted, isMore && limit]);
  const values = (isMore && found) || facet.values;
  const chosen = question.filter[facet.field] ?? [];
  const shown = values.slice(0, limit);
  const lost = wanted ? [] : chosen.filter((one) => !shown.some(({ value }) => value === one)).map((value) => ({ value, count: null }));
  const rest = wanted ? values.length - shown.length : facet.distinct - shown.length;
  const type = useDebounced((text) => {
    setWanted(text);
    setLimit(SHOWN);
  }, 200);
  const toggle = (value, isWanted) => {
    const kept = (newest.current[facet.field] ?? []).filter((one) => one !== value);
    set(facet.field, isWanted ? [...kept, value] : kept);
  };
  return html`
    ${facet.distinct > SHOWN && html`<input type="search" class="facet-search" placeholder="Search ${number(facet.distinct)} values"
      aria-label="Search the values of ${fieldName(facet.field)}" onInput=${(event) => type(event.currentTarget.value.trim())} />`}
    ${[...lost, ...shown].map(({ value, count }) => html`<label class="check facet-value" key=${JSON.stringify(value)}>
      <input type="checkbox" checked=${chosen.includes(value)} onChange=${(event) => toggle(value, event.currentTarget.checked)} />
      <span>${String(value)}</span>${" "}<span class="count">${count === null ? "" : number(count)}</span></label>`)}
    ${wanted && !values.length && html`<p class="muted">No value has this.</p>`}
    ${rest > 0 && html`<${Button} kind="ghost small" label="${number(rest)} more values of ${fieldName(facet.field)}"
      onClick=${() => setLimit(Math.min(1000, limit === SHOWN ? STEP : limit + STEP))}>${number(rest)} more</${Button}>`}`;
}

function Range({ facet, chosen, newest, set }) {
  const end = (operator) => (event) => {
    const text = event.currentTarget.value;
    const { [operator]: _, ...rest } = newest.current[facet.field] ?? {};
    set(facet.field, text === "" ? rest : { ...rest, [operator]: Number(text) });
  };
  return html`<div class="range">
    <${End} text="from" value=${chosen.$gte} placeholder=${facet.minimum} onChange=${end("$gte")} />
    <${End} text="to" value=${chosen.$lte} placeholder=${facet.maximum} onChange=${end("$lte")} /></div>`;
}

/** One end of a range: what is being typed stays until it is taken, whatever is counted meanwhile. */
function End({ text, value, placeholder, onChange }) {
  const box = useRef(null);
  useEffect(() => {
    box.current.value = value ?? "";
  }, [value]);
  return html`<label class="range-end">${text}<input type="number" step="any" ref=${box} placeholder=${placeholder} onChange=${onChange} /></label>`;
}
