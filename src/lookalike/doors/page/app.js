/** The start of the page: shows the view that the address names, and asks for a key when the server does. */

import { learnRights } from "./rights.js";
import { useAddress } from "./route.js";
import { announce, Empty, html, render, Trouble, useEffect, useLayoutEffect, useLoaded, useRef, useState } from "./ui.js";

// Each is loaded when it is first shown; index.html loads the view of a collection ahead.
const VIEWS = {
  "": () => import("./collections.js").then(({ Collections }) => Collections),
  c: () => import("./collection.js").then(({ Collection }) => Collection),
  add: () => import("./adding.js").then(({ Adding }) => Adding),
  groups: () => import("./groups.js").then(({ Groups }) => Groups),
  review: () => import("./review.js").then(({ Review }) => Review),
  marked: () => import("./review-end.js").then(({ Marked }) => Marked),
  compare: () => import("./compare.js").then(({ Compare }) => Compare),
  settings: () => import("./settings.js").then(({ Settings }) => Settings),
};
const BELOW = ["add", "groups", "marked", "review"]; // views below a collection
const LINKS = [["", "Collections"], ["compare", "Compare"], ["settings", "Settings"]];
const main = document.getElementById("main");

function App() {
  const { path, parameters } = useAddress();
  const [first = "", name = ""] = path;
  const below = path[2] === "review" && path[3] === "marked" ? "marked" : path[2];
  const kind = first === "c" && BELOW.includes(below) ? below : first;
  const [turn, setTurn] = useState(0); // rises with every sign-in: everything is asked for anew
  const key = `${kind} ${name} ${turn}`;
  const before = useRef(key);
  useEffect(() => {
    const ask = async () => {
      const { showSignIn } = await import("./signin.js");
      showSignIn(() => {
        learnRights();
        setTurn((turn) => turn + 1);
      });
    };
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
  return html`<div class="view view-${kind || "collections"}" key=${key}><${View} kind=${kind} name=${name} parameters=${parameters} /></div>`;
}

function View({ kind, ...told }) {
  const { value, error, again } = useLoaded(async () => ({ Shown: kind in VIEWS ? await VIEWS[kind]() : Nothing }), [kind]);
  if (error) return html`<${Trouble} error=${new Error("a part of this page could not be loaded. Is the server still running?")} again=${again} />`;
  return value ? html`<${value.Shown} ...${told} />` : html`<p class="muted" aria-busy="true">Loading ...</p>`;
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

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address belongs to the view
  main.focus();
});
// A picture that misses every target must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
learnRights();
import("./adding.js").then(({ UploadNote }) => render(html`<${UploadNote} />`, document.getElementById("upload-note")));
render(html`<${Navigation} />`, document.getElementById("nav"));
main.replaceChildren();
render(html`<${App} />`, main);
