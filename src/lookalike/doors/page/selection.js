/** The selection: pictures that were picked, and what can be done with them. */

import * as api from "./api.js";
import { exampleOfId } from "./query.js";
import { useRights } from "./rights.js";
import { go } from "./route.js";
import { announce, Button, copyText, Field, Form, html, Menu, openDialog, toast, useEffect, useRef, useState } from "./ui.js";
import { number, plural, readValue } from "./words.js";

const MOST_EXAMPLES = 5; // that one search takes from a selection
const LEAST_DRAG = 6; // px before a press becomes a lasso

/**
 * Keep which of `items` are picked. `pick(id, event)` picks one or takes it back; with Shift, all from the last one on.
 * Returns {picked, pick, set, clear}; `picked` is a Set of ids.
 */
export function usePicked(items) {
  const [picked, set] = useState(new Set());
  const last = useRef(null);
  const pick = (id, { shiftKey = false } = {}) => {
    const next = new Set(picked);
    const ids = items.map((one) => one.id);
    const [from, to] = [ids.indexOf(last.current), ids.indexOf(id)].sort((a, b) => a - b);
    if (shiftKey && from >= 0) ids.slice(from, to + 1).forEach((one) => next.add(one));
    else if (!next.delete(id)) next.add(id);
    last.current = id;
    set(next);
    announce(`${plural(next.size, "picture")} selected.`);
  };
  return { picked, pick, set, clear: () => set(new Set()) };
}

/** Pick with a lasso: a frame that is drawn from between the pictures. `take` gets the ids that it touches. */
export function useLasso(place, take) {
  const newest = useRef(take);
  newest.current = take;
  useEffect(() => {
    const begin = (event) => {
      if (event.button !== 0 || event.pointerType === "touch" || event.target.closest("button, a, input, .tile-picture")) return;
      const frame = document.createElement("div");
      frame.className = "lasso";
      const start = [event.pageX, event.pageY];
      let box = null;
      const move = ({ pageX, pageY }) => {
        const [left, right] = [start[0], pageX].sort((a, b) => a - b);
        const [top, bottom] = [start[1], pageY].sort((a, b) => a - b);
        if (!box && Math.max(right - left, bottom - top) < LEAST_DRAG) return;
        box = { left, right, top, bottom };
        if (!frame.isConnected) document.body.append(frame);
        Object.assign(frame.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
      };
      const end = ({ shiftKey }) => {
        document.removeEventListener("pointermove", move);
        frame.remove();
        if (box) newest.current(touched(place.current, box), shiftKey);
      };
      event.preventDefault(); // else the text below the pictures is marked
      document.addEventListener("pointermove", move);
      document.addEventListener("pointerup", end, { once: true });
    };
    const element = place.current;
    element.addEventListener("pointerdown", begin);
    return () => element.removeEventListener("pointerdown", begin);
  }, []);
}

function touched(place, { left, right, top, bottom }) {
  return [...place.querySelectorAll(".tile")].filter((tile) => {
    const at = tile.getBoundingClientRect();
    return at.left + scrollX < right && at.right + scrollX > left && at.top + scrollY < bottom && at.bottom + scrollY > top;
  }).map((tile) => tile.dataset.id);
}

/** The bar of what can be done with the picked; `items` are those that are shown, `changed` hears that records changed. */
export function SelectionBar({ collection, items, selection, changed, search }) {
  const { picked, set, clear } = selection;
  const ids = [...picked];
  const act = (work) => async () => {
    try {
      await work();
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  const edit = (title, Body) => act(async () => {
    const send = (change) => api.changeRecords(collection, { ids, ...change });
    const told = await openDialog(title, Body, { count: ids.length, send }, "narrow");
    if (!told) return;
    toast(`${plural(told.changed, "picture")} changed${told.failed.length ? `, ${number(told.failed.length)} not: ${told.failed[0].message}` : "."}`);
    changed();
  });
  const mark = act(async () => {
    const made = await api.decide(collection, { decision: "delete", ids });
    toast(`${plural(ids.length, "picture")} marked to be deleted. No file is touched.`, "", ["Undo", act(async () => {
      await api.undoDecision(collection, made.id);
      toast("The marks are taken back.");
    })]);
  });
  const save = (format) => act(async () => {
    const [blob, small] = await api.exportRecords(collection, { format, ids });
    offer(blob, `${collection}.${format}`);
    if (small) toast(`${number(small)} of ${plural(ids.length, "picture")} ${small === 1 ? "is a small one: its original is" : "are small ones: their originals are"} not kept.`);
  });
  const copyIds = () => copyText(ids.join("\n"), `${plural(ids.length, "name")} copied.`, (error) => toast(error.message, "bad"));
  const { mayWrite } = useRights();
  const here = new Set(items.map((one) => one.id));
  const hidden = ids.filter((id) => !here.has(id)).length;
  useEffect(() => {
    const onKey = (event) => event.key === "Escape" && !document.querySelector("dialog[open], details.menu[open]") && clear();
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const isAll = items.every((one) => picked.has(one.id));
  return html`<section class="selection" aria-label="Selected pictures">
    <strong>${number(ids.length)} selected</strong>
    ${hidden > 0 && html`<span class="muted">${hidden === ids.length ? "none of them" : `${number(hidden)} of them not`} shown here</span>`}
    ${!isAll && html`<${Button} kind="small ghost" onClick=${() => set(new Set([...picked, ...items.map((one) => one.id)]))}>All ${number(items.length)} shown</${Button}>`}
    ${mayWrite && html`<${Button} kind="small" onClick=${edit("Tags", EditTags)}>Tag</${Button}>
    <${Button} kind="small" onClick=${edit("Set a field", EditField)}>Set field</${Button}>`}
    <${Button} kind="small" icon="search" disabled=${ids.length > MOST_EXAMPLES} onClick=${() => search(ids.map(exampleOfId))}
      label=${ids.length > MOST_EXAMPLES ? `At most ${MOST_EXAMPLES} pictures are searched with` : undefined}>Search with these</${Button}>
    ${ids.length === 2 && html`<${Button} kind="small" icon="compare"
      onClick=${() => go(["compare"], [["collection", collection], ["a", exampleOfId(ids[0])], ["b", exampleOfId(ids[1])]])}>Compare</${Button}>`}
    ${mayWrite && html`<${Button} kind="small warn" icon="trash" onClick=${mark}>Mark to delete</${Button}>`}
    <${Menu} kind="small" icon="download" text="Export">
      <${Button} kind="ghost" onClick=${save("csv")}>Table (CSV)</${Button}>
      <${Button} kind="ghost" onClick=${save("jsonl")}>JSON lines</${Button}>
      <${Button} kind="ghost" onClick=${save("html")}>Contact sheet</${Button}>
      <${Button} kind="ghost" onClick=${save("zip")}>Originals (ZIP)</${Button}>
      <${Button} kind="ghost" onClick=${copyIds}>Copy the names</${Button}>
    </${Menu}>
    <${Button} kind="small ghost" icon="close" label="Select nothing" onClick=${clear} />
  </section>`;
}

/** Let the browser save a blob under a name. */
function offer(blob, name) {
  const url = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

const wordsOf = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);

function EditTags({ count, send, close }) {
  const [more, setMore] = useState("");
  const [fewer, setFewer] = useState("");
  const submit = async () => {
    const change = { more_tags: wordsOf(more), fewer_tags: wordsOf(fewer) };
    if (!change.more_tags.length && !change.fewer_tags.length) throw new Error("Name a tag to add, or one to take away.");
    close(await send(change));
  };
  return html`<${Form} verb="Change ${plural(count, "picture")}" submit=${submit} cancel=${() => close()}>
    <${Field} label="Tags to add" hint="Separated by commas.">${(joined) =>
      html`<input type="text" autofocus autocomplete="off" ...${joined} value=${more} onInput=${(event) => setMore(event.currentTarget.value)} />`}</${Field}>
    <${Field} label="Tags to take away">${(joined) =>
      html`<input type="text" autocomplete="off" ...${joined} value=${fewer} onInput=${(event) => setFewer(event.currentTarget.value)} />`}</${Field}>
  </${Form}>`;
}

function EditField({ count, send, close }) {
  const [field, setField] = useState("");
  const [value, setValue] = useState("");
  const submit = async () => {
    const name = field.trim();
    if (!name) throw new Error("Name the field.");
    close(await send(value.trim() === "" ? { unset: [name] } : { metadata: { [name]: readValue(value.trim()) } }));
  };
  return html`<${Form} verb="Change ${plural(count, "picture")}" submit=${submit} cancel=${() => close()}>
    <${Field} label="Field">${(joined) =>
      html`<input type="text" autofocus autocomplete="off" ...${joined} value=${field} onInput=${(event) => setField(event.currentTarget.value)} />`}</${Field}>
    <${Field} label="Value" hint="Without a value, the field is taken away.">${(joined) =>
      html`<input type="text" autocomplete="off" ...${joined} value=${value} onInput=${(event) => setValue(event.currentTarget.value)} />`}</${Field}>
  </${Form}>`;
}
