/** The end of a review: what is marked to go, its way to the trash and back, and the pictures themselves. */

import * as api from "./api.js";
import { factsLine } from "./review-table.js";
import { address } from "./route.js";
import { announce, Button, ButtonLink, copyText, Empty, html, Icon, openDialog, Picture, toast, Trouble, useEffect, useLoaded, useRef, useState } from "./ui.js";
import { bytes, number, placedName, plural, shortName, timeLeft } from "./words.js";

const PAGE = 100; // pictures asked for at once
const POLL_MS = 500;
const LEAST_S = 2; // of watching, before a time is told
const WATCHED = 20; // looks back from which the pace is taken

export const markedAddress = (name) => address(["c", name, "review", "marked"]);

/** A button that shows its key. */
export const Keyed = ({ text, hotkey, ...rest }) => html`<${Button} aria-keyshortcuts=${hotkey} ...${rest}>${text} <kbd aria-hidden="true">${hotkey}</kbd></${Button}>`;

/** How far the work has come that the server is at: {done, total, left}, `left` in words; {} while that is not known. */
export function useProgress(name, isOn = true) {
  const [told, set] = useState({});
  useEffect(() => {
    if (!isOn) return;
    set({});
    let looks = [];
    const timer = setInterval(async () => {
      const { done, total } = await api.reviewProgress(name).catch(() => ({}));
      if (done == null || !total) return;
      looks = [...looks, [performance.now() / 1000, done]].slice(-WATCHED);
      const [[since, before], [now]] = [looks[0], looks.at(-1)];
      const pace = (done - before) / Math.max(1e-3, now - since);
      set({ done, total, left: now - since >= LEAST_S && pace > 0 ? timeLeft((total - done) / pace) : "" });
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [name, isOn]);
  return told;
}

/** A bar with a count and the time that is left. */
export function Waiting({ name, text, what }) {
  const { done, total, left } = useProgress(name);
  return html`<div class="review-waiting"><p class="muted">${text}${total ? `: ${number(done)} of ${number(total)}${left && `, ${left}`}.` : " ..."}</p>
    <progress max=${total || 1} value=${done || 0} aria-label=${what}></progress></div>`;
}

/** What is marked and what lies in the trash; `act` has the verbs for both, and `isBusy` says what is under way. */
export function useMarked(name, changed) {
  const { value: told, error, again } = useLoaded((signal) => api.marked(name, { limit: PAGE }, signal), [name]);
  const [rest, setRest] = useState({ of: null, marked: [] }); // the pages behind the first
  const [isBusy, setBusy] = useState("");
  const hasRest = rest.of === told;
  const items = told ? (hasRest ? [...told.marked, ...rest.marked] : told.marked) : [];
  const next = hasRest ? rest.next : told?.next;
  const attempt = async (work, act) => {
    if (isBusy) return;
    setBusy(work);
    try {
      await act();
    } catch (error) {
      toast(error.message, "bad");
    }
    setBusy("");
    again();
    changed?.();
  };
  const tellFailures = ({ failed }) => failed.length && toast(`${plural(failed.length, "file stays", "files stay")} where it was: ${failed[0].message}`, "bad");
  const act = {
    more: async () => {
      const page = await api.marked(name, { limit: PAGE, cursor: next }).catch((error) => toast(error.message, "bad"));
      if (page) setRest({ of: told, marked: [...(hasRest ? rest.marked : []), ...page.marked], next: page.next });
    },
    unmark: (id) => attempt("unmark", async () => {
      await api.unmark(name, [id]);
      announce(`${shortName(id)} is not marked any more.`);
    }),
    move: () => attempt("move", async () => {
      const done = await api.moveMarked(name);
      announce(`Moved to the trash: ${number(done.moved.length)}.`);
      tellFailures(done);
    }),
    back: (batch) => attempt("back", async () => {
      const done = await api.moveBack(name, batch);
      announce(`Back where they were: ${number(done.moved.length)}.`);
      tellFailures(done);
    }),
    copy: () => copyText(told.command, "The command is copied. Run it on the machine of the pictures.",
      () => openDialog("The command", Command, { command: told.command }, "narrow")),
    script: () => location.assign(api.scriptUrl(name)),
  };
  return { told, error, again, items, next, isBusy, act };
}

const Command = ({ command }) => html`<p>Run it on the machine of the pictures.</p><textarea readonly rows="4" aria-label="The command">${command}</textarea>`;

/** The keys of what `useMarked` gives. */
export const markedKeys = ({ told, act }) => (told ? {
  ...(told.count && told.may_move && { m: act.move }),
  ...(told.count && { c: act.copy, t: act.script }),
  ...(told.runs.length && told.may_move && { r: () => act.back(told.runs[0].batch) }),
} : {});

const staying = (count, all) => (count === all ? (all === 1 ? "It stays for now" : "They stay for now") : `${number(count)} of them ${count === 1 ? "stays" : "stay"} for now`);

/** What is marked, in a sentence, and what can be done with it; then what lies in the trash. */
export function MarkedSummary({ name, marked, seen = true }) {
  const { told, isBusy, act } = marked;
  if (isBusy === "move") return html`<${Waiting} name=${name} text="Moving pictures to the trash" what="Pictures that were moved" />`;
  if (isBusy === "back") return html`<${Waiting} name=${name} text="Bringing pictures back" what="Pictures that are back" />`;
  const { count, ready, bytes: size, may_move: mayMove, reason, folder, runs } = told;
  return html`${count > 0 && html`<div class="marked-summary">
      <p class="marked-told"><strong>${plural(count, "picture")} marked${ready > 0 && `, ${bytes(size)}`}.</strong> Nothing has moved yet.</p>
      ${ready < count && html`<p class="muted">${staying(count - ready, count)}${seen ? ": see them to know why." : ": see why below."}</p>`}
      <div class="actions center">
        ${mayMove && ready > 0 && html`<${Keyed} kind="primary" icon="trash" text="Move to the trash" hotkey="M" onClick=${act.move} />`}
        ${seen && html`<${ButtonLink} icon="picture" href=${markedAddress(name)} aria-keyshortcuts="S">See them <kbd aria-hidden="true">S</kbd></${ButtonLink}>`}
        <${Keyed} icon="code" text="Copy the command" hotkey="C" onClick=${act.copy} />
        <${Keyed} icon="download" text="Download the script" hotkey="T" onClick=${act.script} />
      </div>
      <p class="muted">${mayMove ? html`They go to <span class="path">${folder}</span>, and come back by one click.` : `This page does not move them: ${reason}`}</p>
    </div>`}
    ${runs.map((run, place) => html`<div class="marked-summary" key=${run.batch}>
      <p class="marked-told"><strong>${plural(run.files, "picture is", "pictures are")} in the trash, ${bytes(run.bytes)}.</strong> <span class="path">${run.folder}</span></p>
      ${mayMove
        ? html`<div class="actions center">${place === 0
          ? html`<${Keyed} icon="undo" text="Bring them back" hotkey="R" onClick=${() => act.back(run.batch)} />`
          : html`<${Button} icon="undo" onClick=${() => act.back(run.batch)}>Bring them back</${Button}>`}</div>`
        : html`<p class="muted">lookalike decisions undo ${run.batch}</p>`}
    </div>`)}`;
}

/** The view of the pictures that are marked, each with a button that takes its mark off. */
export function Marked({ name }) {
  const marked = useMarked(name);
  const { told, error, again, items, next, isBusy, act } = marked;
  const keys = useRef({});
  keys.current = markedKeys(marked);
  useEffect(() => {
    document.title = `Marked · ${name} · lookalike`;
  }, [name]);
  useKeys(keys);
  const onKey = (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    const buttons = [...event.currentTarget.querySelectorAll("button")];
    buttons[buttons.indexOf(document.activeElement) + by]?.focus();
    event.preventDefault();
  };
  return html`<div class="head"><div><p class="crumbs"><a href=${address(["c", name, "review"])}><${Icon} name="left" />Review</a></p><h1>Marked to go</h1></div></div>
    <div aria-busy=${!told && !error ? "true" : undefined}>
    ${error ? html`<${Trouble} error=${error} again=${again} />` : told && html`
      ${told.count + told.runs.length || isBusy ? html`<${MarkedSummary} name=${name} marked=${marked} seen=${false} />`
        : html`<${Empty} icon="check" title="Nothing is marked"><p>Pictures that you decide to part with stand here until their files are moved.</p>
            <${ButtonLink} href=${address(["c", name, "review"])}>Review duplicates</${ButtonLink}></${Empty}>`}
      <ul class="marked" aria-label="Marked pictures" onKeyDown=${onKey}>${items.map((one) => html`<li key=${one.id} class="marked-tile ${one.obstacle ? "is-staying" : ""}">
        <${Picture} src=${api.thumbnailUrl(name, one.id)} loading="lazy" fallback=${html`<span class="no-picture">${shortName(one.id)}</span>`} />
        <p class="marked-name" title=${one.id}>${placedName(one.id)}</p>
        <p class="muted">${factsLine(one)}</p>
        <p class="muted">${one.kept ? `for ${placedName(one.kept)}` : "decided on alone"}</p>
        ${one.obstacle && html`<p class="trouble">${one.obstacle.message}</p>`}
        <${Button} kind="small" icon="undo" label="Take the mark off ${shortName(one.id)}" onClick=${() => act.unmark(one.id)}>Undo</${Button}></li>`)}</ul>
      ${next && html`<div class="more"><${Button} onClick=${act.more}>Show more</${Button}></div>`}`}
    </div>`;
}

/** Let keys act that are pressed outside of fields and dialogs: `keys` refers to functions by key. */
export function useKeys(keys) {
  useEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.target.closest("input, select, textarea, dialog") || document.querySelector("dialog[open]")) return;
      const act = keys.current[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

