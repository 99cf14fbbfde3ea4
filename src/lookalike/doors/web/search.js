/** A collection: its pictures, and the search in them. */

import { addBrought, addingPanel } from "./adding.js";
import * as api from "./api.js";
import { openCamera } from "./camera.js";
import { makeChips } from "./chips.js";
import { openCrop } from "./crop.js";
import { openDetails } from "./details.js";
import { announce, button, checkbox, debounced, field, fill, h, icon, openDialog, plural, select, toast } from "./dom.js";
import { choose, takeDrops, takePastes, urlOf } from "./drops.js";
import { makeFacets } from "./facets.js";
import { makeGrid } from "./grid.js";
import { change, recallText, titleOf } from "./making.js";
import { isPicture } from "./pictures.js";
import { blobOf, bodyOf, carry, conditionOf, exampleOfFile, exampleOfId, kindOf, readQuestion, takeCarried, writeQuestion } from "./query.js";
import { address, collectionAddress, go } from "./route.js";
import { makeThreshold } from "./threshold.js";

const PAGE = 60; // pictures asked for at once
const CONFIDENT = 0.5; // below it, pictures have little in common
const STEPS = { replace: true }; // moves of a slider leave no trace in the history

/** Say whether there is room beside the pictures; else choices that are rarely made are folded away. */
const isWide = () => matchMedia("(min-width: 861px)").matches;

export function showCollection(place, { name, parameters }) {
  return new CollectionView(place, name, parameters);
}

class CollectionView {
  constructor(place, name, parameters) {
    Object.assign(this, { place, name, question: readQuestion(parameters), told: null, next: null, asked: null, dialog: null });
    document.title = `${name} · lookalike`;
    this.chips = h("div", { class: "chips-place" });
    this.note = h("div", { class: "note", role: "status" });
    this.more = h("div", { class: "more" });
    this.refine = h("div", { class: "refine", hidden: true });
    const show = (id) => this.open(id);
    this.grid = makeGrid(name, { open: show, like: (id) => this.addLike(exampleOfId(id)), unlike: (id) => this.addUnlike(id) });
    this.facets = makeFacets(name, (filter) => this.set({ filter }));
    this.threshold = makeThreshold({
      move: (value) => this.grid.floor(value),
      change: (value) => this.set({ threshold: value || null }, STEPS),
    });
    this.endPastes = takePastes((brought) => this.take(brought));
    this.start(parameters);
  }

  async start(parameters) {
    try {
      this.told = await api.getCollection(this.name);
      document.title = `${titleOf(this.told)} · lookalike`;
    } catch (error) {
      fill(this.place, h("div", { class: "empty" }, h("h1", {}, "This collection cannot be shown"), h("p", {}, error.message),
        h("a", { class: "button", href: "#/" }, "See the collections")));
      return;
    }
    if (this.told.records) this.build();
    else this.buildEmpty();
    await this.update(parameters);
  }

  buildEmpty() {
    fill(this.place, this.head(),
      h("p", { class: "lead" }, "Nothing in here yet. Add the pictures that you want to search in."),
      addingPanel(this.name));
    this.isEmpty = true;
  }

  build() {
    const facets = h("aside", { class: "side", "aria-label": "Filters" },
      h("details", { open: isWide() }, h("summary", {}, icon("filter"), "Filter"), this.facets.element));
    fill(this.place, this.head(), this.searchPanel(),
      h("div", { class: "columns" }, facets,
        h("div", { class: "results" }, this.refine, this.note, this.grid.element, this.more)));
    this.isEmpty = false;
    takeDrops(this.place, (brought) => this.take(brought));
    this.watchEnd();
  }

  head() {
    return h("div", { class: "head" },
      h("div", {}, h("p", { class: "crumbs" }, h("a", { href: "#/" }, icon("left"), "Collections")),
        h("h1", {}, titleOf(this.told)), h("p", { class: "muted" }, `${plural(this.told.records, "picture")} · ${this.told.type} · ${recallText(this.told).toLowerCase()}`)),
      h("div", { class: "actions" },
        h("a", { class: "button", href: `${collectionAddress(this.name)}/review` }, icon("compare"), h("span", {}, "Duplicates")),
        button("Settings", () => change(this.told, (told) => this.changed(told)), { icon: "settings" }),
        h("a", { class: "button", href: `${collectionAddress(this.name)}/add` }, icon("upload"), h("span", {}, "Add pictures"))));
  }

  /** Take in that the collection was changed. */
  changed(told) {
    this.told = told;
    this.place.querySelector(".head").replaceWith(this.head());
    if (this.question.like.length) this.showRefinements();
  }

  searchPanel() {
    const text = h("input", { type: "text", class: "search-text", autocomplete: "off", spellcheck: "false",
      "aria-label": "Address of a picture, or the name of a stored one", placeholder: isWide() ? "Drop or paste a picture, or its address" : "Picture or address" });
    const submit = (event) => {
      event.preventDefault();
      this.takeText(text.value).then((isTaken) => isTaken && (text.value = ""));
    };
    return h("section", { class: "search", "aria-label": "Search" }, this.chips,
      h("form", { class: "search-form", on: { submit } }, icon("search"), text,
        button("Choose", () => choose((files) => this.take({ files })), { icon: "picture", label: "Choose a picture", kind: "ghost" }),
        button("Camera", () => openCamera((file) => this.take({ files: [{ path: file.name, file }] })), { icon: "camera", label: "Take a picture with the camera", kind: "ghost" }),
        button("Random", () => this.random(), { icon: "dice", label: "Search with a random picture", kind: "ghost" }),
        h("button", { type: "submit", class: "button primary" }, "Search")));
  }

  /** Change the question; the address tells the rest of the page. */
  set(change, how) {
    go(["c", this.name], writeQuestion({ ...this.question, ...change }), how);
  }

  addLike(example) {
    const unlike = this.question.unlike.filter((one) => one !== example);
    const like = this.question.like.filter((one) => one !== example);
    this.set({ like: [...like, example], unlike, shown: null });
  }

  addUnlike(id) {
    const example = exampleOfId(id);
    if (!this.question.like.length) return toast("First choose a picture to search for; then say what it is not like.");
    this.turnAway(example);
  }

  turnAway(example) {
    const like = this.question.like.filter((one) => one !== example);
    const crop = this.question.like[0] === example ? null : this.question.crop;
    this.set({ like, crop, unlike: [...this.question.unlike.filter((one) => one !== example), example], shown: null });
  }

  removeExample(example) {
    const crop = this.question.like[0] === example ? null : this.question.crop;
    const without = (list) => list.filter((one) => one !== example);
    this.set({ like: without(this.question.like), unlike: without(this.question.unlike), crop });
  }

  async take({ id, files = [], url, text }) {
    if (id) return this.addLike(exampleOfId(id));
    if (this.isEmpty) return void addBrought(this.name, { files, text, url });
    const pictures = files.filter(({ file }) => isPicture(file));
    if (files.length && !pictures.length) return toast("This is no picture. Take a JPEG, PNG, WebP or another picture format.", "bad");
    if (pictures.length > 5) return this.offerAdding(files);
    const examples = await Promise.all(pictures.map(({ file }) => exampleOfFile(file)));
    if (examples.length) return this.set({ like: [...examples, ...this.question.like], crop: null, shown: null });
    if (url || text) await this.takeText(url ?? text);
  }

  offerAdding(files) {
    openDialog(`${plural(files.length, "file")}`, (dialog) => [
      h("p", {}, "These are many to search with. Add them to the collection?"),
      h("div", { class: "actions" }, button("No", () => dialog.close()),
        button("Add them", () => { dialog.close(); addBrought(this.name, { files }); }, { kind: "primary" })),
    ], { kind: "narrow" });
  }

  async takeText(text) {
    const url = urlOf(text);
    const name = text.trim().replace(/^id:/, "");
    if (!name) return false;
    if (!url) {
      const isThere = await api.getRecord(this.name, name).then(() => true, () => false);
      if (!isThere) return toast(`${name.slice(0, 60)} is neither an address nor the name of a stored picture.`, "bad");
    }
    this.addLike(url ?? exampleOfId(name));
    return true;
  }

  async random() {
    try {
      const [record] = await api.sample(this.name);
      if (record) this.set({ like: [exampleOfId(record.id)], unlike: [], crop: null, shown: null });
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  async update(parameters) {
    const read = readQuestion(parameters);
    if ([...read.like, ...read.unlike].some((one) => kindOf(one).kind === "carried")) {
      this.question = await takeCarried(read);
      return go(["c", this.name], writeQuestion(this.question), STEPS);
    }
    const before = this.built;
    this.question = read;
    if (this.told === null || this.isEmpty) return;
    const { shown, ...asked } = read;
    const wanted = JSON.stringify(asked);
    if (wanted !== before) {
      this.built = wanted;
      this.showQuestion();
      await this.ask();
    }
    this.showDetails(shown);
  }

  showQuestion() {
    const { question } = this;
    const isSearch = question.like.length > 0;
    const act = {
      remove: (example) => this.removeExample(example),
      turn: (example) => (question.like.includes(example) ? this.turnAway(example) : this.addLike(example)),
      crop: (example) => this.crop(example),
    };
    fill(this.chips, (isSearch || question.unlike.length > 0) && [
      makeChips(this.name, question, act),
      h("div", { class: "chips-actions" },
        button("Copy link", () => this.copyLink(), { icon: "link", kind: "ghost small" }),
        button("New search", () => go(["c", this.name]), { icon: "close", kind: "ghost small" })),
    ]);
    this.refine.hidden = !isSearch;
    if (isSearch) this.showRefinements();
    this.facets.update(question);
  }

  showRefinements() {
    const { question } = this;
    if (!this.refine.contains(this.threshold.element)) {
      this.options = h("div", { class: "options" });
      fill(this.refine, this.threshold.element,
        isWide() ? this.options : h("details", {}, h("summary", {}, "Group and variety"), this.options));
    }
    this.threshold.set(question.threshold ?? 0);
    const product = this.told.product_id_field;
    const fields = new Set([product, ...this.told.fields, ...(this.fieldNames ?? []), question.groupBy].filter(Boolean));
    const groups = select([["", "No"], ...[...fields].map((name) => [name, `By ${name.replaceAll("_", " ")}`])],
      question.groupBy ?? "", (value) => this.set({ groupBy: value || null }));
    groups.dataset.name = "group";
    const variety = h("input", { type: "range", min: 0, max: 1, step: 0.05, value: question.diversity, "data-name": "variety" });
    variety.addEventListener("input", debounced(() => this.set({ diversity: Number(variety.value) }, STEPS), 250));
    fill(this.options, field("Group", groups), field("Variety", variety),
      checkbox("Hide near-duplicates", question.collapse, (collapse) => this.set({ collapse })),
      this.mayVerify() && checkbox("Check copies", question.verify, (verify) => this.set({ verify })));
    if (!this.fieldNames) this.nameFields();
  }

  /** Say whether relations have to be asked for: a collection for copies gives them by itself, and only to one picture. */
  mayVerify() {
    return this.told.type !== "matching" && this.question.like.length === 1 && !this.question.unlike.length;
  }

  /** Offer the fields whose values repeat as groups. */
  async nameFields() {
    this.fieldNames = [];
    const told = await api.facets(this.name, null).catch(() => ({ facets: [] }));
    this.fieldNames = told.facets.filter((one) => one.field !== "tags" && one.distinct > 1 && one.distinct < one.records).map((one) => one.field);
    if (this.question.like.length) this.showRefinements();
  }

  /** Ask the server what the question asks: matches, or without an example the pictures themselves. */
  async ask() {
    this.asked?.abort();
    this.asked = new AbortController();
    const { signal } = this.asked;
    const { question } = this;
    this.place.setAttribute("aria-busy", "true");
    try {
      if (question.like.length) await this.search(question, signal);
      else await this.browse(question, signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.grid.clear();
      fill(this.more);
      fill(this.note, h("div", { class: "empty" }, icon("alert"), h("p", { role: "alert" }, error.message),
        button("Try again", () => this.ask(), { icon: "again" })));
    }
    this.place.removeAttribute("aria-busy");
  }

  async search(question, signal) {
    const asked = ["like", "unlike", "crop", "filter"].map((part) => JSON.stringify(question[part])).join();
    const body = await bodyOf(this.name, question, { limit: PAGE });
    const [found] = await Promise.all([
      api.search(this.name, body, signal),
      asked === this.counted ? null : this.count(question, asked, signal),
    ]);
    const sizes = await this.sizes(found.matches, signal);
    this.grid.clear();
    this.grid.add(found.matches, sizes);
    this.tell(question, found);
    this.setNext(found.next && (async () => {
      const page = await api.search(this.name, await bodyOf(this.name, question, { limit: PAGE, cursor: found.next }), signal);
      found.next = page.next;
      this.grid.add(page.matches, await this.sizes(page.matches, signal));
      return page.next;
    }));
  }

  async count(question, asked, signal) {
    const { threshold, groupBy, diversity, collapse, verify, ...examples } = question;
    const counts = await api.histogram(this.name, await bodyOf(this.name, examples), signal);
    this.counted = asked;
    this.threshold.setCounts(counts);
  }

  /** Give the sizes of matches, so that their places are known before their pictures come. */
  async sizes(matches, signal) {
    const ids = matches.map((match) => match.id);
    if (!ids.length) return new Map();
    const { records } = await api.listRecords(this.name, { filter: { _id: { $in: ids } }, limit: PAGE }, signal);
    return new Map(records.map((record) => [record.id, record.size_px]));
  }

  tell(question, found) {
    const best = found.matches[0]?.score ?? 0;
    const top = this.threshold.best();
    if (!found.count) {
      const lower = Math.max(0, Math.floor(top * 10 - 1e-9) / 10);
      const title = question.threshold ? `No match at ${question.threshold.toFixed(2)} or more` : "Nothing left to compare with";
      const text = question.threshold
        ? `The nearest picture scores about ${top.toFixed(2)}${top < CONFIDENT ? ": it has little in common with yours." : "."}`
        : found.unknown ? `No picture has the ${found.unknown.join(", ")}.` : "The filters leave no picture. Take one away.";
      fill(this.note, h("div", { class: "empty" }, icon("search"), h("h2", {}, title), h("p", {}, text),
        question.threshold
          ? button(`Show from ${lower.toFixed(2)}`, () => this.set({ threshold: lower || null }))
          : button("Clear all filters", () => this.set({ filter: {} }))));
    } else if (best < CONFIDENT) {
      fill(this.note, h("div", { class: "hint-box" }, h("strong", {}, "No confident match."), " ",
        `The nearest picture scores ${best.toFixed(2)}: it has little in common with yours. What follows is only the nearest there is.`));
    } else {
      fill(this.note);
    }
    announce(found.count ? `${plural(found.count, "match", "matches")}${found.next ? " and more" : ""}, best score ${best.toFixed(2)}.` : "No match.");
  }

  async browse(question, signal) {
    const filter = conditionOf(question);
    const ask = (cursor) => api.listRecords(this.name, { limit: PAGE, filter, cursor }, signal);
    const found = await ask();
    this.grid.clear();
    this.grid.add(found.records);
    fill(this.note, question.unlike.length > 0
      ? h("p", { class: "hint-box" }, "Add a picture that the answers should be like.")
      : !found.records.length && h("div", { class: "empty" }, h("h2", {}, "No picture passes the filters"),
          button("Clear all filters", () => this.set({ filter: {} }))));
    this.setNext(found.next && (async () => {
      const page = await ask(found.next);
      found.next = page.next;
      this.grid.add(page.records);
      return page.next;
    }));
  }

  /** Offer the next page, by a button and by coming near the end. */
  setNext(load) {
    this.loadMore = load ? async () => {
      if (this.isLoading) return;
      this.isLoading = true;
      try {
        if (!(await load())) this.setNext(null);
      } catch (error) {
        if (error.name !== "AbortError") toast(error.message, "bad");
      }
      this.isLoading = false;
    } : null;
    fill(this.more, load && button("Show more", () => this.loadMore?.()));
  }

  watchEnd() {
    const watcher = new IntersectionObserver(([entry]) => entry.isIntersecting && window.scrollY > 0 && this.loadMore?.(), { rootMargin: "300px" });
    watcher.observe(this.more);
    this.endWatch = () => watcher.disconnect();
  }

  async crop(example) {
    try {
      const blob = await blobOf(this.name, example);
      if (!blob) return toast("This picture is not on this device. Add it again.", "bad");
      openCrop(blob, this.question.crop, (crop) => this.set({ crop }));
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  async copyLink() {
    const carried = await carry(this.question);
    const link = location.origin + location.pathname + address(["c", this.name], writeQuestion(carried));
    try {
      await navigator.clipboard.writeText(link);
      toast("The link is copied. It carries your picture in small.");
    } catch {
      openDialog("Link to this view", () => field("Copy it from here", h("input", { type: "text", readonly: true, value: link })), { kind: "narrow" });
    }
  }

  open(id) {
    this.hasOpened = true; // by a step forward, so that closing is a step back
    this.set({ shown: id });
  }

  showDetails(id) {
    if (this.dialog?.id === id) return;
    const { dialog } = this;
    this.dialog = null;
    dialog?.element.close();
    if (!id) {
      this.hasOpened = false;
      return;
    }
    const act = {
      like: (id) => this.addLike(exampleOfId(id)),
      unlike: (id) => this.addUnlike(id),
      compare: (id) => go(["compare"], this.comparison(id)),
      isSearch: this.question.like.length > 0,
      step: (by) => {
        const ids = this.grid.ids();
        const next = ids[ids.indexOf(id) + by];
        if (next) this.set({ shown: next }, STEPS);
      },
      changed: () => {
        this.counted = null;
        this.facets.update(this.question);
        this.ask();
      },
      done: () => {
        if (this.dialog?.id !== id) return;
        this.dialog = null;
        if (this.hasOpened) history.back();
        else this.set({ shown: null }, STEPS);
        this.grid.focus(id);
      },
    };
    this.dialog = { id };
    this.dialog.element = openDetails(this.name, id, act);
  }

  comparison(id) {
    const [first] = this.question.like;
    return [["collection", this.name], ["a", first ?? exampleOfId(id)], ...(first ? [["b", exampleOfId(id)]] : [])];
  }

  close() {
    this.asked?.abort();
    this.endPastes();
    this.endWatch?.();
    this.dialog = null;
  }
}
