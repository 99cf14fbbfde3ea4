/** A collection: its pictures, and the search in them. */

import { AddingPanel } from "./adding.js";
import { addBrought, isList } from "./additions.js";
import * as api from "./api.js";
import { Code } from "./code.js";
import { MoreConditions } from "./conditions.js";
import { openCrop } from "./crop.js";
import { Details } from "./details.js";
import { urlOf, useDrops, usePastes } from "./drops.js";
import { Examples } from "./examples.js";
import { Facets } from "./facets.js";
import { Grid } from "./grid.js";
import { change, titleOf } from "./making.js";
import { isPicture } from "./pictures.js";
import { blobOf, carry, exampleOfFile, exampleOfId, kindOf, readQuestion, takeCarried, VERIFIED, writeQuestion } from "./query.js";
import { useCounts, useResults } from "./results.js";
import { useRights } from "./rights.js";
import { address, collectionAddress, go } from "./route.js";
import { SearchBox } from "./search-box.js";
import { SelectionBar, useLasso, usePicked } from "./selection.js";
import { useStacks } from "./stacks.js";
import { isTable } from "./table.js";
import { bestOf, passing, Threshold } from "./threshold.js";
import {
  announce, Button, ButtonLink, Check, copyText, Dialog, Empty, Field, html, Icon, Menu, openDialog, Select, toast, Trouble, useEffect, useKept,
  useLoaded, useRef, useState, useDebounced, useLong, useWide,
} from "./ui.js";
import { fieldName, plural } from "./words.js";

const PATIENCE_MS = 700;
const CONFIDENT = 0.5; // below it, pictures have little in common
const STEPS = { replace: true }; // moves of a slider leave no trace in the history
const MOST_EXAMPLES = 5; // files that are searched with; more are offered to be added

export function Collection({ name, parameters }) {
  const { value: told, error, again } = useLoaded((signal) => api.getCollection(name, signal), [name]);
  useEffect(() => {
    document.title = `${told ? titleOf(told) : name} · lookalike`;
  }, [told, name]);
  if (error && !told) {
    return html`<${Empty} title="This collection cannot be shown" level=${1}><p>${error.message}</p><a class="button" href="#/">See the collections</a></${Empty}>`;
  }
  if (!told) return html`<p class="muted" aria-busy="true">Loading ...</p>`;
  return told.records ? html`<${Pictures} told=${told} parameters=${parameters} again=${again} />` : html`<${Nothing} told=${told} again=${again} />`;
}

/** A collection without a picture: the place to add some. */
function Nothing({ told, again }) {
  const { mayWrite } = useRights();
  usePastes((brought) => addBrought(told.name, brought));
  return html`<div class="head">
      <div><p class="crumbs"><a href="#/"><${Icon} name="left" />Collections</a></p><h1>${titleOf(told)}</h1></div>
      ${mayWrite && html`<div class="actions"><${Button} icon="settings" onClick=${() => change(told, again)}>Settings</${Button}></div>`}
    </div>
    <p class="lead">Nothing in here yet.${mayWrite && " Add the pictures that you want to search in."}</p>
    ${mayWrite && html`<${AddingPanel} name=${told.name} />`}`;
}

function Pictures({ told, parameters, again }) {
  const { name } = told;
  const question = grouped(readQuestion(parameters), told);
  const isSearch = question.like.length > 0;
  const isWide = useWide();
  const [size, setSize] = useKept("tiles", "medium");
  const [floor, setFloor] = useState(null); // of a slider that moves, before the server has answered
  const [isSheetOpen, setSheetOpen] = useState(false);
  const place = useRef(null);
  const hasOpened = useRef(false);
  const isNew = useRef(false); // whether other examples are asked about: their answers are seen from the top
  const [version, setVersion] = useState(0); // rises with every change of records, which is counted anew

  useCarried(name, question);
  const results = useResults(name, question);
  const counts = useCounts(name, question);

  const set = (change, how) => {
    isNew.current ||= "like" in change;
    go(["c", name], writeQuestion({ ...readQuestion(new URLSearchParams(parameters)), ...change }), how);
  };
  const actions = questionActions(question, set);
  const take = (brought) => taken(brought, { name, question, set, addLike: actions.addLike });
  usePastes(take);
  useDrops(place, take);
  useEffect(() => {
    setFloor(null);
    if (isNew.current && !results.isBusy) {
      isNew.current = false;
      window.scrollTo(0, 0);
    }
  }, [results.items, results.isBusy]);

  const [stacked, toggle] = useStacks(name, question, results.items);
  const items = isSearch && floor ? stacked.filter(({ score }) => score >= floor) : stacked;
  const selection = usePicked(items);
  useLasso(place, (ids, isMore) => selection.set(new Set(isMore ? [...selection.picked, ...ids] : ids)));
  const changed = () => {
    again();
    results.again();
    setVersion(version + 1);
  };
  const open = (id) => {
    hasOpened.current = true; // by a step forward, so that closing is a step back
    set({ shown: id });
  };
  const details = {
    like: (id) => actions.addLike(exampleOfId(id)),
    unlike: (id) => actions.addUnlike(id),
    compare: (id) => go(["compare"], comparison(name, question, id)),
    step: (by) => {
      const next = items[items.findIndex((one) => one.id === question.shown) + by];
      if (next) set({ shown: next.id }, STEPS);
    },
    changed,
    close: () => {
      if (!readQuestion(new URLSearchParams(location.hash.split("?")[1])).shown) return;
      if (hasOpened.current) history.back();
      else set({ shown: null }, STEPS);
      hasOpened.current = false;
    },
  };
  const crop = async (example) => {
    try {
      const blob = await blobOf(name, example);
      if (!blob) return toast("This picture is not on this device. Add it again.", "bad");
      openCrop(blob, question.crop, (crop) => set({ crop }));
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  const threshold = isSearch && html`<${Threshold} value=${question.threshold ?? 0} counts=${counts} move=${setFloor}
    change=${(value) => set({ threshold: value || null }, STEPS)} />`;
  const facets = html`<${Facets} collection=${name} question=${question} version=${version} change=${(filter) => set({ filter })} />`;
  const group = html`<${Group} told=${told} question=${question} version=${version} set=${set} />`;
  const more = isSearch && html`<${More} told=${told} question=${question} set=${set} />`;
  const rare = rareOf(question);
  const chosen = Object.keys(question.filter).length + (question.threshold ? 1 : 0) + (isSearch ? rare + (parameters.get("group_by") ? 1 : 0) : 0);
  const isQuestion = isSearch || question.unlike.length > 0;
  const examples = isQuestion && html`<${Examples} collection=${name} question=${question}
    act=${{ remove: actions.removeExample, turn: actions.turn, crop }} />`;

  return html`<div class="collection" ref=${place} aria-busy=${results.isBusy || undefined}>
    <${Bar} told=${told} question=${question} take=${take} again=${() => { again(); results.again(); }} />
    <div class="columns">
      ${isWide ? html`<aside class="side" aria-label="Query and filters">${examples}${facets}</aside>` : examples}
      <div class="results">
        <div class="toolbar">
          ${isWide ? html`${threshold}${isSearch && group}
            ${more && html`<${Menu} text="More${rare ? ` (${rare})` : ""}" icon="down" kind="small" stays>${more}</${Menu}>`}`
          : html`<${Button} icon="filter" kind="small" onClick=${() => setSheetOpen(true)}>Filter${chosen ? ` (${chosen})` : ""}</${Button}>
            <p class="passing muted">${isSearch && question.threshold ? passing(counts, question.threshold)[1] : ""}</p>`}
          <${Sizes} size=${size} set=${setSize} />
        </div>
        <${Looking} text=${workOf(told, question)} isBusy=${results.isBusy} />
        <${Note} question=${question} results=${results} counts=${counts} set=${set} />
        <${Grid} collection=${name} items=${items} size=${size} end=${results.more} selection=${selection}
          act=${{ open, toggle, like: (id) => actions.addLike(exampleOfId(id)), unlike: (id) => actions.addUnlike(id) }} />
        <${Looking} text="Looking for more ..." isBusy=${results.isMoreBusy} />
        ${results.more && html`<div class="more"><${Button} onClick=${results.more}>Show more</${Button}></div>`}
      </div>
    </div>
    ${selection.picked.size > 0 && html`<${SelectionBar} collection=${name} items=${items} selection=${selection} changed=${changed}
      search=${(like) => { selection.clear(); set({ like, unlike: [], crop: null, shown: null }); }} />`}
    ${isSheetOpen && html`<${Dialog} title="Filter" kind="sheet" onClose=${() => setSheetOpen(false)}>
      ${threshold}${isSearch && group}${more}${facets}
      <div class="actions sheet-end"><${Button} kind="primary" onClick=${() => setSheetOpen(false)}>Show the pictures</${Button}></div></${Dialog}>`}
    ${question.shown && html`<${Details} collection=${name} id=${question.shown} isSearch=${isSearch} act=${details}
      match=${isSearch ? matchOf(items, question.shown) : null} />`}
  </div>`;
}

/** A collection with a product field groups its matches by it, unless the address says otherwise. */
const grouped = (question, told) => ({ ...question, groupBy: question.groupBy ?? told.product_id_field });

const matchOf = (items, id) => items.find((one) => one.id === id && one.score !== undefined) ?? null;

/** Take in the pictures that a link carried, so that the address is short again. */
function useCarried(name, question) {
  const isCarried = [...question.like, ...question.unlike].some((one) => kindOf(one).kind === "carried");
  useEffect(() => {
    if (isCarried) takeCarried(question).then((own) => go(["c", name], writeQuestion(own), STEPS));
  }, [isCarried]);
}

/** What changes the examples of a question. */
function questionActions(question, set) {
  const without = (list, example) => list.filter((one) => one !== example);
  const cropWithout = (example) => (question.like[0] === example ? null : question.crop);
  const addLike = (example) =>
    set({ like: [...without(question.like, example), example], unlike: without(question.unlike, example), shown: null });
  const turnAway = (example) => set({
    like: without(question.like, example), crop: cropWithout(example), unlike: [...without(question.unlike, example), example], shown: null,
  });
  return {
    addLike,
    addUnlike: (id) => (question.like.length
      ? turnAway(exampleOfId(id))
      : toast("First choose a picture to search for; then say what it is not like.")),
    turn: (example) => (question.like.includes(example) ? turnAway(example) : addLike(example)),
    removeExample: (example) =>
      set({ like: without(question.like, example), unlike: without(question.unlike, example), crop: cropWithout(example) }),
  };
}

/** Take what was brought: pictures to search with, an address, a name; false when it names nothing. */
async function taken({ id, isAlone, files = [], url, text }, { name, question, set, addLike }) {
  if (id && isAlone) return set({ like: [exampleOfId(id)], unlike: [], crop: null, shown: null });
  if (id) return addLike(exampleOfId(id));
  const pictures = files.filter(({ file }) => isPicture(file));
  if (files.some((one) => isTable(one) || isList(one))) return void addBrought(name, { files }); // they describe pictures
  if (files.length && !pictures.length) return toast("This is not a picture. Take a JPEG, PNG, WebP or another picture format.", "bad");
  if (pictures.length > MOST_EXAMPLES) {
    if (await openDialog(plural(files.length, "file"), OfferAdding, {}, "narrow")) addBrought(name, { files });
    return true;
  }
  const examples = await Promise.all(pictures.map(({ file }) => exampleOfFile(file)));
  if (examples.length) return set({ like: [...examples, ...question.like], crop: null, shown: null });
  return takenText(url ?? text ?? "", name, addLike);
}

const OfferAdding = ({ close }) => html`<p>These are many to search with. Add them to the collection?</p>
  <div class="actions"><${Button} onClick=${() => close(false)}>No</${Button}><${Button} kind="primary" onClick=${() => close(true)}>Add them</${Button}></div>`;

async function takenText(text, name, addLike) {
  const url = urlOf(text);
  const id = text.trim().replace(/^id:/, "");
  if (!id) return false;
  if (!url && !(await api.getRecord(name, id).then(() => true, () => false))) {
    toast(`${id.slice(0, 60)} is neither an address nor the name of a stored picture.`, "bad");
    return false;
  }
  addLike(url ?? exampleOfId(id));
  return true;
}

function comparison(collection, question, id) {
  const [first] = question.like;
  return [["collection", collection], ["a", first ?? exampleOfId(id)], ...(first ? [["b", exampleOfId(id)]] : [])];
}

/** The row above the pictures that stays: where one is, the box of the search, and what else there is to do. */
function Bar({ told, question, take, again }) {
  const isQuestion = question.like.length + question.unlike.length > 0;
  const { mayWrite } = useRights();
  const copyLink = async () => {
    const carried = await carry(question);
    const link = location.origin + location.pathname + address(["c", told.name], writeQuestion(carried));
    const isHeavy = carried.like.concat(carried.unlike).some((one) => kindOf(one).kind === "carried");
    await copyText(link, isHeavy ? "The link is copied. It carries your picture in small." : "The link is copied.",
      () => openDialog("Link to this view", LinkField, { link }, "narrow"));
  };
  return html`<div class="bar">
    <a class="bar-back" href="#/" aria-label="Collections" title="Collections"><${Icon} name="left" /></a>
    <div class="bar-title"><h1>${titleOf(told)}</h1><p class="muted">${plural(told.records, "picture")}</p></div>
    <${SearchBox} collection=${told.name} take=${take} />
    ${isQuestion && html`<${Button} icon="close" kind="ghost bar-new" label="New search" onClick=${() => go(["c", told.name])}>New search</${Button}>`}
    <nav class="bar-actions" aria-label="This collection">
      <${ButtonLink} icon="stack" kind="small" href="${collectionAddress(told.name)}/groups">Groups</${ButtonLink}>
      ${mayWrite && html`<${ButtonLink} icon="compare" kind="small" href="${collectionAddress(told.name)}/review">Duplicates</${ButtonLink}>
      <${ButtonLink} icon="upload" kind="small" href="${collectionAddress(told.name)}/add">Add pictures</${ButtonLink}>`}
    </nav>
    <${Menu} icon="more" label="More of this collection" kind="ghost">
      <${ButtonLink} icon="stack" kind="ghost menu-narrow" href="${collectionAddress(told.name)}/groups">Groups</${ButtonLink}>
      ${mayWrite && html`<${ButtonLink} icon="compare" kind="ghost menu-narrow" href="${collectionAddress(told.name)}/review">Duplicates</${ButtonLink}>
      <${ButtonLink} icon="upload" kind="ghost menu-narrow" href="${collectionAddress(told.name)}/add">Add pictures</${ButtonLink}>`}
      <${Button} icon="link" kind="ghost" onClick=${copyLink}>Copy link</${Button}>
      <${Button} icon="code" kind="ghost" onClick=${() => openDialog("Use it from code", Code, { told, question }, "wide")}>Use it from code</${Button}>
      ${mayWrite && html`<${Button} icon="settings" kind="ghost" onClick=${() => change(told, again)}>Settings</${Button}>`}
    </${Menu}>
  </div>`;
}

const LinkField = ({ link }) => html`<${Field} label="Copy it from here">${(joined) => html`<input type="text" readonly ...${joined} value=${link} />`}</${Field}>`;

/** One match of each value of a field. */
function Group({ told, question, version, set }) {
  const { value: repeated } = useLoaded((signal) => repeatedFields(told.name, signal), [told.name, version]);
  const fields = new Set([told.product_id_field, ...told.fields, ...(repeated ?? []), question.groupBy].filter(Boolean));
  const options = [["", "No groups"], ...[...fields].map((name) => [name, `By ${fieldName(name)}`])];
  return html`<label class="group-choice"><span class="label">Group</span>
    <${Select} aria-label="Group" options=${options} value=${question.groupBy ?? ""} onChange=${(value) => set({ groupBy: value || (told.product_id_field ? "" : null) })} /></label>`;
}

/** Fields whose values repeat are worth grouping by. */
async function repeatedFields(name, signal) {
  const { facets } = await api.facets(name, {}, signal).catch(() => ({ facets: [] }));
  return facets.filter((one) => one.field !== "tags" && one.distinct > 1 && one.distinct < one.records).map((one) => one.field);
}

/** What is rarely chosen. Relations need not be asked for in a collection for copies, and are given to one picture only. */
function More({ told, question, set }) {
  const [variety, setVariety] = useState(question.diversity);
  const rest = useDebounced((diversity) => set({ diversity }, STEPS), 250);
  useEffect(() => setVariety(question.diversity), [question.diversity]);
  const mayVerify = told.type !== "matching" && question.like.length === 1 && !question.unlike.length;
  const move = (event) => {
    setVariety(Number(event.currentTarget.value));
    rest(Number(event.currentTarget.value));
  };
  return html`<div class="options">
    <${Field} label="Variety" hint="Further right, the matches are less like each other.">${(joined) =>
      html`<input type="range" min="0" max="1" step="0.05" ...${joined} value=${variety} onInput=${move} />`}</${Field}>
    <${Check} checked=${question.collapse} onChange=${(collapse) => set({ collapse })}>Hide near-duplicates</${Check}>
    ${mayVerify && html`<${Check} checked=${question.verify} onChange=${(verify) => set({ verify })}>Check copies</${Check}>`}
    <${MoreConditions} more=${question.more} change=${(more) => set({ more })} />
  </div>`;
}

/** How many of what is rarely chosen is. */
const rareOf = ({ diversity, collapse, verify, more }) => [diversity, collapse, verify].filter(Boolean).length + Object.keys(more).length;

/** What goes on, where it takes longer than people wait without a word. */
function Looking({ text, isBusy }) {
  const isLong = useLong(isBusy, PATIENCE_MS);
  return html`<div class="looking" role="status">${isLong && html`<p class="muted">${text}</p><progress aria-hidden="true"></progress>`}</div>`;
}

/** What a question asks for, in words. */
function workOf(told, question) {
  const isOne = question.like.length === 1 && !question.unlike.length;
  const count = Math.min(VERIFIED, told.records);
  return !question.like.length ? "Loading the pictures ..."
    : isOne && (question.verify || told.type === "matching") ? `Looking closely at the first ${plural(count, "picture")} for copies ...` : "Searching ...";
}

const SIZES = [["small", "S"], ["medium", "M"], ["large", "L"]];

const Sizes = ({ size, set }) => html`<div class="sizes" role="group" aria-label="Size of the pictures">${SIZES.map(([name, text]) =>
  html`<button type="button" key=${name} class="size" aria-pressed=${String(name === size)} aria-label=${name} onClick=${() => set(name)}>${text}</button>`)}</div>`;

/** What there is to say about the results: trouble, none, or none that is sure. */
function Note({ question, results, counts, set }) {
  const { error, again, items, found, isBusy } = results;
  useEffect(() => {
    if (found) announce(items.length ? `${plural(items.length, "match", "matches")}${results.more ? " and more" : ""}, best score ${items[0].score.toFixed(2)}.` : "No match.");
  }, [found]);
  if (error) return html`<${Trouble} error=${error} again=${again} />`;
  if (isBusy && !items.length) return null;
  if (!question.like.length) {
    if (question.unlike.length) return html`<p class="hint-box">Add a picture that the answers should be like.</p>`;
    return items.length ? null : html`<${Empty} title="No picture passes the filters"><${Clear} set=${set} /></${Empty}>`;
  }
  if (!found) return null;
  if (!items.length) return html`<div class="note"><${NoMatch} question=${question} found=${found} best=${bestOf(counts)} set=${set} /></div>`;
  const best = items[0].score;
  return best < CONFIDENT && html`<div class="hint-box"><strong>No confident match.</strong> The nearest picture scores ${best.toFixed(2)}:
    it has little in common with yours. What follows is only the nearest there is.</div>`;
}

const Clear = ({ set }) => html`<${Button} onClick=${() => set({ filter: {}, more: {} })}>Clear all filters</${Button}>`;

function NoMatch({ question, found, best, set }) {
  const { threshold } = question;
  if (!threshold) {
    const text = found.unknown ? `No picture has the ${found.unknown.join(", ")}.` : "The filters leave no picture. Take one away.";
    return html`<${Empty} icon="search" title="Nothing left to compare with"><p>${text}</p><${Clear} set=${set} /></${Empty}>`;
  }
  const lower = Math.max(0, Math.floor(best * 10 - 1e-9) / 10);
  const alike = best < CONFIDENT ? ": it has little in common with yours." : ".";
  return html`<${Empty} icon="search" title="No match at ${threshold.toFixed(2)} or more"><p>The nearest picture scores about ${best.toFixed(2)}${alike}</p>
    <${Button} onClick=${() => set({ threshold: lower || null })}>Show from ${lower.toFixed(2)}</${Button}></${Empty}>`;
}
