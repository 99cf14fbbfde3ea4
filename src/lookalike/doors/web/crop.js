/** Cropping: choose a part of a picture with mouse, finger, keyboard or numbers. */

import { announce, button, h, openDialog } from "./dom.js";

const LEAST = 0.04; // of a side: less shows nothing
const STEP = 0.02; // of a side, for each press of an arrow key
const CORNERS = ["nw", "ne", "sw", "se"];
const SIDES = ["left", "top", "width", "height"];
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

/** Open the choice of a part of a picture; `done` gets [x, y, width, height] in shares, or null for the whole. */
export function openCrop(blob, chosen, done) {
  const url = URL.createObjectURL(blob);
  openDialog("Look at a part of the picture", (dialog) => {
    const frame = makeFrame(url, chosen ?? [0.15, 0.15, 0.7, 0.7]);
    const take = (crop) => {
      dialog.close();
      done(crop);
    };
    return [
      h("p", { class: "muted", id: "crop-help" }, "Drag over the picture. Or focus the frame: arrow keys move it, with Shift they resize it."),
      frame.element, frame.numbers,
      h("div", { class: "actions" },
        button("Whole picture", () => take(null)),
        button("Search with this part", () => take(frame.crop()), { kind: "primary" })),
    ];
  }, { kind: "wide", done: () => URL.revokeObjectURL(url) });
}

function makeFrame(url, start) {
  let crop = start;
  const handles = CORNERS.map((corner) => h("span", { class: `handle is-${corner}`, data: { corner } }));
  const box = h("div", {
    class: "crop-box", tabindex: 0, role: "group", "aria-roledescription": "part of the picture", "aria-describedby": "crop-help",
  }, handles);
  const area = h("div", { class: "crop-area" }, h("img", { src: url, alt: "The picture that is searched with", draggable: "false" }), box);
  const inputs = SIDES.map((name, place) => h("input", { type: "number", min: 0, max: 100, step: 1, on: { change: (event) => type(place, event.target) } }));
  const numbers = h("div", { class: "crop-numbers" }, SIDES.map((name, place) => h("label", {}, `${name}, %`, inputs[place])));

  function set([x, y, width, height]) {
    const wide = clamp(width, LEAST, 1);
    const high = clamp(height, LEAST, 1);
    crop = [clamp(x, 0, 1 - wide), clamp(y, 0, 1 - high), wide, high];
    const percents = crop.map((share) => Math.round(100 * share));
    SIDES.forEach((side, place) => (box.style[side] = `${100 * crop[place]}%`));
    inputs.forEach((input, place) => document.activeElement !== input && (input.value = percents[place]));
    box.setAttribute("aria-label", `Part of the picture: left ${percents[0]} %, top ${percents[1]} %, ${percents[2]} % wide, ${percents[3]} % high`);
  }

  function type(place, input) {
    const wanted = [...crop];
    wanted[place] = clamp(Number(input.value) / 100 || 0, 0, 1);
    set(wanted);
    input.value = Math.round(100 * crop[place]);
  }

  box.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [];
    if (dx === undefined) return;
    event.preventDefault();
    const [x, y, width, height] = crop;
    set(event.shiftKey ? [x, y, Math.min(width + dx, 1 - x), Math.min(height + dy, 1 - y)] : [x + dx, y + dy, width, height]);
    announce(box.getAttribute("aria-label"));
  });

  area.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    area.setPointerCapture(event.pointerId);
    const bounds = area.getBoundingClientRect();
    const at = ({ clientX, clientY }) => [clamp((clientX - bounds.left) / bounds.width, 0, 1), clamp((clientY - bounds.top) / bounds.height, 0, 1)];
    const drag = dragFrom(event.target, at(event), crop);
    const moved = (next) => set(drag(at(next)));
    area.addEventListener("pointermove", moved);
    const ended = () => area.removeEventListener("pointermove", moved);
    area.addEventListener("pointerup", ended, { once: true });
    area.addEventListener("pointercancel", ended, { once: true });
    box.focus({ preventScroll: true });
  });

  set(start);
  return { element: h("div", { class: "crop" }, area), numbers, crop: () => crop };
}

/** Say what a drag means: by a corner it resizes, within the frame it moves, elsewhere it draws a new frame. */
function dragFrom(target, [fromX, fromY], [x, y, width, height]) {
  const corner = target.dataset.corner;
  if (!corner && target.classList.contains("crop-box")) return ([toX, toY]) => [x + toX - fromX, y + toY - fromY, width, height];
  const [fixedX, fixedY] = corner
    ? [corner.includes("w") ? x + width : x, corner.includes("n") ? y + height : y]
    : [fromX, fromY];
  return ([toX, toY]) => [Math.min(fixedX, toX), Math.min(fixedY, toY), Math.abs(toX - fixedX), Math.abs(toY - fixedY)];
}
