/** Pictures that a search starts from: kept on this device under a short name that fits into an address. */

const STORE = "pictures";
const MOST = 60; // kept at once; the oldest go first
const LINK_SIDE = 320; // of a picture that travels within a link: about as much as the encoder looks at
const EXTENSIONS = /\.(jpe?g|jfif|png|webp|avif|gif|bmp|tiff?|tga|ico|p[bgp]m|heic|heif)$/i;

const held = new Map(); // name -> {blob, url}

/** Say whether a file may be a picture; the server decides by its bytes. */
export const isPicture = (file) => file.type.startsWith("image/") || EXTENSIONS.test(file.name ?? "");

/** Keep a picture and give the name that stands for it. */
export async function keepPicture(blob) {
  const name = [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => byte.toString(36).padStart(2, "0")).join("");
  hold(name, blob);
  await inStore("readwrite", (store) => store.put({ blob, at: Date.now() }, name)).catch(() => null);
  forgetOldest().catch(() => null);
  return name;
}

/** Give a kept picture as {blob, url}; null when this device does not have it. */
export async function pictureOf(name) {
  if (held.has(name)) return held.get(name);
  const kept = await inStore("readonly", (store) => store.get(name)).catch(() => null);
  return kept ? hold(name, kept.blob) : null;
}

function hold(name, blob) {
  held.set(name, { blob, url: URL.createObjectURL(blob) });
  return held.get(name);
}

function openStore() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("lookalike", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function inStore(mode, act) {
  const opened = await openStore();
  return new Promise((resolve, reject) => {
    const asked = act(opened.transaction(STORE, mode).objectStore(STORE));
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  }).finally(() => opened.close());
}

async function forgetOldest() {
  const names = await inStore("readonly", (store) => store.getAllKeys());
  if (names.length <= MOST) return;
  const all = await Promise.all(names.map((name) => inStore("readonly", (store) => store.get(name))));
  const oldest = names.map((name, place) => [all[place].at, name]).sort().slice(0, names.length - MOST);
  for (const [, name] of oldest) await inStore("readwrite", (store) => store.delete(name));
}

/** Give the size of a picture in pixels, upright; null when this browser cannot show it. */
export async function sizeOf(blob) {
  try {
    const bitmap = await createImageBitmap(blob);
    const size = { width: bitmap.width, height: bitmap.height };
    bitmap.close();
    return size;
  } catch {
    return null;
  }
}

/** Make a picture small enough to travel within a link, as text. */
export async function textOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(1, LINK_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.8).split(",")[1].replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Give back the picture of such a text. */
export function blobOfText(text) {
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return new Blob([Uint8Array.from(raw, (character) => character.charCodeAt(0))], { type: "image/jpeg" });
}

export function base64Of(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
