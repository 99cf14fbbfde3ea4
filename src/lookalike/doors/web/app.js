/** The start of the page: shows the view that the address names, and asks for a key when the server does. */

import { showAdding } from "./adding.js";
import { showCollections } from "./collections.js";
import { showCompare } from "./compare.js";
import { announce, fill, h } from "./dom.js";
import { showReview } from "./review.js";
import { here } from "./route.js";
import { showCollection } from "./search.js";
import { showSettings } from "./settings.js";
import { showSignIn } from "./signin.js";
import { showUploads } from "./uploads.js";

const VIEWS = {
  "": showCollections,
  c: showCollection,
  add: showAdding,
  review: showReview,
  compare: showCompare,
  settings: showSettings,
};
const BELOW = ["add", "review"]; // views below a collection
const LINKS = [["", "Collections"], ["compare", "Compare"], ["settings", "Settings"]];

const main = document.getElementById("main");
let current = null; // {kind, name, view}: a view may have `update` (its address changed) and `close`

function show() {
  const { path, parameters } = here();
  const [first = "", name = ""] = path;
  const kind = first === "c" && BELOW.includes(path[2]) ? path[2] : first;
  tellWhere(kind);
  if (current?.kind === kind && current.name === name && current.view?.update) {
    current.view.update(parameters);
    return;
  }
  const moved = current !== null;
  current?.view?.close?.();
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  const place = h("div", { class: `view view-${kind || "collections"}` });
  fill(main, place);
  const show = VIEWS[kind] ?? showNothing;
  current = { kind, name, view: show(place, { name, parameters }) };
  if (moved) {
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    announce(document.title);
  }
}

function tellWhere(kind) {
  const chosen = kind === "c" || BELOW.includes(kind) ? "" : kind;
  const links = LINKS.map(([target, text]) =>
    h("a", { href: `#/${target}`, "aria-current": target === chosen ? "page" : null }, text));
  const nav = document.getElementById("nav");
  if (nav.dataset.chosen === chosen) return;
  nav.dataset.chosen = chosen;
  fill(nav, links);
}

function showNothing(place) {
  document.title = "Nothing here · lookalike";
  fill(place, h("div", { class: "empty" }, h("h1", {}, "There is nothing at this address"),
    h("p", {}, h("a", { href: "#/" }, "See the collections"))));
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address belongs to the view
  main.focus();
});
document.addEventListener("keyneeded", () => showSignIn(() => {
  current?.view?.close?.();
  current = null;
  show();
}));
// A picture that misses every target must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
for (const kind of ["popstate", "hashchange", "routechange"]) window.addEventListener(kind, debounce(show));
showUploads(document.querySelector("header.top"));
show();

/** Join the events of one step: a link fires both popstate and hashchange. */
function debounce(act) {
  return () => {
    if (debounce.address === location.hash) return;
    debounce.address = location.hash;
    act();
  };
}
