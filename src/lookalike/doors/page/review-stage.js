/** Two pictures to compare: side by side with one zoom for both, in turns at one place, or as their difference. */

import * as api from "./api.js";
import { transformText } from "./relations.js";
import { factsLine } from "./review-table.js";
import { Button, html, useEffect, useLayoutEffect, useReducer, useRef } from "./ui.js";
import { placedName, shortName } from "./words.js";

const MODES = [["side", "Side by side", "1"], ["blink", "Blink", "2"], ["difference", "Difference", "3"]];
const SIDE = 1600; // pixels asked for, where the file is at hand
const BLINK_MS = 700;
const MOST_ZOOM = 16;
const GAIN = 4; // of the difference: what is a quarter of the way to white shows as white
const MEASURED = 512; // longer side at which sharpness is measured, so that sizes compare
const MOST_MAPS = 200; // that are remembered

export const modeOf = (name) => (MODES.some(([known]) => known === name) ? name : "side");

/** What two pictures are shown by: their pixels, the map between them, and where the view stands. Fires "change". */
export class Stage extends EventTarget {
  constructor() {
    super();
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    Object.assign(this, { view: { zoom: 1, x: 0, y: 0 }, canvases: [null, null], sides: [], images: [null, null], map: undefined });
    Object.assign(this, { mode: "side", turn: 0, isCalm, isPaused: isCalm, isBusy: false, timer: 0, frame: 0, collection: "" });
  }

  /** Show two members of a group. */
  show(collection, left, right, mode) {
    const isOther = this.sides[0]?.id !== left.id || this.sides[1]?.id !== right.id || this.collection !== collection;
    Object.assign(this, { collection, sides: [left, right], mode });
    if (isOther) {
      Object.assign(this, { view: { zoom: 1, x: 0, y: 0 }, images: [null, null], map: undefined, turn: 0, isPaused: this.isCalm });
    }
    if (isOther || (mode !== "side" && this.map === undefined)) this.load();
    clearInterval(this.timer);
    if (mode === "blink" && !this.isPaused) this.timer = setInterval(() => this.turnOver(), BLINK_MS);
    this.tell();
  }

  async load() {
    const { sides, collection } = this;
    this.isBusy = true;
    const isShown = () => this.sides[0]?.id === sides[0].id && this.sides[1]?.id === sides[1].id;
    const loading = sides.map(async ({ id }, side) => {
      if (this.images[side]) return;
      const image = await picture(collection, id);
      if (isShown()) this.images[side] = image;
    });
    const mapping = this.mode !== "side" && mapBetween(collection, ...sides.map(({ id }) => id)).then((map) => isShown() && (this.map = map));
    await Promise.all([...loading, mapping]);
    if (!isShown()) return;
    this.isBusy = false;
    this.tell();
  }

  tell() {
    this.dispatchEvent(new Event("change"));
    this.draw();
  }

  close() {
    clearInterval(this.timer);
    cancelAnimationFrame(this.frame);
  }

  turnOver() {
    this.turn = 1 - this.turn;
    this.tell();
  }

  flip() {
    this.isPaused = true;
    clearInterval(this.timer);
    this.turnOver();
  }

  reset() {
    this.view = { zoom: 1, x: 0, y: 0 };
    this.tell();
  }

  move(x, y) {
    const room = (this.view.zoom - 1) / 2;
    this.view.x = Math.min(room, Math.max(-room, this.view.x + x));
    this.view.y = Math.min(room, Math.max(-room, this.view.y + y));
    this.tell();
  }

  /** Zoom; what lies below the pointer stays there. */
  zoomBy(factor, canvas, at) {
    const { view } = this;
    const before = view.zoom;
    view.zoom = Math.min(MOST_ZOOM, Math.max(1, view.zoom * factor));
    const [x, y] = canvas ? [at.offsetX / canvas.clientWidth - 0.5, at.offsetY / canvas.clientHeight - 0.5] : [0, 0];
    const grown = view.zoom / before;
    view.x = x - (x - view.x) * grown;
    view.y = y - (y - view.y) * grown;
    this.move(0, 0);
  }

  /** Sharpness of both as they are shown; null where a picture is not there. */
  get sharpness() {
    return this.images.map((image) => (image ? sharpnessOf(image) : null));
  }

  // ---- painting

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    const [left, right] = this.canvases;
    if (!left?.isConnected) return;
    const context = fitted(left);
    if (this.mode === "side") {
      this.paintOne(context, 0, this.fit(context, 0));
      if (right?.isConnected) this.paintOne(fitted(right), 1, this.fit(right.getContext("2d"), 1));
    } else if (this.isBusy) this.paintOne(context, 0, this.fit(context, 0));
    else if (this.mode === "blink") this.paintOne(context, this.turn, this.turn ? this.laidOver(context) : this.fit(context, 0));
    else this.paintDifference(context);
  }

  /** The matrix that makes a picture as large as fits, moved and zoomed. */
  fit({ canvas: { width, height } }, side) {
    const image = this.images[side];
    if (!image) return null;
    const { zoom, x, y } = this.view;
    const scale = zoom * Math.min(width / image.width, height / image.height);
    return new DOMMatrix([scale, 0, 0, scale, width * (0.5 + x) - (image.width * scale) / 2, height * (0.5 + y) - (image.height * scale) / 2]);
  }

  /** The matrix that lays the second picture over the first, by the map between them; as large as fits where none is known. */
  laidOver(context) {
    const [first, second] = this.images;
    const [a, b] = this.sides.map(({ size_px: size }) => size);
    if (!this.map || !first || !second) return this.fit(context, 1);
    const [[xx, xy, x], [yx, yy, y]] = this.map.matrix; // from the pixels of the first file to those of the second
    const back = new DOMMatrix([xx, yx, xy, yy, x, y]).inverse();
    return this.fit(context, 0).scale(first.width / a[0], first.height / a[1]).multiply(back).scale(b[0] / second.width, b[1] / second.height);
  }

  paintOne(context, side, matrix) {
    const image = this.images[side];
    if (!image || !matrix) return;
    context.setTransform(matrix);
    context.imageSmoothingEnabled = Math.hypot(matrix.a, matrix.b) < 4;
    context.drawImage(image, 0, 0);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  paintDifference(context) {
    const [first, second] = this.images;
    const [base, over] = [this.fit(context, 0), this.laidOver(context)];
    this.paintOne(context, 0, base);
    if (!base || !over) return;
    context.save();
    if (this.map) { // only what both show
      context.setTransform(base);
      context.beginPath();
      context.rect(0, 0, first.width, first.height);
      context.clip();
    }
    context.globalCompositeOperation = "difference";
    this.paintOne(context, 1, over);
    if (this.map) {
      context.globalCompositeOperation = "destination-in";
      context.setTransform(over);
      context.fillRect(0, 0, second.width, second.height);
      context.setTransform(1, 0, 0, 1, 0, 0);
    }
    context.restore();
    context.globalCompositeOperation = "lighter"; // adds the picture to itself: twice, four times as bright
    for (let gain = 1; gain < GAIN; gain *= 2) context.drawImage(context.canvas, 0, 0);
    context.globalCompositeOperation = "source-over";
  }

  /** How the second picture was laid over the first, in words. */
  get laid() {
    if (this.isBusy || this.map === undefined) return "";
    if (!this.map) return "Not laid over each other: nothing of the one was found in the other.";
    const how = transformText(this.map);
    return how ? `The second is laid over the first: it was ${how}.` : "";
  }
}

/** The controls of a stage: what is shown, and how large. `change` is called with what belongs into the address. */
export function StageControls({ stage, change }) {
  const { mode, view } = stage;
  return html`<div class="actions review-modes">
      ${mode === "blink" && html`<${Button} kind="small" aria-keyshortcuts="F" onClick=${() => stage.flip()}>Flip <kbd aria-hidden="true">F</kbd></${Button}>`}
      <div class="modes" role="group" aria-label="View">${MODES.map(([name, text, key]) => html`<${Button} key=${name} kind="small" aria-keyshortcuts=${key}
        aria-pressed=${String(mode === name)} onClick=${() => change({ mode: name })}>${text} <kbd aria-hidden="true">${key}</kbd></${Button}>`)}</div>
    </div>
    <div class="actions review-zooms"><${Button} icon="remove" label="Smaller (-)" kind="small" onClick=${() => stage.zoomBy(1 / 1.5)} />
      <span class="review-zoom">${Math.round(100 * view.zoom)} %</span>
      <${Button} icon="add" label="Larger (+)" kind="small" onClick=${() => stage.zoomBy(1.5)} /></div>`;
}

/** The keys of a stage, each with what it does. */
export const stageKeys = (stage, change) => ({
  1: () => change({ mode: "side" }), 2: () => change({ mode: "blink" }), 3: () => change({ mode: "difference" }),
  "+": () => stage.zoomBy(1.5), "=": () => stage.zoomBy(1.5), "-": () => stage.zoomBy(1 / 1.5), 0: () => stage.reset(), f: () => stage.flip(),
});

/** The stage itself; `best` and `chosen` are members. */
export function StageView({ stage, best, chosen }) {
  const place = useRef(null);
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(() => stage.draw());
    watcher.observe(place.current);
    return () => watcher.disconnect();
  }, [stage]);
  useEffect(() => stage.draw());
  const { mode, sides, images, turn } = stage;
  const panels = mode === "side" ? [0, 1] : [0];
  const shown = mode === "blink" ? turn : 0;
  return html`<div class="stage2 ${mode === "side" ? "" : "is-single"}" role="group" aria-label="The two pictures" ref=${place} aria-busy=${stage.isBusy || undefined}>
    ${panels.map((side) => {
      const one = sides[mode === "side" ? side : shown];
      const name = mode === "difference" ? "The brighter, the more they differ" : placedName(one.id);
      const label = mode === "side" ? `Picture of ${name}` : `${shortName(sides[0].id)} and ${shortName(sides[1].id)}`;
      return html`<figure key=${side} class="panel2 ${mode === "side" && one === chosen ? "is-chosen" : ""}">
        <${Canvas} stage=${stage} side=${side} label=${label} />
        <figcaption><span class="panel-caption">${name}</span>${mode !== "difference" && one === best && html` <span class="badge is-best">best</span>`}
          ${images[mode === "side" ? side : shown] === undefined && html` <span class="muted">no picture is kept</span>`}
          <span class="panel-facts">${mode === "difference" ? stage.laid || "\u00a0" : factsLine(one)}${mode === "blink" && stage.laid && ` · ${stage.laid}`}</span></figcaption>
      </figure>`;
    })}
  </div>`;
}

function Canvas({ stage, side, label }) {
  const place = useRef(null);
  useLayoutEffect(() => {
    const canvas = (stage.canvases[side] = place.current);
    const wheel = (event) => {
      event.preventDefault();
      stage.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, canvas, event);
    };
    canvas.addEventListener("wheel", wheel, { passive: false });
    return () => {
      canvas.removeEventListener("wheel", wheel);
      if (stage.canvases[side] === canvas) stage.canvases[side] = null;
    };
  }, [stage, side]);
  const drag = (event) => {
    const canvas = place.current;
    if (canvas.hasPointerCapture(event.pointerId) && stage.view.zoom > 1) stage.move(event.movementX / canvas.clientWidth, event.movementY / canvas.clientHeight);
  };
  return html`<canvas ref=${place} tabindex="-1" role="img" aria-label=${label} onPointerDown=${(event) => place.current.setPointerCapture(event.pointerId)}
    onPointerMove=${drag} onDblClick=${(event) => (stage.view.zoom > 1 ? stage.reset() : stage.zoomBy(3, place.current, event))}></canvas>`;
}

/** Redraw with a stage, and end it with the part that shows it. */
export function useStage() {
  const kept = useRef(null);
  const stage = (kept.current ??= new Stage());
  const [, redraw] = useReducer((turn) => turn + 1, 0);
  useLayoutEffect(() => {
    stage.addEventListener("change", redraw);
    return () => {
      stage.removeEventListener("change", redraw);
      stage.close();
    };
  }, [stage]);
  return stage;
}

/** Give a canvas as many pixels as the screen has there. */
function fitted(canvas) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.max(1, Math.round(side * devicePixelRatio)));
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Load a picture; undefined where none is kept. */
async function picture(collection, id) {
  const image = new Image();
  image.src = api.thumbnailUrl(collection, id, SIDE);
  return image.decode().then(() => image, () => undefined);
}

const maps = new Map();

/** The map from one stored picture to another; null where none is known. */
async function mapBetween(collection, a, b) {
  const key = JSON.stringify([collection, a, b]);
  if (maps.has(key)) return maps.get(key);
  const found = await api.compare(collection, { a: `id:${a}`, b: `id:${b}` }, {}).then(({ transform }) => transform, () => null);
  if (maps.size >= MOST_MAPS) maps.delete(maps.keys().next().value);
  maps.set(key, found);
  return found;
}

const measured = new WeakMap();

/** Measure sharpness: the variance of the Laplacian, at one size for all. */
function sharpnessOf(image) {
  if (measured.has(image)) return measured.get(image);
  const scale = MEASURED / Math.max(image.naturalWidth, image.naturalHeight);
  const [width, height] = [image.naturalWidth, image.naturalHeight].map((side) => Math.max(3, Math.round(side * scale)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const gray = Float32Array.from({ length: width * height }, (_, at) => 0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2]);
  let [sum, squares, count] = [0, 0, 0];
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x;
      const edge = 4 * gray[at] - gray[at - 1] - gray[at + 1] - gray[at - width] - gray[at + width];
      [sum, squares, count] = [sum + edge, squares + edge * edge, count + 1];
    }
  }
  const found = squares / count - (sum / count) ** 2;
  measured.set(image, found);
  return found;
}
