/** Two pictures to compare: side by side with one zoom for both, in turns at one place, or as their difference. */

import * as api from "./api.js";
import { button, fill, h } from "./dom.js";
import { placedName, shortName } from "./words.js";

const MODES = [["side", "Side by side", "1"], ["blink", "Blink", "2"], ["difference", "Difference", "3"]];
const SIDE = 1600; // pixels asked for, where the file is at hand
const BLINK_MS = 700;
const MOST_ZOOM = 16;
const GAIN = 4; // of the difference: what is a quarter of the way to white shows as white
const MEASURED = 512; // longer side at which sharpness is measured, so that sizes compare

/** Make the stage. `change` is called with what belongs into the address. */
export function makeStage(change) {
  const view = { zoom: 1, x: 0, y: 0 }; // x and y: how far the middle moved, in widths and heights of a panel
  const panels = [panel(), panel()];
  const element = h("div", { class: "stage2", role: "group", "aria-label": "The two pictures" });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let [mode, sides, images, chosen, turn, timer, frame, isPaused] = ["side", [], [null, null], null, 0, 0, 0, calm];
  const buttons = MODES.map(([name, text, key]) => {
    const made = button(text, () => change({ mode: name }), { kind: "small", "aria-keyshortcuts": key });
    made.append(h("kbd", { "aria-hidden": "true" }, key));
    return made;
  });
  const pause = button("Flip", () => flip(), { kind: "small", "aria-keyshortcuts": "F" });
  pause.append(h("kbd", { "aria-hidden": "true" }, "F"));
  const zoomed = h("span", { class: "review-zoom" });
  const controls = [
    h("div", { class: "actions review-modes" }, pause, h("div", { class: "modes", role: "group", "aria-label": "View" }, buttons)),
    h("div", { class: "actions" },
      button("", () => zoomBy(1 / 1.5), { icon: "remove", label: "Smaller (-)", kind: "small" }), zoomed,
      button("", () => zoomBy(1.5), { icon: "add", label: "Larger (+)", kind: "small" })),
  ];
  new ResizeObserver(() => draw()).observe(element);

  function panel() {
    const canvas = h("canvas", { tabindex: "-1", role: "img" });
    const caption = h("span", { class: "panel-caption" });
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, canvas, event); }, { passive: false });
    canvas.addEventListener("dblclick", (event) => (view.zoom > 1 ? reset() : zoomBy(3, canvas, event)));
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId) || view.zoom === 1) return;
      move(event.movementX / canvas.clientWidth, event.movementY / canvas.clientHeight);
    });
    return { canvas, caption, place: h("figure", { class: "panel2" }, canvas, h("figcaption", {}, caption)) };
  }

  function move(x, y) {
    const room = (view.zoom - 1) / 2;
    view.x = Math.min(room, Math.max(-room, view.x + x));
    view.y = Math.min(room, Math.max(-room, view.y + y));
    draw();
  }

  /** Zoom; what lies below the pointer stays there. */
  function zoomBy(factor, canvas, at) {
    const before = view.zoom;
    view.zoom = Math.min(MOST_ZOOM, Math.max(1, view.zoom * factor));
    const [x, y] = canvas ? [at.offsetX / canvas.clientWidth - 0.5, at.offsetY / canvas.clientHeight - 0.5] : [0, 0];
    const grown = view.zoom / before;
    view.x = x - (x - view.x) * grown;
    view.y = y - (y - view.y) * grown;
    move(0, 0);
  }

  function reset() {
    Object.assign(view, { zoom: 1, x: 0, y: 0 });
    draw();
  }

  function flip() {
    isPaused = true;
    clearInterval(timer);
    turn = 1 - turn;
    draw();
  }

  function draw() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(paint);
  }

  function paint() {
    zoomed.textContent = `${Math.round(100 * view.zoom)} %`;
    if (mode === "side") panels.forEach(({ canvas }, side) => paintOne(fitted(canvas), images[side]));
    else if (mode === "blink") paintOne(fitted(panels[0].canvas), images[turn]);
    else paintDifference(fitted(panels[0].canvas));
    if (mode === "blink") panels[0].caption.textContent = captionOf(turn);
  }

  /** Give a canvas as many pixels as the screen has there. */
  function fitted(canvas) {
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.max(1, Math.round(side * devicePixelRatio)));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    return context;
  }

  /** Draw a picture as large as fits, moved and zoomed; two of the same proportions lie exactly on each other. */
  function paintOne(context, image) {
    if (!image) return;
    const { width, height } = context.canvas;
    const scale = view.zoom * Math.min(width / image.width, height / image.height);
    context.imageSmoothingEnabled = scale < 4;
    const [w, h] = [image.width * scale, image.height * scale];
    context.drawImage(image, width * (0.5 + view.x) - w / 2, height * (0.5 + view.y) - h / 2, w, h);
  }

  function paintDifference(context) {
    paintOne(context, images[0]);
    context.globalCompositeOperation = "difference";
    paintOne(context, images[1]);
    context.globalCompositeOperation = "lighter"; // adds the picture to itself: twice, four times as bright
    for (let gain = 1; gain < GAIN; gain *= 2) context.drawImage(context.canvas, 0, 0);
    context.globalCompositeOperation = "source-over";
  }

  const captionOf = (side) => `${placedName(sides[side]?.id ?? "")}${images[side] === undefined ? ": no picture is kept" : ""}`;

  function arrange() {
    element.classList.toggle("is-single", mode !== "side");
    fill(element, (mode === "side" ? panels : panels.slice(0, 1)).map(({ place }) => place));
    panels.forEach(({ canvas, caption, place }, side) => {
      caption.textContent = mode === "difference" ? "The brighter, the more they differ" : captionOf(side);
      canvas.setAttribute("aria-label", mode === "side" ? `Picture of ${caption.textContent}` : `${shortName(sides[0].id)} and ${shortName(sides[1].id)}`);
      place.classList.toggle("is-chosen", mode === "side" && sides[side] === chosen);
    });
    buttons.forEach((one, place) => one.setAttribute("aria-pressed", String(MODES[place][0] === mode)));
    pause.hidden = mode !== "blink";
    clearInterval(timer);
    if (mode === "blink" && !isPaused) timer = setInterval(() => { turn = 1 - turn; draw(); }, BLINK_MS);
    draw();
  }

  const stage = {
    element,
    controls,
    ready: Promise.resolve(),
    keys: {
      1: () => change({ mode: "side" }), 2: () => change({ mode: "blink" }), 3: () => change({ mode: "difference" }),
      "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: reset, f: flip, F: flip,
    },
    show(collection, left, right, told) {
      const isOther = sides[0]?.id !== left.id || sides[1]?.id !== right.id;
      mode = MODES.some(([name]) => name === told.mode) ? told.mode : "side";
      [sides, chosen] = [[left, right], told.chosen];
      if (isOther) {
        Object.assign(view, { zoom: 1, x: 0, y: 0 });
        [images, turn, isPaused] = [[null, null], 0, calm];
        const loading = [left, right].map((one, side) => load(collection, one.id).then((image) => {
          if (sides[side]?.id !== one.id) return;
          images[side] = image;
          draw();
        }));
        stage.ready = Promise.all(loading).then(() => sides[0] === left && arrange());
        element.setAttribute("aria-busy", "true");
        stage.ready.finally(() => element.removeAttribute("aria-busy"));
      }
      arrange();
    },
    /** Give the sharpness of both as they are shown; null where a picture is not there. */
    sharpness: () => images.map((image) => (image ? sharpnessOf(image) : null)),
    close() {
      clearInterval(timer);
      cancelAnimationFrame(frame);
    },
  };
  return stage;
}

/** Load a picture; undefined where none is kept. */
async function load(collection, id) {
  const image = new Image();
  image.src = api.thumbnailUrl(collection, id, SIDE);
  return image.decode().then(() => image, () => undefined);
}

const measured = new WeakMap();

/** Measure sharpness: the variance of the Laplacian, at one size for all. */
function sharpnessOf(image) {
  if (measured.has(image)) return measured.get(image);
  const scale = MEASURED / Math.max(image.naturalWidth, image.naturalHeight);
  const [width, height] = [image.naturalWidth, image.naturalHeight].map((side) => Math.max(3, Math.round(side * scale)));
  const canvas = h("canvas", { width, height });
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
