/** The threshold: a slider over the histogram of the scores, with a live count of what passes. */

import { announce, html, useDebounced, useEffect, useRef, useState } from "./ui.js";
import { number } from "./words.js";

const BARS = 50;

/** The best score that the counts of a hundred equal parts of 0 to 1 tell of. */
export const bestOf = (counts) => counts.reduce((best, count, at) => (count ? (at + 1) / counts.length : best), 0);

/** Say how many pictures score as high: `counts` of equal parts of 0 to 1. Returns [how many, the sentence]. */
export function passing(counts, value) {
  const some = counts.reduce((sum, one, at) => sum + (at / counts.length >= value - 1e-9 ? one : 0), 0);
  const all = counts.reduce((sum, one) => sum + one, 0);
  return [some, counts.length ? `${number(some)} of ${number(all)} score ${value.toFixed(2)} or more` : ""];
}

/** `counts`: how many score in each hundredth of 0 to 1. `move` is called at every step, `change` when it rests. */
export function Threshold({ value: chosen, counts, move, change }) {
  const [value, setValue] = useState(chosen);
  const typed = useRef(null);
  const [count, told] = passing(counts, value);
  const rest = useDebounced((value) => {
    change(value);
    announce(told);
  }, 250);
  useEffect(() => {
    setValue(chosen);
    if (document.activeElement !== typed.current) typed.current.value = chosen.toFixed(2);
  }, [chosen]);
  const moved = (event) => {
    const wanted = Math.min(1, Math.max(0, Number(event.currentTarget.value) || 0));
    if (event.currentTarget !== typed.current) typed.current.value = wanted.toFixed(2);
    setValue(wanted);
    move(wanted);
    rest(wanted);
  };
  const bars = Array.from({ length: BARS }, (_, at) => (counts[2 * at] ?? 0) + (counts[2 * at + 1] ?? 0));
  const most = Math.max(1, ...bars);
  return html`<div class="threshold">
    <span class="label">Score from</span>
    <input type="number" ref=${typed} min="0" max="1" step="0.01" aria-label="Threshold as a number" onInput=${moved} />
    <div class="threshold-body">
      <div class="histogram" aria-hidden="true">${bars.map((bar, at) =>
        html`<span key=${at} class=${(at + 1) / BARS > value ? "passes" : ""} style=${{ height: bar ? `${Math.max(6, 100 * Math.sqrt(bar / most))}%` : "0" }}></span>`)}</div>
      <input type="range" min="0" max="1" step="0.01" value=${value} onInput=${moved}
        aria-label="Threshold: lowest score" aria-valuetext="${value.toFixed(2)}, ${number(count)} pictures" />
    </div>
    <p class="threshold-count">${told}</p>
  </div>`;
}
