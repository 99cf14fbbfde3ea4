/** The threshold: a slider over the histogram of the scores, with a live count of what passes. */

import { announce, debounced, h, number } from "./dom.js";

const BARS = 50;

/** Make the control. `move` is called at every step, `change` when it rests. */
export function makeThreshold({ move, change }) {
  const bars = Array.from({ length: BARS }, () => h("span", {}));
  const chart = h("div", { class: "histogram", "aria-hidden": "true" }, bars);
  const slider = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, "aria-label": "Threshold: lowest score" });
  const typed = h("input", { type: "number", min: 0, max: 1, step: 0.01, value: 0, "aria-label": "Threshold as a number" });
  const count = h("p", { class: "threshold-count" });
  const element = h("div", { class: "threshold" },
    h("div", { class: "threshold-head" }, h("span", { class: "label" }, "Lowest score"), typed),
    h("div", { class: "threshold-body" }, chart, slider), count);
  let counts = [];
  const rest = debounced((value) => {
    change(value);
    announce(count.textContent);
  }, 250);

  const set = (value) => {
    slider.value = value;
    if (document.activeElement !== typed) typed.value = value.toFixed(2);
    show(value);
  };
  const moved = (control) => () => {
    const value = Math.min(1, Math.max(0, Number(control.value) || 0));
    set(value);
    move(value);
    rest(value);
  };
  slider.addEventListener("input", moved(slider));
  typed.addEventListener("input", moved(typed));

  function show(value) {
    bars.forEach((bar, place) => bar.classList.toggle("passes", (place + 1) / BARS > value));
    const passing = counts.reduce((sum, one, place) => sum + (place / counts.length >= value - 1e-9 ? one : 0), 0);
    const all = counts.reduce((sum, one) => sum + one, 0);
    count.textContent = counts.length ? `${number(passing)} of ${number(all)} score ${value.toFixed(2)} or more` : "";
    slider.setAttribute("aria-valuetext", `${value.toFixed(2)}, ${number(passing)} pictures`);
  }

  return {
    element,
    set,
    /** Show how the scores lie: counts of a hundred equal parts of 0 to 1. */
    setCounts(told) {
      counts = told;
      const joined = bars.map((_, place) => (told[2 * place] ?? 0) + (told[2 * place + 1] ?? 0));
      const most = Math.max(1, ...joined);
      // The root lets a single picture be seen beside hundreds.
      joined.forEach((one, place) => (bars[place].style.height = one ? `${6 + 94 * Math.sqrt(one / most)}%` : "0"));
      show(Number(slider.value));
    },
    best: () => counts.reduce((best, one, place) => (one ? (place + 1) / counts.length : best), 0),
  };
}
