/** Why two pictures are said to be related: shown on the pictures themselves, and as their difference. */

import { h, svg } from "./dom.js";

const MOST_PLACES = 60;
const DOT = 0.005; // radius, of the longer side
const HEAT = [232, 89, 12]; // as in the picture that the server draws
const GAIN = 1.5;
const MOST_OPAQUE = 0.85;

/** Put a picture into a frame that can be drawn on. */
export const framed = (image) => h("div", { class: "framed" }, image);

/** Show an explanation on two framed pictures; gives the figures and words that go below them. */
export function showWhy(why, frames) {
  if (!frames.a || !frames.b) return [sheet(why)]; // one of them cannot be shown here: the server drew both
  if (why.a.likeness) {
    for (const side of ["a", "b"]) frames[side].append(heatOf(why[side].likeness));
    Object.values(frames).forEach((frame) => frame.classList.add("is-pale"));
    return [words("The stronger the color, the more this part makes the two alike.")];
  }
  const step = Math.max(1, Math.floor(why.places.length / MOST_PLACES));
  const places = why.places.filter((_, at) => at % step === 0);
  frames.a.append(outlined(why.a, places.map(([x, y]) => [x, y])));
  frames.b.append(outlined(why.b, places.map(([, , x, y]) => [x, y])));
  const dots = places.length ? " Dots: places that agree." : "";
  return [words(`Outlined: what both show.${dots}`), why.difference && difference(why, frames)];
}

const words = (text) => h("p", { class: "muted" }, text);
const figure = (picture, caption) => h("figure", { class: "why" }, picture, h("figcaption", { class: "muted" }, caption));
const pictureUrl = (text) => `data:image/png;base64,${text}`;

function sheet(why) {
  return figure(h("img", { src: pictureUrl(why.picture), alt: "Both pictures, with what makes them alike" }),
    why.a.likeness ? "The stronger the color, the more this part makes the two alike."
      : "Outlined: what both show. Lines: places that agree. In color: what differs.");
}

/** Lay the difference over the picture that it covers. */
function difference(why, frames) {
  const below = h("img", { src: frames[why.difference.of].querySelector("img").src, alt: "What was changed, in color" });
  const frame = framed(below);
  frame.classList.add("is-pale");
  frame.append(h("img", { class: "layer", src: pictureUrl(why.difference.picture), alt: "" }));
  const share = 100 * why.changed;
  const told = share < 0.1 ? "No part was painted over; what is left is light, color or encoding." : `${share.toFixed(1)} % of what both show was changed.`;
  return figure(frame, `Laid over each other: in color where they differ. ${told}`);
}

function outlined({ size_px: [width, height], outline }, places) {
  const points = outline.map((corner) => corner.join(",")).join(" ");
  const radius = DOT * Math.max(width, height);
  return svg("svg", { class: "layer", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("polygon", { class: "halo", points }), svg("polygon", { class: "outline", points }),
    ...places.map(([x, y]) => svg("circle", { cx: x, cy: y, r: radius })));
}

/** Draw a likeness map: a pixel for each part, which the browser makes as large as the picture. */
function heatOf(rows) {
  const canvas = h("canvas", { class: "layer", width: rows[0].length, height: rows.length, "aria-hidden": "true" });
  const shares = rows.flat();
  const pixels = shares.flatMap((share) => [...HEAT, Math.round(255 * MOST_OPAQUE * Math.min(1, GAIN * share))]);
  canvas.getContext("2d").putImageData(new ImageData(Uint8ClampedArray.from(pixels), rows[0].length), 0, 0);
  return canvas;
}
