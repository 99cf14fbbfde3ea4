/** The parts of every view, as components: icons, buttons, fields, menus, dialogs and messages. */

import { h, render } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import htm from "htm";

export { render, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState };

/** Write markup as a template: html`<p class=${kind}>${text}</p>`. */
export const html = htm.bind(h);

const MESSAGE_MS = 7000;
const RETRIED = [401, 408, 429]; // refusals that end: with a key, with time
const WIDE = "(min-width: 861px)"; // as in style.css

// Drawn on a field of 24 by 24, as strokes.
const ICONS = {
  add: "M12 5v14M5 12h14",
  remove: "M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13M15.5 15.5L20 20",
  upload: "M12 16V5M7 9.5L12 4.5l5 5M5 19h14",
  download: "M12 4.5V16M7 11.5l5 5l5-5M5 20h14",
  camera: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10a3.2 3.2 0 1 0 0 6.4a3.2 3.2 0 0 0 0-6.4",
  dice: "M5 5h14v14H5zM9 9h.01M15 9h.01M12 12h.01M9 15h.01M15 15h.01",
  crop: "M7 3v14h14M3 7h14v14",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  filter: "M4 6h16M7 12h10M10 18h4",
  pause: "M9 5v14M15 5v14",
  play: "M8 5l11 7l-11 7z",
  again: "M19 12a7 7 0 1 1-2.2-5.1M19 3.5V8h-4.5",
  undo: "M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10h-4",
  left: "M15 5l-7 7l7 7",
  right: "M9 5l7 7l-7 7",
  down: "M6 9l6 6l6-6",
  check: "M5 12.5l4.5 4.5L19 7.5",
  alert: "M12 4l9 16H3zM12 10v4.5M12 17.2v.01",
  key: "M14.5 4a5.5 5.5 0 1 1-4 9.2L8 15.7V18H5.7v2.3H3v-3l6.8-6.8A5.5 5.5 0 0 1 14.5 4M16 8h.01",
  picture: "M4 5h16v14H4zM4 16l5-5l4 4l3-3l4 4M15 9h.01",
  compare: "M4 5h7v14H4zM13 5h7v14h-7",
  edit: "M5 19l1-4.5L15.5 5a2.1 2.1 0 0 1 3 3L9 17.5z",
  more: "M5.5 11.5h1v1h-1zM11.5 11.5h1v1h-1zM17.5 11.5h1v1h-1z",
  folder: "M3.5 6h6l2 2.5h9V19h-17z",
  code: "M8.5 7l-5 5l5 5M15.5 7l5 5l-5 5",
  stack: "M4 9h16v11H4zM6.5 6h11M9 3h6",
  settings: "M4 7h9M19 7h1M4 17h1M11 17h9M16 4.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5M8 14.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 0 0 0-5",
};

export const Icon = ({ name }) => html`<svg viewBox="0 0 24 24" class="icon" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;

/**
 * Let a click that begins something begin it once: what `act` returns a promise of goes on until that is kept, and a further click
 * meanwhile, or the second one of a double click, is ignored. With `repeats` each click counts that comes after the one before is done.
 */
function useOnce(act, repeats) {
  const [state] = useState({ isBusy: false, isLasting: false });
  return (event) => {
    if (state.isBusy || (state.isLasting && event.detail > 1 && !repeats)) return;
    const begun = act(event);
    if (!(begun instanceof Promise)) return;
    Object.assign(state, { isBusy: true, isLasting: true });
    begun.finally(() => (state.isBusy = false));
  };
}

/** A button: with a text, or with an icon that `label` gives a name. */
export function Button({ icon, label, kind = "", children, onClick, repeats = false, ...rest }) {
  const hasText = children !== undefined && children !== null && children !== false && children.length !== 0;
  const click = useOnce(onClick, repeats);
  return html`<button type="button" class="button ${kind}" aria-label=${label} title=${label} onClick=${onClick && click} ...${rest}>
    ${icon && html`<${Icon} name=${icon} />`}${hasText && html`<span>${children}</span>`}
  </button>`;
}

/** A link that looks like a button. */
export const ButtonLink = ({ icon, kind = "", children, label, ...rest }) => html`<a class="button ${kind}" aria-label=${label} title=${label} ...${rest}>
  ${icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}
</a>`;

/** A control with its label and, below it, a hint; `children` is called with what joins them. */
export function Field({ label, hint, children }) {
  const id = useId();
  const joined = { id, "aria-describedby": hint ? `${id}-hint` : undefined };
  return html`<div class="field"><label for=${id}>${label}</label>${children(joined)}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}</div>`;
}

export const Check = ({ checked, onChange, children, ...rest }) => html`<label class="check">
  <input type="checkbox" checked=${checked} onChange=${(event) => onChange(event.currentTarget.checked)} ...${rest} /><span>${children}</span>
</label>`;

export const Select = ({ options, value, onChange, ...rest }) => html`<select value=${value} onChange=${(event) => onChange(event.currentTarget.value)} ...${rest}>
  ${options.map(([name, text]) => html`<option key=${name} value=${name} selected=${name === value}>${text}</option>`)}
</select>`;

/** A picture that is told in words where it cannot be shown. */
export function Picture({ src, fallback, ...rest }) {
  const [lost, setLost] = useState(null);
  if (!src || lost === src) return fallback ?? null;
  return html`<img src=${src} alt="" decoding="async" ...${rest} onError=${() => setLost(src)} />`;
}

/** Choices behind a button; a choice closes it, and so does Escape or a click elsewhere. */
export function Menu({ label, icon, text, kind = "", children, stays = false }) {
  const place = useRef(null);
  const close = () => place.current.removeAttribute("open");
  useEffect(() => {
    const elsewhere = ({ target }) => !place.current?.contains(target) && close();
    document.addEventListener("pointerdown", elsewhere);
    return () => document.removeEventListener("pointerdown", elsewhere);
  }, []);
  const onKey = (event) => {
    if (event.key !== "Escape" || !place.current.open) return;
    event.stopPropagation();
    close();
    place.current.firstElementChild.focus();
  };
  return html`<details class="menu" ref=${place} onKeyDown=${onKey}>
    <summary class="button ${kind}" aria-label=${label} title=${label}>${icon && html`<${Icon} name=${icon} />`}${text && html`<span>${text}</span>`}</summary>
    <div class="menu-body" onClick=${(event) => !stays && event.target.closest("a, button") && close()}>${children}</div>
  </details>`;
}

/** Whether what failed may pass when it is tried again as it was: not where the server refused it for what it is. */
export const mayPass = ({ status, code }) => !(status >= 400 && status < 500) || RETRIED.includes(status) || code === "fetch_failed";

/** An empty place that says what is missing, and what to do. */
export const Empty = ({ icon, title, children, level = 2 }) => html`<div class="empty">
  ${icon && html`<${Icon} name=${icon} />`}${title && h(`h${level}`, {}, title)}${children}
</div>`;

/** What went wrong; where a key is missing, the page asks for it by itself. To try again is offered where that may help. */
export const Trouble = ({ error, again }) => (error.status === 401 ? html`<p class="empty">${error.message}</p>`
  : html`<div class="empty"><${Icon} name="alert" /><p role="alert">${error.message}</p>
    ${again && mayPass(error) && html`<${Button} icon="again" onClick=${again}>Try again</${Button}>`}</div>`);

/**
 * A form whose failures are told above its buttons; `submit` gets what its named controls hold, and is not called anew before it is
 * done. `tell` says a failure in other words.
 */
export function Form({ verb, submit, cancel, keep = "Cancel", kind = "primary", isCareful = false, tell, children }) {
  const [{ error, isBusy }, set] = useState({});
  const isSent = useRef(false); // at once, where the state comes with the next drawing
  const send = async (event) => {
    event.preventDefault();
    if (isSent.current) return;
    isSent.current = true;
    set({ isBusy: true });
    try {
      await submit(Object.fromEntries(new FormData(event.currentTarget)));
      set({});
    } catch (error) {
      set({ error });
    }
    isSent.current = false;
  };
  return html`<form class="form" onSubmit=${send}>${children}
    ${error && html`<p class="trouble" role="alert">${tell?.(error) || error.message}</p>`}
    <div class="actions">${cancel && html`<${Button} autofocus=${isCareful} onClick=${cancel}>${keep}</${Button}>`}
      <button type="submit" class="button ${kind}" aria-disabled=${isBusy ? "true" : undefined}>${verb}</button></div>
  </form>`;
}

// ---- dialogs

/** A dialog that is open while it is shown; `onClose` hears that it was closed. */
export function Dialog({ title, kind = "", onClose, onKeyDown, children }) {
  const id = useId();
  const place = useRef(null);
  const closed = useRef(onClose);
  closed.current = onClose;
  useLayoutEffect(() => {
    const dialog = place.current;
    dialog.showModal();
    return () => dialog.open && dialog.close();
  }, []);
  return html`<dialog class="dialog ${kind}" ref=${place} aria-labelledby=${id} onKeyDown=${onKeyDown} onClose=${() => closed.current?.()}
      onClick=${(event) => event.target === place.current && place.current.close()}>
    <div class="dialog-head"><h2 id=${id}>${title}</h2>
      <${Button} icon="close" label="Close" kind="ghost" onClick=${() => place.current.close()} /></div>
    <div class="dialog-body">${children}</div>
  </dialog>`;
}

/**
 * Open a dialog over whatever is shown. `Body` is a component that gets `props` and `close(value)`.
 * Returns a promise of the value that it was closed with; undefined when it was just closed.
 */
export function openDialog(title, Body, props = {}, kind = "") {
  const place = document.createElement("div");
  document.body.append(place);
  return new Promise((resolve) => {
    let chosen;
    const close = (value) => {
      chosen = value;
      place.querySelector("dialog")?.close();
    };
    const ended = () => {
      render(null, place);
      place.remove();
      resolve(chosen);
    };
    render(html`<${Dialog} title=${title} kind=${kind} onClose=${ended}><${Body} ...${props} close=${close} /></${Dialog}>`, place);
  });
}

function Confirm({ text, verb, act, close }) {
  const submit = async () => close([await act()]);
  return html`<${Form} verb=${verb} kind="danger" keep="Keep it" isCareful submit=${submit} cancel=${() => close()}><p>${text}</p></${Form}>`;
}

/** Ask before something that cannot be undone, and do it; a promise of what that gave, in a list, and of nothing when it was not done. */
export const confirm = async (title, text, verb, act) => (await openDialog(title, Confirm, { text, verb, act }, "narrow")) ?? [];

// ---- messages

/** Say something to those who do not see the screen. */
export function announce(text) {
  const place = document.getElementById("announcer");
  place.textContent = "";
  requestAnimationFrame(() => (place.textContent = text));
}

let shown = []; // {id, text, kind, act}
let counted = 0;

/** Show a short message that goes by itself; `act` = [text, function] adds a button. */
export function toast(text, kind = "", act = null) {
  const id = ++counted;
  shown = [...shown, { id, text, kind, act }];
  setTimeout(() => forget(id), MESSAGE_MS);
  showMessages();
}

function forget(id) {
  shown = shown.filter((one) => one.id !== id);
  showMessages();
}

const Message = ({ id, text, kind, act }) => html`<div class="toast ${kind}" role=${kind === "bad" ? "alert" : "status"}><span>${text}</span>
  ${act && html`<${Button} kind="ghost small" onClick=${() => { forget(id); act[1](); }}>${act[0]}</${Button}>`}
  <${Button} icon="close" label="Close this message" kind="ghost small" onClick=${() => forget(id)} /></div>`;

const showMessages = () => render(shown.map((one) => html`<${Message} key=${one.id} ...${one} />`), document.getElementById("toasts"));

/** Put a text on the clipboard and say so; `refused` hears the error where the browser does not allow it. */
export async function copyText(text, told, refused) {
  try {
    await navigator.clipboard.writeText(text);
    toast(told);
  } catch (error) {
    refused(error);
  }
}

// ---- hooks

let ids = 0;

/** An id that nothing else on the page has; Preact's own is counted anew in each dialog. */
export function useId() {
  return useState(() => `part-${++ids}`)[0];
}

/**
 * Load something whenever `keys` change; what was loaded before stays until the new is there.
 * `load` gets a signal that is aborted when it is no longer wanted. Returns {value, error, isLoading, again}.
 */
export function useLoaded(load, keys) {
  const [state, set] = useState({ isLoading: true });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    set((before) => ({ value: before.value, isLoading: true }));
    load(stop.signal).then(
      (value) => stop.signal.aborted || set({ value, isLoading: false }),
      (error) => stop.signal.aborted || set((before) => ({ value: before.value, error, isLoading: false })),
    );
    return () => stop.abort();
  }, [...keys, turn]);
  return { ...state, again: useCallback(() => setTurn((before) => before + 1), []) };
}

/** Whether the screen is wide enough for two columns. */
export function useWide() {
  const query = useMemo(() => matchMedia(WIDE), []);
  const [isWide, set] = useState(query.matches);
  useEffect(() => {
    const hear = () => set(query.matches);
    query.addEventListener("change", hear);
    return () => query.removeEventListener("change", hear);
  }, []);
  return isWide;
}

/** Call the newest `act` when calls have paused for some time, or when the part that waits goes. */
export function useDebounced(act, milliseconds) {
  const newest = useRef(act);
  newest.current = act;
  const waiting = useRef(null); // {timer, given}
  const fire = () => {
    const { timer, given } = waiting.current ?? {};
    clearTimeout(timer);
    waiting.current = null;
    if (given) newest.current(...given);
  };
  useEffect(() => fire, []);
  return useCallback((...given) => {
    clearTimeout(waiting.current?.timer);
    waiting.current = { given, timer: setTimeout(fire, milliseconds) };
  }, []);
}

/** Whether something has gone on for some time. */
export function useLong(isGoing, milliseconds) {
  const [isLong, set] = useState(false);
  useEffect(() => {
    set(false);
    if (!isGoing) return undefined;
    const timer = setTimeout(() => set(true), milliseconds);
    return () => clearTimeout(timer);
  }, [isGoing]);
  return isGoing && isLong;
}

/** Redraw whenever an EventTarget fires "change". */
export function useChanges(source) {
  const [, set] = useState(0);
  useEffect(() => {
    const hear = () => set((before) => before + 1);
    source.addEventListener("change", hear);
    return () => source.removeEventListener("change", hear);
  }, [source]);
}

/** The address of a picture on this device, for as long as it is shown. */
export function useObjectUrl(blob) {
  const [url, set] = useState(null);
  useEffect(() => {
    if (!blob) return undefined;
    const made = URL.createObjectURL(blob);
    set(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}

/** Keep a choice on this device. */
export function useKept(name, fallback) {
  const key = `lookalike-${name}`;
  const [value, set] = useState(() => localStorage.getItem(key) ?? fallback);
  return [value, (wanted) => {
    localStorage.setItem(key, wanted);
    set(wanted);
  }];
}
