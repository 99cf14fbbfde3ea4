/** What people bring: files and whole folders that are dropped, chosen or pasted; and addresses. */

import { useEffect, useRef } from "./ui.js";

/** Let the element of a reference take what is dropped on it. */
export function useDrops(place, take) {
  const newest = useNewest(take);
  useEffect(() => takeDrops(place.current, (brought) => newest.current(brought)), []);
}

/** Take what is pasted while a part is shown. */
export function usePastes(take) {
  const newest = useNewest(take);
  useEffect(() => takePastes((brought) => newest.current(brought)), []);
}

function useNewest(take) {
  const newest = useRef(take);
  newest.current = take;
  return newest;
}

/** Let an element take what is dropped on it; `take` gets {files, url}. */
function takeDrops(element, take) {
  let depth = 0; // of nested elements that the pointer is over
  const over = (change) => {
    depth = Math.max(0, depth + change);
    element.classList.toggle("is-over", depth > 0);
  };
  element.addEventListener("dragenter", () => over(1));
  element.addEventListener("dragleave", () => over(-1));
  element.addEventListener("dragover", (event) => event.preventDefault());
  element.addEventListener("drop", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    over(0);
    const id = event.dataTransfer.getData("text/x-lookalike-id");
    const url = urlOf(event.dataTransfer.getData("text/uri-list") || event.dataTransfer.getData("text/plain"));
    const files = await filesOf(event.dataTransfer);
    take({ id, files, url: files.length ? null : url });
  });
}

/** Give the files of a drop, folders opened: each as {path, file}. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosenFiles(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject)).catch(() => null);
    if (file) found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives a folder in pieces; an empty one is the end
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)).catch(() => []);
    if (!entries.length) return;
    for (const one of entries) await walk(one, found);
  }
}

/** Give the files of a file input or a clipboard: each as {path, file}. */
export const chosenFiles = (files) =>
  [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** Open the file chooser. */
export function choose(take, { folder = false, many = true } = {}) {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", multiple: many, webkitdirectory: folder });
  if (!folder && !many) input.accept = "image/*";
  input.addEventListener("change", () => take(chosenFiles(input.files)));
  input.click();
}

/** Give the web address that a text is; null for another text. */
export function urlOf(text) {
  const first = (text ?? "").trim().split(/\s/)[0];
  return /^https?:\/\/[^\s/]+/i.test(first) ? first : null;
}

/** Hear of what is pasted anywhere but into a field; gives a function that ends it. */
function takePastes(take) {
  const paste = (event) => {
    const files = chosenFiles(event.clipboardData.files);
    if (!files.length && event.target.closest?.("input, textarea, [contenteditable]")) return;
    const text = event.clipboardData.getData("text/plain");
    if (!files.length && !text) return;
    if (document.querySelector("dialog[open]")) return;
    event.preventDefault();
    take({ files, text, url: urlOf(text) });
  };
  document.addEventListener("paste", paste);
  return () => document.removeEventListener("paste", paste);
}
