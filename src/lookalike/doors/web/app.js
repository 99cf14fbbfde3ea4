/** The start of the page: shows the view that the address names, and asks for a key when the server does. */

import { showAdding } from "./adding.js";
import { Collection } from "./collection.js";
import { showCollections } from "./collections.js";
import { showCompare } from "./compare.js";
import { Groups } from "./groups.js";
import { showReview } from "./review.js";
import { useAddress } from "./route.js";
import { showSettings } from "./settings.js";
import { showSignIn } from "./signin.js";
import { announce, Empty, html, render, useEffect, useLayoutEffect, useRef, useState } from "./ui.js";
import { showUploads } from "./uploads.js";

const VIEWS = {
  "": imperative(showCollections),
  c: Collection,
  add: imperative(showAdding),
  groups: Groups,
  review: imperative(showReview),
  compare: imperative(showCompare),
  settings: imperative(showSettings),
};
const BELOW = ["add", "groups", "review"]; // views below a collection
const LINKS = [["", "Collections"], ["compare", "Compare"], ["settings", "Settings"]];
const main = document.getElementById("main");

function App() {
  const { path, parameters } = useAddress();
  const [first = "", name = ""] = path;
  const kind = first === "c" && BELOW.includes(path[2]) ? path[2] : first;
  const [turn, setTurn] = useState(0); // rises with every sign-in: everything is asked for anew
  const View = VIEWS[kind] ?? Nothing;
  const key = `${kind} ${name} ${turn}`;
  const before = useRef(key);
  useEffect(() => {
    const ask = () => showSignIn(() => setTurn((turn) => turn + 1));
    document.addEventListener("keyneeded", ask);
    return () => document.removeEventListener("keyneeded", ask);
  }, []);
  useLayoutEffect(() => {
    if (before.current === key) return;
    before.current = key;
    document.querySelectorAll("body > div > dialog").forEach((dialog) => dialog.close());
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
    announce(document.title);
  }, [key]);
  return html`<div class="view view-${kind || "collections"}" key=${key}><${View} name=${name} parameters=${parameters} /></div>`;
}

function Navigation() {
  const { path } = useAddress();
  const [first = ""] = path;
  const chosen = first === "c" ? "" : first;
  return LINKS.map(([target, text]) =>
    html`<a key=${target} href="#/${target}" aria-current=${target === chosen ? "page" : undefined}>${text}</a>`);
}

function Nothing() {
  document.title = "Nothing here · lookalike";
  return html`<${Empty} title="There is nothing at this address" level=${1}><p><a href="#/">See the collections</a></p></${Empty}>`;
}

/** Show a view that builds its elements by itself. */
function imperative(show) {
  return ({ name, parameters }) => {
    const place = useRef(null);
    const view = useRef(null);
    useLayoutEffect(() => {
      view.current = show(place.current, { name, parameters });
      return () => view.current?.close?.();
    }, []);
    const told = parameters.toString();
    const isFirst = useRef(true);
    useLayoutEffect(() => {
      if (!isFirst.current) view.current?.update?.(parameters);
      isFirst.current = false;
    }, [told]);
    return html`<div ref=${place}></div>`;
  };
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address belongs to the view
  main.focus();
});
// A picture that misses every target must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
showUploads(document.querySelector("header.top"));
render(html`<${Navigation} />`, document.getElementById("nav"));
main.replaceChildren();
render(html`<${App} />`, main);
