/** The facets: fields of the metadata with their values and counts, to narrow a search. */

import * as api from "./api.js";
import { button, fill, h, number } from "./dom.js";
import { conditionOf } from "./query.js";

const SHOWN = 8; // values of a field before "more"
const MOST_DISTINCT = 0.6; // of the records: a field whose values hardly repeat, such as a title, narrows nothing

/** Make the panel; `change` is called with the new filter. */
export function makeFacets(collection, change) {
  const element = h("div", { class: "facets" });
  const opened = new Set(); // fields that show all their values
  let asked = null;
  let filter = {}; // as last chosen: what is shown may be counted for the one before

  async function update(question) {
    ({ filter } = question);
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    try {
      const chosen = Object.keys(question.filter);
      // Of a field that is filtered by, the other values are counted as if it were not.
      const [all, ...own] = await Promise.all([
        api.facets(collection, conditionOf(question), signal),
        ...chosen.map((field) => api.facets(collection, conditionOf(question, { without: field }), signal)),
      ]);
      const alone = new Map(chosen.map((field, place) => [field, own[place].facets.find((one) => one.field === field)]));
      await whileTyping(element);
      if (!signal.aborted) show(question, all, alone);
    } catch (error) {
      if (error.name !== "AbortError") fill(element, h("p", { class: "muted" }, error.message));
    }
  }

  function show(question, told, alone) {
    const fields = [...told.facets.filter(({ field }) => !alone.has(field)), ...[...alone.values()].filter(Boolean)];
    const worth = fields.filter((facet) => alone.has(facet.field) || isWorth(facet, told.count));
    worth.sort((a, b) => b.records - a.records || a.field.localeCompare(b.field));
    const isChosen = Object.keys(question.filter).length > 0;
    fill(element,
      isChosen && button("Clear all filters", () => change({}), { icon: "close", kind: "small" }),
      worth.length ? worth.map((facet) => section(facet, question)) : h("p", { class: "muted" },
        "Nothing to filter by. Pictures with fields, such as a price, can be filtered."));
  }

  function section(facet, question) {
    const isNumber = facet.minimum !== null;
    return h("fieldset", { class: "facet" }, h("legend", {}, facet.field.replaceAll("_", " ")),
      isNumber ? range(facet, question) : values(facet, question));
  }

  function values(facet, question) {
    const chosen = question.filter[facet.field] ?? [];
    const all = opened.has(facet.field) ? facet.values : facet.values.slice(0, SHOWN);
    const lost = chosen.filter((value) => !all.some((one) => one.value === value)).map((value) => ({ value, count: 0 }));
    const rest = Math.min(facet.values.length, facet.distinct) - all.length;
    return [
      ...[...lost, ...all].map(({ value, count }) => {
        const box = h("input", { type: "checkbox", checked: chosen.includes(value), "data-name": `${facet.field} ${value}` });
        box.addEventListener("change", () => {
          const kept = (filter[facet.field] ?? []).filter((one) => one !== value);
          set(facet.field, box.checked ? [...kept, value] : kept);
        });
        return h("label", { class: "check facet-value" }, box, h("span", {}, String(value)), h("span", { class: "count" }, number(count)));
      }),
      rest > 0 && button(`${number(rest)} more`, () => {
        opened.add(facet.field);
        update(question);
      }, { label: `${number(rest)} more values of ${facet.field}`, kind: "ghost small" }),
    ];
  }

  function range(facet, question) {
    const chosen = question.filter[facet.field] ?? {};
    const box = (operator, text, value) =>
      h("label", { class: "range-end" }, text, h("input", {
        type: "number", step: "any", placeholder: value, value: chosen[operator], "data-name": `${facet.field} ${operator}`,
        on: { change: ({ target }) => end(operator, target.defaultValue = target.value) },
      }));
    const end = (operator, text) => {
      const { [operator]: _, ...rest } = filter[facet.field] ?? {};
      set(facet.field, text === "" ? rest : { ...rest, [operator]: Number(text) });
    };
    return h("div", { class: "range" }, box("$gte", "from", facet.minimum), box("$lte", "to", facet.maximum));
  }

  function set(field, wanted) {
    const { [field]: _, ...rest } = filter;
    const isEmpty = Array.isArray(wanted) ? !wanted.length : !Object.keys(wanted).length;
    filter = isEmpty ? rest : { ...rest, [field]: wanted };
    change(filter);
  }

  return { element, update };
}

/** Wait until a number that is being typed in the panel is taken or left: showing the panel anew would lose it. */
async function whileTyping(element) {
  const box = element.querySelector("input[type=number]:focus");
  if (!box || box.value === box.defaultValue) return;
  await new Promise((resolve) => ["change", "blur"].forEach((kind) => box.addEventListener(kind, resolve)));
  await new Promise((resolve) => setTimeout(resolve)); // the focus is where it goes
}

function isWorth(facet, count) {
  return facet.minimum !== null || (facet.distinct > 1 && facet.distinct <= Math.max(12, MOST_DISTINCT * count));
}
