/** The conditions of a search that this page has no control of its own for: one made by the server's declaration of each. */

import * as api from "./api.js";
import { Check, Field, html, Trouble, useEffect, useId, useLoaded, useRef, useState } from "./ui.js";
import { fieldName } from "./words.js";

// What the page asks with by itself, or has a control for; "show" is the picture that is open.
const OWN = [
  "source", "like", "unlike", "limit", "cursor", "explain", "show",
  "crop", "threshold", "filter", "group_by", "diversity", "collapse", "verify",
];

/** Read the other conditions from the parameters of an address, as texts by their names. */
export function readMore(parameters) {
  return Object.fromEntries([...parameters].filter(([name, text]) => !OWN.includes(name) && text.trim()));
}

/** Say what texts mean as conditions: [{name, option, type, value}]. Names that are no conditions are left out. */
export async function typed(more) {
  if (!Object.keys(more).length) return [];
  const given = (await declared()).filter(({ name }) => name in more);
  return given.map(({ name, option, type }) => ({ name, option, type, value: READ[type](more[name]) }));
}

let declaration = null; // a promise, from the first time on that it is needed

function declared() {
  declaration ??= api.searchSchema().then(({ properties }) => Object.entries(properties).filter(([name]) => !OWN.includes(name)).map(conditionOf));
  declaration.catch(() => (declaration = null));
  return declaration;
}

const conditionOf = ([name, schema]) => ({
  name,
  type: typeOf((schema.anyOf ?? [schema]).find(({ type }) => type !== "null")),
  unset: schema.default,
  option: schema["x-option"],
  help: (schema.description ?? "").replace(/`([^`]*)`/g, (_, name) => fieldName(name)),
});

function typeOf({ type, items }) {
  if (type === "array") return items?.type === "string" ? "texts" : "numbers";
  return type in READ ? type : "string";
}

const partsOf = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);
const numberOf = (text) => (Number.isNaN(Number(text)) ? text : Number(text)); // of another text the server says what is wrong
const isOn = (text) => !["0", "false"].includes(text);

const READ = {
  boolean: isOn,
  integer: numberOf,
  number: numberOf,
  string: (text) => text,
  texts: partsOf,
  numbers: (text) => partsOf(text).map(numberOf),
};

/** A fold with one control for each; `change` is called with all that are given. */
export function MoreConditions({ more, change }) {
  const [hasOpened, setOpened] = useState(false);
  const count = Object.keys(more).length;
  return html`<details class="conditions" onToggle=${() => setOpened(true)}>
    <summary>More conditions${count ? ` (${count})` : ""}</summary>
    ${hasOpened && html`<${Controls} more=${more} change=${change} />`}
  </details>`;
}

function Controls({ more, change }) {
  const { value: conditions, error, again } = useLoaded(declared, []);
  if (error) return html`<${Trouble} error=${error} again=${again} />`;
  if (!conditions) return html`<p class="muted" aria-busy="true">Loading ...</p>`;
  const set = (name, text) => {
    const { [name]: _, ...rest } = more;
    change(text ? { ...rest, [name]: text } : rest);
  };
  return conditions.map((one) => html`<${one.type === "boolean" ? Switch : Box} key=${one.name} condition=${one} text=${more[one.name]}
    set=${(text) => set(one.name, text)} />`);
}

const labelOf = ({ name }) => fieldName(name[0].toUpperCase() + name.slice(1));

function Switch({ condition, text, set }) {
  const id = useId();
  const unset = Boolean(condition.unset);
  return html`<div class="field"><${Check} checked=${text === undefined ? unset : isOn(text)} aria-describedby=${id}
      onChange=${(wanted) => set(wanted === unset ? null : wanted ? "1" : "0")}>${labelOf(condition)}</${Check}>
    <p class="hint" id=${id}>${condition.help}</p></div>`;
}

/** What is being typed stays until it is taken, whatever is found meanwhile. */
function Box({ condition, text = "", set }) {
  const box = useRef(null);
  const { type, unset } = condition;
  const isNumber = type === "number" || type === "integer";
  useEffect(() => {
    box.current.value = isNumber && typeof numberOf(text) === "string" ? "" : text;
  }, [text]);
  const isList = type === "texts" || type === "numbers";
  return html`<${Field} label=${labelOf(condition)} hint="${condition.help}${isList ? " With commas between several." : ""}">${(joined) =>
    html`<input type=${isNumber ? "number" : "text"} step=${type === "number" ? "any" : undefined} placeholder=${unset ?? undefined} ref=${box} ...${joined}
      autocomplete="off" spellcheck=${false} onChange=${(event) => set(event.currentTarget.value.trim())} />`}</${Field}>`;
}
