/** What this page may do: all of it without keys, else what its key is for; and how large a picture the server takes. */

import { session } from "./api.js";
import { useChanges } from "./ui.js";
import { bytes } from "./words.js";

const known = new EventTarget(); // "change" when the server has told
let held = { scope: "admin", bound: [], mostBytes: Infinity };

/** Ask the server anew, as when somebody has signed in. */
export async function learnRights() {
  const { key, max_image_bytes: mostBytes } = await session().catch(() => ({}));
  if (mostBytes === undefined) return; // no answer, or a key is asked for: then this is called again
  held = { scope: key?.scope ?? "admin", bound: key?.collections ?? [], mostBytes };
  known.dispatchEvent(new Event("change"));
}

/** Whether this page may change anything. */
export const mayWrite = () => held.scope !== "read";

/** `mayWrite`: change its collections. `mayMake(names)`: make another one, beside those that there are. `isBound`: to collections. */
export function useRights() {
  useChanges(known);
  const { bound, mostBytes } = held;
  const mayMake = (names) => mayWrite() && (!bound.length || bound.some((name) => !names.includes(name)));
  return { mayWrite: mayWrite(), mayMake, isBound: bound.length > 0, bound, mostBytes };
}

/** Refuse a picture that the server would not take, before it travels. */
export function checkSize(blob) {
  if (blob.size <= held.mostBytes) return;
  const told = `${blob.name || "your picture"} has ${bytes(blob.size)}: this server takes pictures of up to ${bytes(held.mostBytes)}. Make it smaller.`;
  throw Object.assign(new Error(told), { status: 413, code: "image_too_large" });
}
