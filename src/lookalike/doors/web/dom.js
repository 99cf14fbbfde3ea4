/** Small tools over the document: elements, icons, announcements, toasts and dialogs. */

export { bytes, number, placeOf, plural, share } from "./words.js";
export { announce, confirm, toast } from "./ui.js";

const SVG = "http://www.w3.org/2000/svg";

// Drawn on a field of 24 by 24, as strokes.
const ICONS = {
  add: "M12 5v14M5 12h14",
  remove: "M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13M15.5 15.5L20 20",
  upload: "M12 16V5M7 9.5L12 4.5l5 5M5 19h14",
  camera: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10a3.2 3.2 0 1 0 0 6.4a3.2 3.2 0 0 0 0-6.4",
  dice: "M5 5h14v14H5zM9 9h.01M15 9h.01M12 12h.01M9 15h.01M15 15h.01",
  crop: "M7 3v14h14M3 7h14v14",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  filter: "M4 6h16M7 12h10M10 18h4",
  pause: "M9 5v14M15 5v14",
  play: "M8 5l11 7l-11 7z",
  again: "M19 12a7 7 0 1 1-2.2-5.1M19 3.5V8h-4.5",
  left: "M15 5l-7 7l7 7",
  right: "M9 5l7 7l-7 7",
  check: "M5 12.5l4.5 4.5L19 7.5",
  alert: "M12 4l9 16H3zM12 10v4.5M12 17.2v.01",
  key: "M14.5 4a5.5 5.5 0 1 1-4 9.2L8 15.7V18H5.7v2.3H3v-3l6.8-6.8A5.5 5.5 0 0 1 14.5 4M16 8h.01",
  picture: "M4 5h16v14H4zM4 16l5-5l4 4l3-3l4 4M15 9h.01",
  compare: "M4 5h7v14H4zM13 5h7v14h-7",
  settings: "M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5M8 14.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5",
};

/** Make an element. `on` holds listeners, `class` a class list; false and null leave an attribute out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") Object.entries(value).forEach(([kind, listener]) => element.addEventListener(kind, listener));
    else if (name === "data") Object.assign(element.dataset, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/** Put children in place of what an element holds. The focus stays on the control of the same name, or near it. */
export function fill(element, ...children) {
  const focused = element.contains(document.activeElement) ? nameOf(document.activeElement) : "";
  element.replaceChildren();
  append(element, children);
  if (focused) {
    const controls = [...element.querySelectorAll("a, button, input, select")];
    (controls.find((one) => nameOf(one) === focused) ?? controls[0] ?? document.getElementById("main")).focus();
  }
  return element;
}

const nameOf = (control) => control.getAttribute("aria-label") || control.dataset.name || control.textContent;

/** Make an element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  element.append(...children);
  return element;
}

export const icon = (name) =>
  svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

/** Make a button: with a text, or with an icon that `label` gives a name. */
export function button(text, act, { icon: sign, label, kind = "", ...rest } = {}) {
  return h(
    "button",
    { type: "button", class: `button ${kind}`, "aria-label": label, title: label, on: { click: act }, ...rest },
    sign && icon(sign),
    text && h("span", {}, text),
  );
}

let labels = 0;

/** Join a control with its label and, below it, a hint. */
export function field(text, control, hint) {
  control.id ||= `field-${++labels}`;
  const told = hint && h("p", { class: "hint", id: `${control.id}-hint` }, hint);
  if (told) control.setAttribute("aria-describedby", told.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, text), control, told);
}

export function checkbox(text, checked, change) {
  const box = h("input", { type: "checkbox", checked, on: { change: () => change?.(box.checked) } });
  return h("label", { class: "check" }, box, h("span", {}, text));
}

export function select(options, chosen, change) {
  const made = options.map(([value, text]) => h("option", { value, selected: value === chosen }, text));
  const box = h("select", { on: { change: () => change?.(box.value) } }, made);
  return box;
}

/** Open a dialog; it is gone from the document when it closes. `done` hears of it. */
export function openDialog(title, build, { kind = "", done } = {}) {
  const titled = h("h2", { id: `dialog-title-${++labels}` }, title);
  const dialog = h("dialog", { class: `dialog ${kind}`, "aria-labelledby": titled.id });
  const close = button("", () => dialog.close(), { icon: "close", label: "Close", kind: "ghost" });
  const body = h("div", { class: "dialog-body" });
  dialog.append(h("div", { class: "dialog-head" }, titled, close), body);
  dialog.addEventListener("close", () => {
    dialog.remove();
    done?.();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  append(body, [build(dialog, titled)]);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
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

/** Wait for quiet: the last call within the time counts. */
export function debounced(act, milliseconds) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}

