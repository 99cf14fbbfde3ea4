/** Folders of the server's machine: those that it was given are indexed where they are, without an upload. */

import * as api from "./api.js";
import { followNew } from "./lists.js";
import { go } from "./route.js";
import { Button, Check, html, Icon, toast, Trouble, useLoaded, useRef, useState } from "./ui.js";
import { number, plural } from "./words.js";

/** Nothing for a key that may not see them. */
export function Folders({ name }) {
  const [path, setPath] = useState("");
  const [prune, setPrune] = useState(false);
  const hasShown = useRef(false); // then it stays open on the way down, where a folder has none within
  const { value, error, again } = useLoaded((signal) => api.folders(path, signal), [path]);
  const index = async (folder) => {
    try {
      followNew(name, folder.path, await api.indexFolder(name, folder.path, prune));
      go(["c", name, "add"]); // where it is told
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  hasShown.current ||= value?.folders.length > 0;
  if (error?.status === 403) return null;
  return html`<details class="panel" open=${hasShown.current}><summary>Folders of this machine</summary>
    ${error ? html`<${Trouble} error=${error} again=${again} />` : value && (value.folders.length || path
      ? html`<${Trail} path=${path} open=${setPath} />
        <ul class="folders">${value.folders.map((folder) => html`<${Folder} key=${folder.path} folder=${folder} open=${setPath} index=${index} />`)}</ul>
        ${value.left_out > 0 && html`<p class="muted">and ${plural(value.left_out, "more folder")}</p>`}
        <${Check} checked=${prune} onChange=${setPrune}>Remove pictures whose files are gone</${Check}>`
      : html`<p class="muted">The server shows none. Start it with the folders that it may index: lookalike serve --library FOLDER</p>`)}
  </details>`;
}

/** Where one is, each part a way back. */
function Trail({ path, open }) {
  const parts = path.split("/").filter(Boolean);
  if (!parts.length) return null;
  const steps = [["All folders", ""], ...parts.map((part, at) => [part, parts.slice(0, at + 1).join("/")])];
  return html`<nav class="trail" aria-label="Folder">${steps.map(([text, target], at) => (at < steps.length - 1
    ? html`<${Button} key=${target} kind="ghost small" onClick=${() => open(target)}>${text}</${Button}><${Icon} name="right" />`
    : html`<strong key=${target}>${text}</strong>`))}</nav>`;
}

function Folder({ folder, open, index }) {
  const { path, name, pictures, is_all: isAll, has_folders: hasFolders } = folder;
  const count = isAll ? plural(pictures, "picture") : `${number(pictures)} pictures or more`;
  return html`<li class="folder"><${Icon} name="folder" />
    ${hasFolders ? html`<button type="button" class="folder-name" onClick=${() => open(path)}>${name}</button>` : html`<span class="folder-name">${name}</span>`}
    <span class="muted">${count}</span>
    <${Button} kind="small" label="Index ${name}" disabled=${isAll && !pictures} onClick=${() => index(folder)}>Index</${Button}></li>`;
}
