/** The address of a view: all that a view shows stands behind the # and is read from there. */

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
