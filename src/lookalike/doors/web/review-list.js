/** The list of the groups under review: only the rows that are seen exist, so ten thousand scroll like ten. */

import { thumbnailUrl } from "./api.js";
import { h, plural } from "./dom.js";
import { placedName } from "./words.js";

const ROW = 72; // pixels, as in review.css
const MORE = 6; // rows beyond the edges, so that none is missing while scrolling

/** Say whether nothing of a group is left to decide. A group that was put off is done while the open ones are shown. */
export function isDone({ members }, show) {
  if (members.every((one) => one.decision === "later")) return show === "open";
  const [first, ...rest] = members.filter((one) => one.decision !== "delete"); // of what stays, each against the first
  return rest.every((one) => one.decision === "not_a_duplicate" || (one.decision === "keep" && first.decision === "keep"));
}

/** Make the list. `act` has `open`, called with a place, `need`, called with the last place that is seen, and `isDone`. */
export function makeGroupList(collection, act) {
  const element = h("ul", { class: "group-list", "aria-label": "Groups", tabindex: "-1" });
  const rows = new Map(); // place -> element
  let [groups, total, chosen] = [[], 0, 0];
  element.addEventListener("scroll", () => draw(), { passive: true });
  new ResizeObserver(() => draw()).observe(element);

  function draw() {
    const first = Math.max(0, Math.floor(element.scrollTop / ROW) - MORE);
    const last = Math.min(total - 1, Math.ceil((element.scrollTop + element.clientHeight) / ROW) + MORE);
    for (const [place, row] of rows) {
      if (place >= first && place <= last && row.dataset.loaded === String(place < groups.length)) continue;
      row.remove();
      rows.delete(place);
    }
    for (let place = first; place <= last; place++) if (!rows.has(place)) add(place);
    if (last >= groups.length && total > groups.length) act.need(last);
  }

  function add(place) {
    const group = groups[place];
    const row = h("li", { class: "group-row", "aria-posinset": place + 1, "aria-setsize": total, data: { loaded: String(place < groups.length) } });
    row.style.top = `${place * ROW}px`;
    if (group) row.append(content(place, group));
    rows.set(place, row);
    const after = [...rows.keys()].filter((one) => one > place).sort((a, b) => a - b)[0];
    element.insertBefore(row, after === undefined ? null : rows.get(after));
  }

  function content(place, { members }) {
    const [best] = members;
    const isOver = act.isDone({ members });
    return h("button", { type: "button", class: `group-button ${isOver ? "is-done" : ""}`, "aria-current": place === chosen ? "true" : null,
      "aria-label": `${placedName(best.id)}, ${plural(members.length, "picture")}${isOver ? ", decided" : ""}`, on: { click: () => act.open(place) } },
    h("span", { class: "group-pictures" }, members.slice(0, 2).map((one) => h("img", { src: thumbnailUrl(collection, one.id), alt: "", loading: "lazy" }))),
    h("span", { class: "group-text" }, h("span", { class: "group-name" }, placedName(best.id)),
      h("span", { class: "muted" }, plural(members.length, "picture"), isOver && " · decided")));
  }

  const spacer = h("li", { class: "group-spacer", role: "presentation", "aria-hidden": "true" });

  return {
    element,
    set(found, count) {
      [groups, total] = [found, count];
      spacer.style.height = `${total * ROW}px`;
      if (!spacer.isConnected) element.append(spacer);
      draw();
    },
    /** Mark a row, and bring it into sight. */
    choose(place) {
      chosen = place;
      const [top, height] = [place * ROW, element.clientHeight];
      if (top < element.scrollTop || top + ROW > element.scrollTop + height) element.scrollTop = Math.max(0, top - height / 2 + ROW / 2);
      this.refresh();
    },
    refresh() {
      const hadFocus = element.contains(document.activeElement) && document.activeElement !== element;
      for (const row of rows.values()) row.remove();
      rows.clear();
      draw();
      if (hadFocus) rows.get(chosen)?.querySelector("button")?.focus({ preventScroll: true });
    },
  };
}
