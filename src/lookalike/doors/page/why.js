/** Why two pictures are said to be related: drawn on the pictures themselves, and as their difference. */

import { html, useLayoutEffect, useRef } from "./ui.js";

const MOST_PLACES = 60;
const DOT = 0.005; // radius, of the longer side
const HEAT = [232, 89, 12]; // as in the picture that the server draws
const GAIN = 1.5;
const MOST_OPAQUE = 0.85;
const LIKENESS = "The stronger the color, the more this part makes the two alike.";

/** A picture that can be drawn on; `why` is an explanation, `side` which of its two pictures this is. */
export const Framed = ({ src, alt, why, side }) => html`<div class="framed ${why?.a.likeness ? "is-pale" : ""}"><img src=${src} alt=${alt} />
  ${why && (why.a.likeness ? html`<${Heat} rows=${why[side].likeness} />` : html`<${Outline} of=${why[side]} places=${placesOf(why, side)} />`)}</div>`;

/** What goes below the pictures; `urls` are those of the two, null where one cannot be shown here: the server drew both. */
export function Why({ why, urls }) {
  if (!urls.a || !urls.b) return html`<${Sheet} why=${why} />`;
  if (why.a.likeness) return html`<p class="muted">${LIKENESS}</p>`;
  return html`<p class="muted">Outlined: what both show.${why.places.length > 0 && " Dots: places that agree."}</p>
    ${why.difference && html`<${Difference} why=${why} url=${urls[why.difference.of]} />`}`;
}

const pictureUrl = (text) => `data:image/png;base64,${text}`;

const Sheet = ({ why }) => html`<figure class="why"><img src=${pictureUrl(why.picture)} alt="Both pictures, with what makes them alike" />
  <figcaption class="muted">${why.a.likeness ? LIKENESS : "Outlined: what both show. Lines: places that agree. In color: what differs."}</figcaption></figure>`;

/** The difference, laid over the picture that it covers. */
function Difference({ why, url }) {
  const share = 100 * why.changed;
  const told = share < 0.1 ? "No part was painted over; what is left is light, color or encoding." : `${share.toFixed(1)} % of what both show was changed.`;
  return html`<figure class="why"><div class="framed is-pale"><img src=${url} alt="What was changed, in color" />
      <img class="layer" src=${pictureUrl(why.difference.picture)} alt="" /></div>
    <figcaption class="muted">Laid over each other: in color where they differ. ${told}</figcaption></figure>`;
}

/** Some of the places that agree, on one of the pictures. */
function placesOf({ places }, side) {
  const step = Math.max(1, Math.floor(places.length / MOST_PLACES));
  return places.filter((_, at) => at % step === 0).map((place) => (side === "a" ? place.slice(0, 2) : place.slice(2)));
}

function Outline({ of, places }) {
  const [width, height] = of.size_px;
  const points = of.outline.map((corner) => corner.join(",")).join(" ");
  const radius = DOT * Math.max(width, height);
  return html`<svg class="layer" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true">
    <polygon class="halo" points=${points} /><polygon class="outline" points=${points} />
    ${places.map(([x, y], at) => html`<circle key=${at} cx=${x} cy=${y} r=${radius} />`)}</svg>`;
}

/** A likeness map: a pixel for each part, which the browser makes as large as the picture. */
function Heat({ rows }) {
  const canvas = useRef(null);
  useLayoutEffect(() => {
    const shares = rows.flat();
    const pixels = shares.flatMap((share) => [...HEAT, Math.round(255 * MOST_OPAQUE * Math.min(1, GAIN * share))]);
    canvas.current.getContext("2d").putImageData(new ImageData(Uint8ClampedArray.from(pixels), rows[0].length), 0, 0);
  }, [rows]);
  return html`<canvas class="layer" ref=${canvas} width=${rows[0].length} height=${rows.length} aria-hidden="true"></canvas>`;
}
