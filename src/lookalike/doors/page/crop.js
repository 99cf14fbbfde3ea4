/** Cropping: choose a part of a picture with mouse, finger, keyboard or numbers. */

import { announce, Button, html, openDialog, useEffect, useObjectUrl, useRef, useState } from "./ui.js";

const START = [0.15, 0.15, 0.7, 0.7]; // as long as nobody has chosen a part
const LEAST = 0.04; // of a side: less shows nothing
const STEP = 0.02; // of a side, for each press of an arrow key
const STILL_PX = 4; // a pointer that moves less draws no new frame
const CORNERS = ["nw", "ne", "sw", "se"];
const SIDES = ["left", "top", "width", "height"];
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));
const percent = (share) => `${100 * share}%`;

/** Open the choice of a part of a picture; `done` gets [x, y, width, height] in shares, or null for the whole. */
export async function openCrop(blob, chosen, done) {
  const crop = await openDialog("Look at a part of the picture", Crop, { blob, chosen }, "wide");
  if (crop !== undefined) done(crop);
}

function Crop({ blob, chosen, close }) {
  const url = useObjectUrl(blob);
  const [crop, setCrop] = useState(chosen ?? START);
  const isUntouched = useRef(!chosen); // then a drag anywhere draws a new frame
  const set = (wanted) => {
    isUntouched.current = false;
    setCrop(fitted(wanted));
  };
  return html`
    <p class="muted" id="crop-help">Drag over the picture. Or focus the frame: arrow keys move it, with Shift they resize it.</p>
    <div class="crop">${url && html`<${Area} url=${url} crop=${crop} set=${set} isUntouched=${isUntouched} />`}</div>
    <details><summary>In numbers</summary>
      <div class="crop-numbers">${SIDES.map((side, at) => html`<${Percent} key=${side} side=${side} share=${crop[at]}
        change=${(share) => set(crop.map((one, place) => (place === at ? share : one)))} />`)}</div></details>
    <div class="actions"><${Button} onClick=${() => close(null)}>Whole picture</${Button}>
      <${Button} kind="primary" onClick=${() => close(crop)}>Search with this part</${Button}></div>`;
}

/** The picture with the frame over it. */
function Area({ url, crop, set, isUntouched }) {
  const area = useRef(null);
  const box = useRef(null);
  const drag = useRef(null);
  useEffect(() => box.current.focus({ preventScroll: true }), []);
  const at = ({ clientX, clientY }) => {
    const bounds = area.current.getBoundingClientRect();
    return [clamp((clientX - bounds.left) / bounds.width, 0, 1), clamp((clientY - bounds.top) / bounds.height, 0, 1)];
  };
  const begin = (event) => {
    event.preventDefault();
    area.current.setPointerCapture(event.pointerId);
    drag.current = { from: event, frame: frameFrom(event.target, at(event), crop, isUntouched.current) };
    box.current.focus({ preventScroll: true });
  };
  const move = (event) => {
    if (!drag.current) return;
    const { from, frame } = drag.current;
    if (!drag.current.isMoving && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) < STILL_PX) return;
    drag.current.isMoving = true;
    set(frame(at(event)));
  };
  const end = () => (drag.current = null);
  const press = (event) => {
    const [dx, dy] = MOVES[event.key] ?? [];
    if (dx === undefined) return;
    event.preventDefault();
    const [x, y, width, height] = crop;
    const wanted = event.shiftKey ? [x, y, Math.min(width + dx, 1 - x), Math.min(height + dy, 1 - y)] : [x + dx, y + dy, width, height];
    set(wanted);
    announce(nameOf(fitted(wanted)));
  };
  const place = Object.fromEntries(SIDES.map((side, at) => [side, percent(crop[at])]));
  return html`<div class="crop-area ${isUntouched.current ? "is-untouched" : ""}" ref=${area} onPointerDown=${begin} onPointerMove=${move} onPointerUp=${end} onPointerCancel=${end}>
    <img src=${url} alt="The picture that is searched with" draggable=${false} />
    <div class="crop-shade"><span style=${place}></span></div>
    <div class="crop-box" ref=${box} tabindex="0" role="group" aria-roledescription="part of the picture" aria-describedby="crop-help"
        aria-label=${nameOf(crop)} style=${place} onKeyDown=${press}>
      ${CORNERS.map((corner) => html`<span key=${corner} class="handle is-${corner}" data-corner=${corner}></span>`)}</div>
  </div>`;
}

/** One number of the frame: what is being typed stays until it is taken. */
function Percent({ side, share, change }) {
  const box = useRef(null);
  const shown = Math.round(100 * share);
  const show = () => (box.current.value = shown);
  useEffect(() => {
    if (document.activeElement !== box.current) show();
  }, [shown]);
  return html`<label>${side}, %<input type="number" min="0" max="100" step="1" ref=${box} onBlur=${show}
    onChange=${(event) => change(clamp(Number(event.currentTarget.value) / 100 || 0, 0, 1))} /></label>`;
}

function fitted([x, y, width, height]) {
  const wide = clamp(width, LEAST, 1);
  const high = clamp(height, LEAST, 1);
  return [clamp(x, 0, 1 - wide), clamp(y, 0, 1 - high), wide, high];
}

function nameOf(crop) {
  const [left, top, width, height] = crop.map((share) => Math.round(100 * share));
  return `Part of the picture: left ${left} %, top ${top} %, ${width} % wide, ${height} % high`;
}

/** The frame that a drag makes: by a corner it resizes, within a frame that was chosen it moves, elsewhere it draws a new one. */
function frameFrom(target, [fromX, fromY], [x, y, width, height], isUntouched) {
  const { corner } = target.dataset;
  if (!corner && !isUntouched && target.classList.contains("crop-box")) return ([toX, toY]) => [x + toX - fromX, y + toY - fromY, width, height];
  const [fixedX, fixedY] = corner
    ? [corner.includes("w") ? x + width : x, corner.includes("n") ? y + height : y]
    : [fromX, fromY];
  return ([toX, toY]) => [Math.min(fixedX, toX), Math.min(fixedY, toY), Math.abs(toX - fixedX), Math.abs(toY - fixedY)];
}
