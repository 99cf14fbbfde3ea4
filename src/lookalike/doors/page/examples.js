/** The examples of a search: the first in large, with the part that is looked at; and all as chips. */

import { thumbnailUrl } from "./api.js";
import { pictureOf } from "./pictures.js";
import { kindOf } from "./query.js";
import { Button, html, Icon, Picture, useLoaded } from "./ui.js";
import { hostOf, placedName } from "./words.js";

/** `act` has `remove`, `turn` and `crop`, each called with the example. */
export function Examples({ collection, question, act }) {
  const { like, unlike, crop } = question;
  const [first, ...others] = like;
  const cropped = crop ? "Change the part" : "Look at a part";
  return html`<section class="examples" aria-label="Examples">
    ${first && html`<div class="query">
      <button type="button" class="query-picture" aria-label="${cropped}: ${nameOf(first)}" title=${cropped} onClick=${() => act.crop(first)}
          disabled=${kindOf(first).kind === "url"}>
        <${ExamplePicture} collection=${collection} example=${first} side=${480} />
        ${crop && html`<span class="query-part" style=${{ left: share(crop[0]), top: share(crop[1]), width: share(crop[2]), height: share(crop[3]) }}></span>`}
        ${kindOf(first).kind !== "url" && html`<span class="query-crop"><${Icon} name="crop" /></span>`}
      </button>
      <${Chip} collection=${collection} example=${first} side="like" isFirst crop=${crop} act=${act} />
    </div>`}
    ${(others.length > 0 || unlike.length > 0) && html`<ul class="chips">
      ${others.map((example) => html`<li key=${example}><${Chip} collection=${collection} example=${example} side="like" act=${act} /></li>`)}
      ${unlike.map((example) => html`<li key=${example}><${Chip} collection=${collection} example=${example} side="unlike" act=${act} /></li>`)}
    </ul>`}
  </section>`;
}

const share = (value) => `${100 * value}%`;

export const nameOf = (example) => {
  const { kind, name } = kindOf(example);
  return { id: placedName(name), url: hostOf(name) }[kind] ?? "your picture";
};

function Chip({ collection, example, side, isFirst, crop, act }) {
  const text = nameOf(example);
  const isLike = side === "like";
  return html`<div class="chip is-${side}">
    ${!isFirst && html`<span class="chip-picture"><${ExamplePicture} collection=${collection} example=${example} /></span>`}
    <span class="chip-text"><span class="chip-side">${isLike ? "Like" : "Not like"}${crop ? " a part of" : ""}</span>${" "}<span class="chip-name" title=${text}>${text}</span></span>
    <${Button} icon=${isLike ? "remove" : "add"} kind="ghost tiny" label="${isLike ? "Not like this" : "Like this"}: ${text}" onClick=${() => act.turn(example)} />
    <${Button} icon="close" kind="ghost tiny" label="Take away: ${text}" onClick=${() => act.remove(example)} />
  </div>`;
}

/** The picture of an example, wherever it is: stored, on this device, or behind an address that only the server reads. */
export function ExamplePicture({ collection, example, side }) {
  const { kind, name } = kindOf(example);
  const { value: url } = useLoaded(async () => {
    if (kind === "id") return thumbnailUrl(collection, name, side);
    return kind === "kept" ? ((await pictureOf(name))?.url ?? null) : null;
  }, [collection, example]);
  const sign = { url: "link", id: "picture" }[kind] ?? "alert";
  return html`<${Picture} src=${url} draggable=${false} fallback=${html`<${Icon} name=${sign} />`} />`;
}
