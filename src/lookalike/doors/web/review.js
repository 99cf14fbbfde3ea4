/** The review: duplicate groups one after the other, two pictures side by side, and a key for each decision. */

import * as api from "./api.js";
import { announce, button, bytes, fill, h, icon, number, openDialog, plural, share, toast } from "./dom.js";
import { shortName } from "./words.js";
import { relationName } from "./relations.js";
import { isDone, makeGroupList } from "./review-list.js";
import { makeStage } from "./review-stage.js";
import { factsTable } from "./review-table.js";
import { collectionAddress, go } from "./route.js";

const PAGE = 200; // groups asked for at once
const STEPS = { replace: true }; // going from group to group leaves no trace in the history
const POLL_MS = 500;
const SHOWN_BEST = 50; // groups of the preview
const DECIDED = { keep: "keep", delete: "delete", not_a_duplicate: "different", later: "later" };

export function showReview(place, { name, parameters }) {
  return new ReviewView(place, name, parameters);
}

class ReviewView {
  constructor(place, name, parameters) {
    Object.assign(this, { place, name, groups: [], total: 0, other: 0, next: null, loading: null, wanted: 0, isClosed: false });
    document.title = `Review · ${name} · lookalike`;
    this.list = makeGroupList(name, { open: (place) => this.openGroup(place), need: (last) => this.load(last), isDone: (group) => this.isDone(group) });
    this.stage = makeStage((change) => this.set(change));
    this.strip = h("div", { class: "review-strip", role: "group", "aria-label": "Pictures of this group" });
    this.facts = h("div", { class: "review-facts" });
    this.place.setAttribute("aria-busy", "true");
    this.onKey = (event) => this.press(event);
    document.addEventListener("keydown", this.onKey);
    this.read(parameters);
    this.start();
  }

  read(parameters) {
    this.asked = {
      show: parameters.get("show") === "later" ? "later" : "open",
      threshold: parameters.get("threshold"),
      group: parameters.get("group"),
      member: parameters.get("member"),
      mode: parameters.get("view") ?? "side",
    };
  }

  /** Change the address; the view follows. */
  set(change, how = STEPS) {
    const { show, threshold, group, member, mode } = { ...this.asked, ...change };
    const told = { show: show === "later" && show, threshold, group, member, view: mode !== "side" && mode };
    go(["c", this.name, "review"], Object.entries(told).filter(([, value]) => value), how);
  }

  update(parameters) {
    const before = this.asked;
    this.read(parameters);
    if (before.show !== this.asked.show || before.threshold !== this.asked.threshold) return this.start();
    if (this.groups.length) this.showGroup();
  }

  async start() {
    this.place.setAttribute("aria-busy", "true");
    if (!this.place.firstChild) this.wait();
    try {
      Object.assign(this, { groups: [], next: null, wanted: 0 });
      const page = await api.review(this.name, { show: this.asked.show, threshold: this.asked.threshold, limit: PAGE });
      if (this.isClosed) return;
      this.take(page);
      const wanted = this.asked.group;
      while (wanted && this.next && !this.groups.some((group) => group.members[0].id === wanted)) await this.load(this.groups.length);
      this.build();
    } catch (error) {
      fill(this.place, this.head(), h("div", { class: "empty" }, icon("alert"), h("p", { role: "alert" }, error.message),
        button("Try again", () => this.start(), { icon: "again" })));
    }
    this.place.removeAttribute("aria-busy");
  }

  /** Show how far the finding of the groups has come, until something else is shown. */
  async wait() {
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Pictures that were compared" });
    const told = h("p", { class: "muted" }, "Comparing all pictures ...");
    const waiting = h("div", { class: "review-waiting" }, told, bar);
    fill(this.place, this.head(), waiting);
    while (true) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (this.isClosed || !waiting.isConnected) return;
      const { done, total } = await api.reviewProgress(this.name).catch(() => ({}));
      if (done == null || !total) continue;
      Object.assign(bar, { max: total, value: done });
      told.textContent = `Comparing all pictures: ${number(done)} of ${number(total)}. What was looked at once is remembered.`;
    }
  }

  take(page) {
    this.groups.push(...page.groups);
    this.next = page.next;
    const isOpen = this.asked.show === "open";
    this.total = Math.max(this.groups.length, isOpen ? page.open : page.later);
    this.other = isOpen ? page.later : page.open;
  }

  /** Load further groups until there are more than so many. */
  load(wanted) {
    this.wanted = Math.max(this.wanted, wanted);
    return (this.loading ??= this.loadPages().finally(() => (this.loading = null)));
  }

  async loadPages() {
    while (this.next && this.groups.length <= this.wanted && !this.isClosed) {
      try {
        this.take(await api.review(this.name, { show: this.asked.show, threshold: this.asked.threshold, limit: PAGE, cursor: this.next }));
      } catch (error) {
        return toast(error.message, "bad");
      }
      this.list.set(this.groups, this.total);
    }
  }

  head() {
    return h("div", { class: "head" },
      h("div", {}, h("p", { class: "crumbs" }, h("a", { href: collectionAddress(this.name) }, icon("left"), this.name)),
        h("h1", {}, this.asked.show === "later" ? "Put off" : "Review duplicates"), this.counts = h("p", { class: "muted" })),
      h("div", { class: "actions" },
        keyed("Undo", "U", () => this.undo(), { icon: "again", kind: "small" }),
        button("Keep the best of each", () => this.offerBest(), { icon: "check", kind: "small" })));
  }

  build() {
    const turn = this.other > 0 && button(this.asked.show === "open" ? `Put off: ${number(this.other)}` : `Open: ${number(this.other)}`,
      () => this.set({ show: this.asked.show === "open" ? "later" : "open", group: null, member: null }, {}), { kind: "small" });
    if (!this.groups.length) {
      const done = this.asked.show === "open";
      fill(this.place, this.head(), h("div", { class: "empty" }, icon("check"),
        h("h2", {}, done ? "Nothing is left to decide" : "Nothing is put off"),
        h("p", {}, done ? "No two pictures of this collection are taken for duplicates, or all are decided on." : ""), turn,
        h("a", { class: "button", href: collectionAddress(this.name) }, "See the pictures")));
      this.tell();
      return;
    }
    fill(this.place, this.head(),
      h("div", { class: "review" },
        h("section", { class: "review-side", "aria-label": "Groups" }, this.list.element, turn),
        h("section", { class: "review-main", "aria-label": "This group" },
          h("div", { class: "review-bar" }, this.steps(), this.stage.controls),
          this.stage.element, this.strip, this.decisionBar(), this.facts)));
    this.list.set(this.groups, this.total);
    this.showGroup();
  }

  steps() {
    this.where = h("span", { class: "review-where", role: "status" });
    return h("div", { class: "actions" },
      button("", () => this.step(-1), { icon: "left", label: "The group before (↑)", kind: "small" }), this.where,
      button("", () => this.step(1), { icon: "right", label: "The next group (↓)", kind: "small" }));
  }

  decisionBar() {
    return h("div", { class: "review-decide", role: "group", "aria-label": "Decide" },
      keyed("Keep", "K", () => this.decide("keep"), { icon: "check", kind: "primary" }),
      keyed("Delete", "D", () => this.decide("delete"), { icon: "trash", kind: "warn" }),
      keyed("No duplicate", "N", () => this.decide("not_a_duplicate"), { icon: "close" }),
      keyed("Later", "L", () => this.later(), { icon: "pause" }),
      keyed("Best only", "B", () => this.bestOnly(), { icon: "check" }),
      keyed("Keep all", "A", () => this.keepAll(), { icon: "add" }));
  }

  tell() {
    const open = this.groups.filter((group) => !this.isDone(group)).length + Math.max(0, this.total - this.groups.length);
    this.counts.textContent = `${plural(open, "group")} ${this.asked.show === "later" ? "put off" : "to decide"}`;
  }

  isDone(group) {
    return isDone(group, this.asked.show);
  }

  get at() {
    const found = this.groups.findIndex((group) => group.members[0].id === this.asked.group);
    if (found >= 0) return found;
    return Math.max(0, this.groups.findIndex((group) => !this.isDone(group)));
  }

  get group() {
    return this.groups[this.at];
  }

  /** The picture that decisions are about: the one in the address, else the first that nobody decided on. */
  get member() {
    const { members } = this.group;
    return members.find((one) => one.id === this.asked.member) ?? members.slice(1).find((one) => !one.decision) ?? members[1] ?? members[0];
  }

  /** The picture beside it: the representative, or for that the first other one. */
  get partner() {
    const { members } = this.group;
    return this.member === members[0] ? (members[1] ?? members[0]) : members[0];
  }

  showGroup() {
    const { group, member, partner } = this;
    const best = group.members[0];
    this.list.choose(this.at);
    this.where.textContent = `${number(this.at + 1)} of ${number(this.total)}`;
    this.tell();
    const [left, right] = member === best ? [member, partner] : [partner, member];
    this.stage.show(this.name, left, right, { mode: this.asked.mode, chosen: member });
    fill(this.strip, group.members.map((one) => this.tile(one, one === best)));
    const tile = this.strip.querySelector("[aria-pressed=true]");
    this.strip.scrollLeft = tile.offsetLeft - (this.strip.clientWidth - tile.offsetWidth) / 2;
    fill(this.facts, factsTable(left, right, this.stage.sharpness()));
    this.stage.ready.then(() => this.group === group && this.member === member && fill(this.facts, factsTable(left, right, this.stage.sharpness())));
  }

  tile(one, isBest) {
    const state = one.decision && h("span", { class: `badge is-${one.decision}` }, DECIDED[one.decision]);
    const label = `${shortName(one.id)}${isBest ? ", the best" : `, score ${share(one.score)}`}${one.decision ? `, ${DECIDED[one.decision]}` : ""}`;
    return h("button", { type: "button", class: `review-tile is-${one.decision ?? "open"}`, "aria-pressed": String(one === this.member), "aria-label": label,
      on: { click: () => this.set({ group: this.group.members[0].id, member: one.id }) } },
    h("img", { src: api.thumbnailUrl(this.name, one.id), alt: "" }),
    h("span", { class: "review-tile-text" }, isBest ? "best" : (one.relation ? relationName(one.relation) : share(one.score))), state);
  }

  openGroup(place) {
    const group = this.groups[place];
    if (group) this.set({ group: group.members[0].id, member: null });
  }

  async step(by) {
    const wanted = this.at + by;
    if (wanted >= this.groups.length) await this.load(wanted);
    this.openGroup(Math.min(Math.max(0, wanted), this.groups.length - 1));
  }

  stepMember(by) {
    const { members } = this.group;
    const next = members[(members.indexOf(this.member) + by + members.length) % members.length];
    this.set({ group: members[0].id, member: next.id });
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.groups.length) return;
    if (event.target.closest("input, select, textarea, dialog") || document.querySelector("dialog[open]")) return;
    const acts = {
      k: () => this.decide("keep"), d: () => this.decide("delete"), n: () => this.decide("not_a_duplicate"),
      l: () => this.later(), b: () => this.bestOnly(), a: () => this.keepAll(), u: () => this.undo(),
      ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1),
      ArrowRight: () => this.stepMember(1), ArrowLeft: () => this.stepMember(-1),
    };
    const act = acts[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? this.stage.keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  async decide(decision) {
    const { group, member } = this;
    const [best] = group.members;
    if (decision === "not_a_duplicate") {
      const others = member === best ? group.members.slice(1) : [member];
      return this.save(others.map((one) => [decision, [best.id, one.id], []]), () => others.forEach((one) => (one.decision = decision)),
        member === best ? "None of them is a duplicate" : `${shortName(member.id)}: no duplicate`);
    }
    const beside = group.members.filter((one) => one !== member && !(decision === "delete" && one.decision === "delete"));
    if (decision === "delete" && !beside.length) return toast("One picture of a group has to stay. Keep another one first.", "bad");
    await this.save([[decision, [member.id], beside.map(idOf)]], () => (member.decision = decision), `${shortName(member.id)}: ${DECIDED[decision]}`);
  }

  later() {
    const { members } = this.group;
    return this.save([["later", members.map(idOf), []]], () => members.forEach((one) => (one.decision = "later")), "Put off", { isOver: true });
  }

  keepAll() {
    const { members } = this.group;
    return this.save([["keep", members.map(idOf), []]], () => members.forEach((one) => (one.decision = "keep")), "All are kept");
  }

  /** Keep the picture on the left, and what was kept before; delete the others. */
  bestOnly() {
    const { members } = this.group;
    const kept = members.filter((one, place) => place === 0 || one.decision === "keep");
    const deleted = members.filter((one) => !kept.includes(one));
    if (!deleted.length) return this.keepAll();
    return this.save([["keep", kept.map(idOf), deleted.map(idOf)], ["delete", deleted.map(idOf), kept.map(idOf)]], () => {
      kept.forEach((one) => (one.decision = "keep"));
      deleted.forEach((one) => (one.decision = "delete"));
    }, `${shortName(kept[0].id)} is kept, ${plural(deleted.length, "other")} to go`);
  }

  /** Send decisions as one batch, show them, and go on: to the next picture, or to the next group. */
  async save(choices, show, told, { isOver = false } = {}) {
    if (this.isSaving) return; // a key that is held down decides once
    this.isSaving = true;
    const { group } = this;
    try {
      const batch = crypto.getRandomValues(new Uint32Array(2)).join("-");
      for (const [decision, ids, beside] of choices) await api.decide(this.name, { decision, ids, beside, batch });
      show();
      announce(`${told}.`);
      this.list.refresh();
      if (isOver || this.isDone(group)) this.goOn(group);
      else this.set({ group: group.members[0].id, member: (group.members.slice(1).find((one) => !one.decision) ?? group.members[0]).id });
      this.showGroup();
    } catch (error) {
      toast(error.message, "bad");
    }
    this.isSaving = false;
  }

  goOn(group) {
    const from = this.groups.indexOf(group);
    const next = this.groups.findIndex((one, place) => place > from && !this.isDone(one));
    const left = next >= 0 ? next : this.groups.findIndex((one) => !this.isDone(one));
    if (left >= 0) this.openGroup(left);
    else if (this.next) this.load(this.groups.length).then(() => this.goOn(group));
    else this.start();
  }

  async undo() {
    try {
      const { decisions } = await api.decisions(this.name, { limit: 1 });
      if (!decisions.length) return toast("There is nothing to take back.");
      const { undone } = await api.undoDecision(this.name, decisions[0].batch);
      const ids = new Set(undone.flatMap((one) => one.ids));
      const place = this.groups.findIndex((group) => group.members.some((one) => ids.has(one.id)));
      toast(`Taken back: ${plural(undone.length, "decision")}.`);
      if (place < 0) return this.start();
      for (const { members } of this.groups) for (const one of members) if (ids.has(one.id)) one.decision = null;
      this.list.refresh();
      const undoneIn = this.groups[place].members;
      this.set({ group: undoneIn[0].id, member: undoneIn.find((one, at) => at > 0 && ids.has(one.id))?.id ?? null });
      this.showGroup();
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  async offerBest(allKinds = false) {
    let told;
    try {
      told = await api.bestOfGroups(this.name, { threshold: this.asked.threshold, limit: SHOWN_BEST, all_kinds: allKinds || null });
    } catch (error) {
      return toast(error.message, "bad");
    }
    if (!told.count) return toast("There is no open group.");
    openDialog("Keep the best of each group", (dialog) => [
      h("p", {}, `${plural(told.count, "group")}: the best picture of each is kept, ${plural(told.deleted, "other picture")} marked to go (${bytes(told.freed_bytes)}). `,
        told.left > 0 && `${plural(told.left, "picture is", "pictures are")} not marked: cropped, edited, turned or mirrored, or nobody could look. `,
        "What you kept stays. No file is touched by this; it can be taken back at once."),
      (told.left > 0 || allKinds) && h("label", {}, h("input", { type: "checkbox", checked: allKinds, on: { change: (event) => { dialog.close(); this.offerBest(event.target.checked); } } }), " Mark these, too"),
      h("ul", { class: "best-list", tabindex: "0", "aria-label": "Groups" }, told.groups.map((group) => h("li", {}, [
        ...group.keep.map((id) => this.small(id, "keep")), ...group.delete.map((id) => this.small(id, "delete")), ...group.left.map((id) => this.small(id, "left"))]))),
      told.count > told.groups.length && h("p", { class: "muted" }, `and ${plural(told.count - told.groups.length, "more group", "more groups")}`),
      h("div", { class: "actions" }, button("Cancel", () => dialog.close()),
        told.deleted > 0 && button(`Decide ${plural(told.count, "group")}`, () => { dialog.close(); this.keepBest(allKinds); }, { kind: "primary" })),
    ], { kind: "wide" });
  }

  small(id, decision) {
    return h("figure", { class: `best is-${decision}` }, h("img", { src: api.thumbnailUrl(this.name, id), alt: "", loading: "lazy" }),
      h("figcaption", {}, h("strong", {}, DECIDED[decision] ?? "not marked"), " ", shortName(id)));
  }

  async keepBest(allKinds) {
    try {
      const told = await api.keepBest(this.name, { threshold: this.asked.threshold && Number(this.asked.threshold), all_kinds: allKinds });
      toast(`${plural(told.deleted, "picture")} marked. Undo takes it back.`);
      this.set({ group: null, member: null });
      await this.start();
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  close() {
    this.isClosed = true;
    document.removeEventListener("keydown", this.onKey);
    this.stage.close();
  }
}

const idOf = (one) => one.id;

/** Make a button that shows its key. */
function keyed(text, key, act, options = {}) {
  const made = button(text, act, { "aria-keyshortcuts": key, ...options });
  made.append(h("kbd", { "aria-hidden": "true" }, key));
  return made;
}
