/** The address of a view: all that a view shows stands behind the # and is read from there. */

import { useEffect, useMemo, useState } from "./ui.js";

const MOVES = ["popstate", "hashchange", "routechange"];

/** Read where the page is: `path` as a list of names, and `parameters`. */
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decode), parameters: new URLSearchParams(query) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Follow where the page is. */
export function useAddress() {
  const [address, set] = useState(location.hash);
  useEffect(() => {
    const hear = () => set(location.hash);
    MOVES.forEach((kind) => window.addEventListener(kind, hear));
    hear();
    return () => MOVES.forEach((kind) => window.removeEventListener(kind, hear));
  }, []);
  return useMemo(here, [address]);
}

export function address(path, parameters) {
  const query = new URLSearchParams(parameters).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${query && `?${query}`}`;
}

/** Go to a view. With `replace` the step leaves no trace in the history, as for each move of a slider. */
export function go(path, parameters = {}, { replace = false } = {}) {
  const target = address(path, parameters);
  if (target === location.hash) return;
  history[replace ? "replaceState" : "pushState"](null, "", target);
  window.dispatchEvent(new Event("routechange"));
}

export const collectionAddress = (name, parameters = {}) => address(["c", name], parameters);
