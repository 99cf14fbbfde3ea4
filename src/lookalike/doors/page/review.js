/** The review: duplicate groups one after the other, two pictures side by side, and a key for each decision. */

import * as api from "./api.js";
import { relationName } from "./relations.js";
import { Keyed, markedAddress, markedKeys, MarkedSummary, useKeys, useMarked, Waiting } from "./review-end.js";
import { Groups } from "./review-groups.js";
import { GroupList } from "./review-list.js";
import { modeOf, StageControls, stageKeys, StageView, useStage } from "./review-stage.js";
import { FactsTable } from "./review-table.js";
import { collectionAddress, go } from "./route.js";
import {
  announce, Button, ButtonLink, Check, Empty, Form, html, Icon, openDialog, Picture, Select, toast, Trouble, useChanges, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "./ui.js";
import { bytes, number, placedName, plural, share, shortName } from "./words.js";

const STEPS = { replace: true }; // going from group to group leaves no trace in the history
const SHOWN_BEST = 50; // groups of the preview
const DECIDED = { keep: "keep", delete: "delete", not_a_duplicate: "different", later: "later" };
const SORTS = [["size", "Most pictures first"], ["gain", "Most to gain first"], ["likeness", "Most alike first"]];
const KEYS = [
  ["↑ ↓", "the group before, the next group"], ["← →", "the picture before, the next picture"],
  ["B", "keep the best only, delete the others"], ["K", "keep this picture"], ["D", "delete it"], ["N", "it is no duplicate"],
  ["L", "put the group off"], ["A", "keep all"], ["U", "take back what was decided last"],
  ["1 2 3", "side by side, in turns, their difference"], ["F", "turn over while blinking"], ["+ − 0", "larger, smaller, as a whole"],
  ["S", "see what is marked to go"], ["?", "these keys"],
];
const END_KEYS = [["M", "move what is marked to the trash, where the server may"], ["R", "bring back what was moved last"], ["C", "copy the command"], ["T", "download the script"]];

const idOf = (one) => one.id;

export function Review({ name, parameters }) {
  const asked = {
    show: parameters.get("show") === "later" ? "later" : "open",
    threshold: parameters.get("threshold"), sort: parameters.get("sort"), relation: parameters.get("relation"), folder: parameters.get("folder"),
  };
  const place = { group: parameters.get("group"), member: parameters.get("member"), mode: modeOf(parameters.get("view")) };
  const [turn, setTurn] = useState(0); // rises when the groups are to be found anew
  const store = useMemo(() => new Groups(name, asked), [name, JSON.stringify(asked), turn]);
  useChanges(store);
  useEffect(() => {
    store.start(place.group);
  }, [store]);
  useEffect(() => {
    document.title = `Review · ${name} · lookalike`;
  }, [name]);
  const newest = useRef(null);
  newest.current = { ...asked, ...place };
  /** Change the address; the view follows. */
  const set = (change, how = STEPS) => {
    const { show, mode, ...told } = { ...newest.current, ...change };
    const parts = { show: show === "later" && show, ...told, view: mode !== "side" && mode };
    go(["c", name, "review"], Object.entries(parts).filter(([, value]) => value), how);
  };
  const act = useActs(name, store, newest, set, () => setTurn((before) => before + 1));
  const isFiltered = asked.relation || asked.folder;
  const body = () => {
    if (store.error) return html`<${Trouble} error=${store.error} again=${act.again} />`;
    if (!store.told) return html`<${Waiting} name=${name} text="Comparing all pictures" what="Pictures that were compared" />`;
    if (!store.groups.length && isFiltered) {
      return html`<${Filters} store=${store} asked=${asked} set=${set} /><${Empty} icon="filter" title="No such group is open">
        <${Button} onClick=${() => set({ relation: null, folder: null, group: null, member: null }, {})}>Show all groups</${Button}></${Empty}>`;
    }
    if (!store.groups.length) return html`<${End} name=${name} store=${store} asked=${asked} act=${act} set=${set} />`;
    return html`<${Work} name=${name} store=${store} asked=${asked} place=${place} set=${set} act=${act} />`;
  };
  return html`<div aria-busy=${!store.told && !store.error ? "true" : undefined}>
    <${Head} name=${name} store=${store} asked=${asked} act=${act} />${body()}</div>`;
}

function Head({ name, store, asked, act }) {
  const isOpen = asked.show === "open";
  const counts = store.told && store.counts;
  return html`<div class="head">
    <div><p class="crumbs"><a href=${collectionAddress(name)}><${Icon} name="left" />${name}</a></p>
      <h1>${isOpen ? "Review duplicates" : "Put off"}</h1>
      ${counts?.all > 0 && html`<p class="muted review-count" role="status">Decided ${number(counts.decided)} of ${number(counts.all)}${store.gain > 0 && ` · ${bytes(store.gain)} to gain`}</p>`}</div>
    <div class="actions">
      <${Keyed} icon="undo" kind="small" text="Undo" hotkey="U" repeats onClick=${act.undo} />
      ${isOpen && store.groups.length > 0 && html`<${Button} icon="check" kind="small" onClick=${() => act.offerBest()}>Best only, in all groups</${Button}>`}
      <${ButtonLink} icon="trash" kind="small" href=${markedAddress(name)}>Marked</${ButtonLink}>
      <${Button} kind="small keys-button" label="Keys (?)" aria-keyshortcuts="?" onClick=${showKeys}>?</${Button}>
    </div></div>`;
}

const KeyRows = ({ rows }) => rows.map(([keys, text]) => html`<tr key=${text}><th scope="row">${keys.split(" ").map((key) => html`<kbd key=${key}>${key}</kbd>${" "}`)}</th><td>${text}</td></tr>`);
const KeyTable = () => html`<table class="keys-table"><tbody><${KeyRows} rows=${KEYS} /></tbody></table>
  <h3>At the end</h3><table class="keys-table"><tbody><${KeyRows} rows=${END_KEYS} /></tbody></table>`;
const showKeys = () => openDialog("Keys", KeyTable);

/** Order and filter of the groups. */
function Filters({ store, asked, set }) {
  const { relations, folders } = store.told;
  const counted = (found, chosen, all, nameOf) => {
    const known = chosen && !(chosen in found) ? { ...found, [chosen]: 0 } : found;
    return [["", all], ...Object.entries(known).map(([value, count]) => [value, `${nameOf(value)} (${number(count)})`])];
  };
  const change = (name) => (value) => set({ [name]: value || null, group: null, member: null }, {});
  return html`<div class="review-filters">
    <${Select} aria-label="Order" options=${SORTS} value=${asked.sort ?? "size"} onChange=${(value) => change("sort")(value === "size" ? null : value)} />
    ${(Object.keys(relations).length > 1 || asked.relation) && html`<${Select} aria-label="Relation" value=${asked.relation ?? ""} onChange=${change("relation")}
      options=${counted(relations, asked.relation, "All kinds", relationName)} />`}
    ${(Object.keys(folders).length > 0 || asked.folder) && html`<${Select} aria-label="Folder" value=${asked.folder ?? ""} onChange=${change("folder")}
      options=${counted(folders, asked.folder, "All folders", (folder) => folder)} />`}
  </div>`;
}

/** A group in work: the list, the two pictures, the decisions, and what is known of both. */
function Work({ name, store, asked, place, set, act }) {
  const at = store.placeOf(place.group);
  const group = store.groups[at];
  const { members } = group;
  const best = members[0];
  const member = chosenOf(group, place.member);
  const partner = member === best ? (members[1] ?? best) : best;
  const [left, right] = member === best ? [member, partner] : [partner, member];
  const stage = useStage();
  useLayoutEffect(() => {
    stage.show(name, left, right, place.mode);
  }, [stage, name, left, right, place.mode]);
  const strip = useRef(null);
  useLayoutEffect(() => {
    const tile = strip.current.querySelector("[aria-pressed=true]");
    strip.current.scrollLeft = tile.offsetLeft - (strip.current.clientWidth - tile.offsetWidth) / 2;
  }, [member]);
  const isShown = stage.sides[0] === left && stage.sides[1] === right;
  const keys = useRef({});
  const decide = act.on(group, member);
  keys.current = {
    ...stageKeys(stage, set),
    k: () => decide.one("keep"), d: () => decide.one("delete"), n: decide.different, l: decide.later, b: decide.bestOnly, a: decide.keepAll, u: act.undo,
    ArrowDown: () => act.step(at, 1), ArrowUp: () => act.step(at, -1), ArrowRight: () => act.stepMember(group, member, 1), ArrowLeft: () => act.stepMember(group, member, -1),
    "?": showKeys, s: () => go(["c", name, "review", "marked"]),
  };
  useKeys(keys);
  const other = asked.show === "open" ? store.told.later : store.told.open;
  return html`<div class="review">
    <section class="review-side" aria-label="Groups"><${Filters} store=${store} asked=${asked} set=${set} />
      <${GroupList} store=${store} at=${at} open=${act.open} /><${Turn} asked=${asked} other=${other} set=${set} /></section>
    <section class="review-main" aria-label="This group">
      <div class="review-bar"><div class="actions">
          <${Button} icon="left" label="The group before (↑)" kind="small" repeats onClick=${() => act.step(at, -1)} />
          <span class="review-where" role="status">${number(at + 1)} of ${number(store.total)}</span>
          <${Button} icon="right" label="The next group (↓)" kind="small" repeats onClick=${() => act.step(at, 1)} /></div>
        <${StageControls} stage=${stage} change=${set} /></div>
      ${stage.sides.length > 0 && html`<${StageView} stage=${stage} best=${best} chosen=${member} />`}
      <div class="review-strip" role="group" aria-label="Pictures of this group" ref=${strip}>
        ${members.map((one) => html`<${Tile} key=${one.id} name=${name} one=${one} isBest=${one === best} isChosen=${one === member}
          onClick=${() => set({ group: best.id, member: one.id })} />`)}</div>
      <div class="review-decide" role="group" aria-label="Decide">
        <${Keyed} kind="primary" icon="check" text="Best only" hotkey="B" onClick=${decide.bestOnly} />
        <${Keyed} icon="check" text="Keep" hotkey="K" onClick=${() => decide.one("keep")} />
        <${Keyed} kind="warn" icon="trash" text="Delete" hotkey="D" onClick=${() => decide.one("delete")} />
        <${Keyed} icon="close" text="No duplicate" hotkey="N" onClick=${decide.different} />
        <${Keyed} icon="add" text="Keep all" hotkey="A" onClick=${decide.keepAll} />
        <${Keyed} icon="pause" text="Later" hotkey="L" onClick=${decide.later} /></div>
      <div class="review-facts"><${FactsTable} left=${left} right=${right} sharpness=${isShown ? stage.sharpness : [null, null]} /></div>
    </section></div>`;
}

/** The picture that decisions are about: the one in the address, else the first that nobody decided on. */
const chosenOf = ({ members }, id) => members.find((one) => one.id === id) ?? members.slice(1).find((one) => !one.decision) ?? members[1] ?? members[0];

/** Turn to the groups that were put off, or back. */
const Turn = ({ asked, other, set }) => other > 0 && html`<${Button} kind="small"
  onClick=${() => set({ show: asked.show === "open" ? "later" : "open", group: null, member: null }, {})}>${asked.show === "open" ? "Put off" : "Open"}: ${number(other)}</${Button}>`;

function Tile({ name, one, isBest, isChosen, onClick }) {
  const label = `${shortName(one.id)}${isBest ? ", the best" : `, score ${share(one.score)}`}${one.decision ? `, ${DECIDED[one.decision]}` : ""}`;
  return html`<button type="button" class="review-tile is-${one.decision ?? "open"}" aria-pressed=${String(isChosen)} aria-label=${label} onClick=${onClick}>
    <${Picture} src=${api.thumbnailUrl(name, one.id)} fallback=${html`<span class="no-picture"></span>`} />
    <span class="review-tile-text">${isBest ? "best" : one.relation ? relationName(one.relation) : share(one.score)}</span>
    ${one.decision && html`<span class="badge is-${one.decision}">${DECIDED[one.decision]}</span>`}</button>`;
}

/** Nothing is left: what is marked, and where it may go. */
function End({ name, store, asked, act, set }) {
  const marked = useMarked(name, act.again);
  const { told, error, again } = marked;
  const isOpen = asked.show === "open";
  const keys = useRef({});
  keys.current = { ...markedKeys(marked), u: act.undo, s: () => go(["c", name, "review", "marked"]), "?": showKeys };
  useKeys(keys);
  const other = isOpen ? store.told.later : store.told.open;
  const hasMore = told && told.count + told.runs.length > 0;
  return html`<div class="empty review-end" aria-busy=${!told && !error ? "true" : undefined}><${Icon} name="check" />
    <h2>${isOpen ? "Nothing is left to decide" : "Nothing is put off"}</h2>
    ${error ? html`<${Trouble} error=${error} again=${again} />` : isOpen && told && html`
      ${hasMore || marked.isBusy ? html`<${MarkedSummary} name=${name} marked=${marked} />`
        : html`<p>${store.counts.all ? "All groups are decided on, and nothing is marked to go." : "No two pictures of this collection are taken for duplicates."}</p>`}`}
    <div class="actions center"><${Turn} asked=${asked} other=${other} set=${set} /><${ButtonLink} href=${collectionAddress(name)}>See the pictures</${ButtonLink}></div></div>`;
}

/** Everything that can be done: steps from group to group, decisions, and the rule for all. */
function useActs(name, store, newest, set, again) {
  const trouble = (error) => toast(error.message, "bad");
  const open = (at) => {
    const group = store.groups[at];
    if (group) set({ group: group.members[0].id, member: null });
  };
  const step = async (at, by) => {
    const wanted = at + by;
    if (wanted >= store.groups.length) await store.load(wanted).catch(trouble);
    open(Math.min(Math.max(0, wanted), store.groups.length - 1));
  };
  const stepMember = ({ members }, member, by) =>
    set({ group: members[0].id, member: members[(members.indexOf(member) + by + members.length) % members.length].id });
  const goOn = async (group) => {
    const left = store.nextOpen(group);
    if (left >= 0) return open(left);
    if (!store.next) return again();
    await store.load(store.groups.length).catch(trouble);
    return goOn(group);
  };
  /** Save decisions, and go on: to the next picture, or to the next group. */
  const save = async (group, choices, show, told, { isOver = false } = {}) => {
    try {
      if (!(await store.decide(group, choices, show))) return;
      announce(`${told}.`);
      if (isOver || store.isDone(group)) await goOn(group);
      else set({ group: group.members[0].id, member: (group.members.slice(1).find((one) => !one.decision) ?? group.members[0]).id });
    } catch (error) {
      trouble(error);
    }
  };
  const on = (group, member) => {
    const { members } = group;
    const best = members[0];
    const all = (decision, told, how) => save(group, [[decision, members.map(idOf), []]], () => members.forEach((one) => (one.decision = decision)), told, how);
    const keepAll = () => all("keep", "All are kept");
    return {
      one: (decision) => {
        const beside = members.filter((one) => one !== member && !(decision === "delete" && one.decision === "delete"));
        if (decision === "delete" && !beside.length) return toast("One picture of a group has to stay. Keep another one first.", "bad");
        return save(group, [[decision, [member.id], beside.map(idOf)]], () => (member.decision = decision), `${shortName(member.id)}: ${DECIDED[decision]}`);
      },
      different: () => {
        const others = member === best ? members.slice(1) : [member];
        return save(group, others.map((one) => ["not_a_duplicate", [best.id, one.id], []]), () => others.forEach((one) => (one.decision = "not_a_duplicate")),
          member === best ? "None of them is a duplicate" : `${shortName(member.id)}: no duplicate`);
      },
      later: () => all("later", "Put off", { isOver: true }),
      keepAll,
      /** Keep the best picture, and what was kept before; delete the others. */
      bestOnly: () => {
        const kept = members.filter((one, place) => place === 0 || one.decision === "keep");
        const deleted = members.filter((one) => !kept.includes(one));
        if (!deleted.length) return keepAll();
        return save(group, [["keep", kept.map(idOf), deleted.map(idOf)], ["delete", deleted.map(idOf), kept.map(idOf)]], () => {
          kept.forEach((one) => (one.decision = "keep"));
          deleted.forEach((one) => (one.decision = "delete"));
        }, `${shortName(kept[0].id)} is kept, ${plural(deleted.length, "other")} to go`);
      },
    };
  };
  const undo = async () => {
    try {
      const { decisions } = await api.decisions(name, { limit: 1 });
      if (!decisions.length) return toast("There is nothing to take back.");
      const [{ decision, batch }] = decisions;
      if (decision === "applied") {
        const { moved } = await api.moveBack(name, batch);
        toast(`Back where they were: ${plural(moved.length, "picture")}.`);
        return again();
      }
      const { undone } = await api.undoDecision(name, batch);
      const ids = new Set(undone.flatMap((one) => one.ids));
      toast(`Taken back: ${plural(undone.length, "decision")}.`);
      const at = store.told ? store.reopen(ids) : -1;
      if (at < 0) return again();
      const { members } = store.groups[at];
      set({ group: members[0].id, member: members.find((one, place) => place > 0 && ids.has(one.id))?.id ?? null });
    } catch (error) {
      trouble(error);
    }
  };
  const offerBest = async () => {
    const { threshold, relation, folder } = newest.current;
    const wanted = { threshold: threshold && Number(threshold), relation, folder };
    try {
      const told = await api.bestOfGroups(name, { ...wanted, limit: SHOWN_BEST });
      if (!told.count) return toast("There is no open group.");
      const kept = await openDialog("Best only, in all groups", Best, { name, wanted, first: told }, "wide");
      if (!kept) return;
      toast(`${plural(kept.deleted, "picture")} marked. Undo takes it back.`);
      set({ group: null, member: null });
      again();
    } catch (error) {
      trouble(error);
    }
  };
  return { open, step, stepMember, on, undo, offerBest, again };
}

/** What keeping the best of each group means, and the button that decides it. */
function Best({ name, wanted, first, close }) {
  const [told, setTold] = useState(first);
  const [allKinds, setAllKinds] = useState(false);
  const turn = async (isWanted) => {
    setAllKinds(isWanted);
    await api.bestOfGroups(name, { ...wanted, limit: SHOWN_BEST, all_kinds: isWanted || null }).then(setTold, (error) => toast(error.message, "bad"));
  };
  const submit = async () => close(await api.keepBest(name, { ...wanted, all_kinds: allKinds }));
  return html`<p>${plural(told.count, "group")}: the best picture of each is kept, ${plural(told.deleted, "other picture")} marked to go (${bytes(told.freed_bytes)}).${" "}
      ${told.left > 0 && `${plural(told.left, "picture is", "pictures are")} not marked: cropped, edited, turned or mirrored, or nobody could look. `}
      What you kept stays. No file is touched by this; it can be taken back at once.</p>
    ${(told.left > 0 || allKinds) && html`<${Check} checked=${allKinds} onChange=${turn}>Mark these, too</${Check}>`}
    <ul class="best-list" tabindex="0" aria-label="Groups">${told.groups.map((group) => html`<li key=${group.keep[0]}>
      ${[["keep", group.keep], ["delete", group.delete], ["left", group.left]].flatMap(([kind, ids]) => ids.map((id) => html`<figure key=${id} class="best is-${kind}">
        <img src=${api.thumbnailUrl(name, id)} alt="" loading="lazy" /><figcaption><strong>${DECIDED[kind] ?? "not marked"}</strong> ${placedName(id)}</figcaption></figure>`))}</li>`)}</ul>
    ${told.count > told.groups.length && html`<p class="muted">and ${plural(told.count - told.groups.length, "more group")}</p>`}
    ${told.deleted > 0
      ? html`<${Form} verb="Decide ${plural(told.count, "group")}" submit=${submit} cancel=${() => close()} />`
      : html`<div class="actions"><${Button} onClick=${() => close()}>Cancel</${Button}></div>`}`;
}
