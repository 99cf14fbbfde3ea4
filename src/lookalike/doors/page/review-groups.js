/** The groups under review: loaded page after page, and what is decided on them. */

import * as api from "./api.js";

const PAGE = 200; // groups asked for at once
const FAR_PAGE = 1000; // where the end of a long list is wanted

/** Say whether nothing of a group is left to decide. A group that was put off is done while the open ones are shown. */
export function isDone({ members }, show) {
  if (members.every((one) => one.decision === "later")) return show === "open";
  return isSettled(members);
}

function isSettled(members) {
  const [first, ...rest] = members.filter((one) => one.decision !== "delete"); // of what stays, each against the first
  return rest.every((one) => one.decision === "not_a_duplicate" || (one.decision === "keep" && first.decision === "keep"));
}

/** Fires "change" whenever anything of them moves. `asked` has show, threshold, sort, relation and folder. */
export class Groups extends EventTarget {
  constructor(name, asked) {
    super();
    Object.assign(this, { name, asked, groups: [], total: 0, next: null, told: null, error: null, settled: new Set(), isSaving: false });
    this.wanted = 0;
    this.loading = null;
  }

  /** Load the first page, and those behind it up to the group that begins with `id`. */
  async start(id) {
    try {
      this.take(await api.review(this.name, { ...this.asked, limit: PAGE }), true);
      while (id && this.next && !this.groups.some((group) => group.members[0].id === id)) await this.load(this.groups.length);
    } catch (error) {
      this.error = error;
    }
    this.tell();
  }

  take(page, isFirst = false) {
    const met = new Set(isFirst ? [] : this.groups);
    this.groups = [...(isFirst ? [] : this.groups), ...page.groups];
    for (const group of page.groups) if (!met.has(group)) this.count(group);
    this.next = page.next;
    if (isFirst) this.told = page;
    this.total = Math.max(this.groups.length, page.matching);
  }

  /** Load further groups until there are more than so many. */
  load(wanted) {
    this.wanted = Math.max(this.wanted, wanted);
    return (this.loading ??= this.loadPages().finally(() => (this.loading = null)));
  }

  async loadPages() {
    while (this.next && this.groups.length <= this.wanted) {
      const limit = this.wanted - this.groups.length > PAGE ? FAR_PAGE : PAGE;
      this.take(await api.review(this.name, { ...this.asked, limit, cursor: this.next }));
      this.tell();
    }
  }

  isDone(group) {
    return isDone(group, this.asked.show);
  }

  /** Groups that are decided on, and all there are, whatever is shown of them. */
  get counts() {
    const { decided, open, later } = this.told;
    return { decided: decided + this.settled.size, all: decided + open + later };
  }

  /** Bytes that the groups which are shown free, as far as they are not decided on. */
  get gain() {
    return [...this.settled].reduce((sum, group) => sum - group.gain_bytes, this.told.gain_bytes);
  }

  /** The place of the group that begins with a picture; else of the first that is not done. */
  placeOf(id) {
    const found = this.groups.findIndex((group) => group.members[0].id === id);
    return found >= 0 ? found : Math.max(0, this.groups.findIndex((group) => !this.isDone(group)));
  }

  /** The place of the next group that is not done, behind a group and then from the first; -1 where there is none. */
  nextOpen(group) {
    const from = this.groups.indexOf(group);
    const next = this.groups.findIndex((one, place) => place > from && !this.isDone(one));
    return next >= 0 ? next : this.groups.findIndex((one) => !this.isDone(one));
  }

  /** Send decisions on a group as one batch, [[decision, ids, beside]]; `show` changes its members. */
  async decide(group, choices, show) {
    if (this.isSaving) return false; // a key that is held down decides once
    this.isSaving = true;
    try {
      const batch = crypto.getRandomValues(new Uint32Array(2)).join("-");
      for (const [decision, ids, beside] of choices) await api.decide(this.name, { decision, ids, beside, batch });
      show();
      this.count(group);
    } finally {
      this.isSaving = false;
    }
    this.tell();
    return true;
  }

  /** Forget what was decided on some pictures; the place of their group, -1 where it is not here. */
  reopen(ids) {
    const place = this.groups.findIndex((group) => group.members.some((one) => ids.has(one.id)));
    for (const group of this.groups) {
      const touched = group.members.filter((one) => ids.has(one.id));
      for (const one of touched) one.decision = null;
      if (touched.length) this.count(group);
    }
    this.tell();
    return place;
  }

  count(group) {
    if (group.members.length > 1 && !group.members.every((one) => one.decision === "later") && isSettled(group.members)) this.settled.add(group);
    else this.settled.delete(group);
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }
}
