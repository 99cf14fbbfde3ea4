/** The box of a search: an address or a name, a picture that is chosen, taken by the camera, or drawn at random. */

import * as api from "./api.js";
import { openCamera } from "./camera.js";
import { choose } from "./drops.js";
import { Button, html, Icon, toast, useEffect, useRef, useState, useWide } from "./ui.js";

/** `take` gets what was brought: {files}, {text} or {id}. It answers false when a text names nothing. */
export function SearchBox({ collection, take }) {
  const [text, setText] = useState("");
  const isWide = useWide();
  const box = useRef(null);
  useEffect(() => {
    const onKey = (event) => {
      if (event.key !== "/" || event.target.closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      box.current.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    if (text.trim() && (await take({ text })) !== false) setText("");
  };
  const random = async () => {
    try {
      const [record] = await api.sample(collection);
      if (record) take({ id: record.id, isAlone: true });
    } catch (error) {
      toast(error.message, "bad");
    }
  };
  return html`<form class="search" role="search" aria-label="Search" onSubmit=${submit}>
    <${Icon} name="search" />
    <input type="text" class="search-text" ref=${box} value=${text} autocomplete="off" spellcheck=${false} onInput=${(event) => setText(event.currentTarget.value)}
      aria-label="Address of a picture, or the name of a stored one"
      placeholder=${isWide ? "Drop or paste a picture, or its address" : "Picture or address"} />
    <${Button} icon="picture" label="Choose a picture" kind="ghost" onClick=${() => choose((files) => take({ files }))} />
    <${Button} icon="camera" label="Take a picture with the camera" kind="ghost"
      onClick=${() => openCamera((file) => take({ files: [{ path: file.name, file }] }))} />
    <${Button} icon="dice" label="Search with a random picture" kind="ghost" onClick=${random} />
    ${text.trim() && html`<button type="submit" class="button primary small">Search</button>`}
  </form>`;
}
