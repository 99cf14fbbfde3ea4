/** Use it from code: the lines that do what the page shows, with this address, this collection and this question in them. */

import * as api from "./api.js";
import { typed } from "./conditions.js";
import { conditionOf, croppedOf, kindOf, pixelsOf } from "./query.js";
import { address } from "./route.js";
import { Button, copyText, html, toast, useKept, useLoaded } from "./ui.js";
import { fieldName } from "./words.js";

const LANGUAGES = { command: "Command line", python: "Python", curl: "curl", ximilar: "Ximilar", watson: "Watson", aspose: "Aspose" };

const LOCAL = ["command", "python"];
const PAGE_SIDE = 1600; // of the picture that `api.recordPicture` gives where originals are not kept

/** The panel; `told` is the collection, `question` what is asked of it now. */
export function Code({ told, question }) {
  const [chosen, choose] = useKept("code", "command");
  const { value: lent, error } = useLoaded(() => lentTo(told, question), [told, question]);
  if (error) return html`<p class="trouble" role="alert">${error.message}</p>`;
  if (!lent) return html`<p class="muted" aria-busy="true">Loading ...</p>`;
  const language = chosen in LANGUAGES ? chosen : "command";
  const lines = LINES[language](told, question, lent);
  const copy = () =>
    copyText(lines, "Copied.", () => toast("The browser does not allow copying. Mark the lines and copy them.", "bad"));
  return html`<div class="code">
    <div class="tabs" role="tablist" aria-label="Language">${Object.entries(LANGUAGES).map(([name, text]) =>
      html`<button type="button" role="tab" key=${name} class="tab" aria-selected=${String(name === language)} onClick=${() => choose(name)}>${text}</button>`)}</div>
    <pre tabindex="0" aria-label=${LANGUAGES[language]}><code>${lines}</code></pre>
    <div class="actions"><p class="muted">${LOCAL.includes(language) ? "On the server's machine, with the home that it serves." : html`Where the server asks for a key, <a
      href=${address(["settings"])}>make one in Settings</a>.`}</p>
      <${Button} icon="link" kind="primary small" onClick=${copy}>Copy</${Button}></div>
  </div>`;
}

/**
 * What the lines need besides the question: {home, more, crop, local, url}. `more` are further conditions; `home` is null for who may not know it. Of a part of a picture
 * `crop` is in pixels of the picture as this page has it, which of a stored one is at `url`; `local` {path, crop} is its file.
 */
async function lentTo({ name, keep }, question) {
  const { home } = await api.session();
  const more = await typed(question.more);
  if (!question.crop || !question.like.length) return { home, more };
  const crop = await croppedOf(name, question);
  const { kind, name: id } = kindOf(question.like[0]);
  if (kind !== "id") return { home, more, crop };
  const [{ source, size_px: [width, height], has_original: isThere }] = await api.getRecord(name, id);
  const isFile = isThere && /^(\/|[a-z]:\\)/i.test(source ?? "");
  const url = new URL(keep === "original" ? api.originalUrl(name, id) : api.thumbnailUrl(name, id, PAGE_SIDE), location.origin).href;
  return { home, more, crop, url, local: isFile ? { path: source, crop: pixelsOf(question.crop, { width, height }) } : null };
}

const YOURS = "photo.jpg"; // stands for a picture that is on this device alone
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function python(value) {
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (value && typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${python(name)}: ${python(one)}`).join(", ")}}`;
  return { true: "True", false: "False", null: "None" }[typeof value === "string" ? "" : String(value)] ?? JSON.stringify(value);
}

/** An example as the interface names it: "id:7", an address, or a file. */
function sourceOf(example) {
  const { kind, name } = kindOf(example);
  return { id: `id:${name}`, url: name }[kind] ?? YOURS;
}

const isFile = (source) => source === YOURS;

function partsOf(question) {
  const like = (question.like.length ? question.like : [`file:${YOURS}`]).map(sourceOf);
  return { ...question, sources: like, unlike: question.unlike.map(sourceOf), filter: conditionOf(question) };
}

/** The parts for who reads files of the server's machine: a picture that is cropped is named by its file. */
function localParts(question, { crop, local, url }) {
  const { sources: [first, ...others], ...parts } = partsOf(question);
  if (!crop) return { ...parts, sources: [first, ...others], note: "" };
  const note = url && !local ? `# ${YOURS} is the picture at ${url}\n` : "";
  return { ...parts, sources: [local?.path ?? YOURS, ...others], crop: local?.crop ?? crop, note };
}

function command({ name }, question, lent) {
  const { sources: like, unlike, filter, threshold, groupBy, diversity, collapse, verify, crop, note } = localParts(question, lent);
  return note + ["lookalike find", ...like.map(quoted), `--collection ${quoted(name)}`,
    lent.home && `--home ${quoted(lent.home)}`,
    ...unlike.map((one) => `--not ${quoted(one)}`),
    crop && `--crop ${crop.join(",")}`,
    threshold && `--threshold ${threshold}`,
    filter && `--filter ${quoted(JSON.stringify(filter))}`,
    groupBy && `--group-by ${quoted(groupBy)}`,
    diversity > 0 && `--diversity ${diversity}`,
    collapse && "--collapse",
    verify && "--verify 100",
    ...lent.more.flatMap(optionsOf),
  ].filter(Boolean).join(" ");
}

/** A condition as options of the command line: each of several texts has its own. */
function optionsOf({ option, type, value }) {
  if (type === "boolean") return value ? [option] : [];
  return (type === "texts" ? value : [value]).map((one) => `${option} ${quoted(String(one))}`);
}

function pythonLines({ name }, question, lent) {
  const { sources: like, unlike, filter, threshold, groupBy, diversity, collapse, verify, crop, note } = localParts(question, lent);
  const given = [like.length === 1 ? python(like[0]) : `like=${python(like)}`,
    unlike.length > 0 && `unlike=${python(unlike)}`,
    crop && `crop=(${crop.join(", ")})`,
    threshold && `threshold=${threshold}`,
    filter && `filter=${python(filter)}`,
    groupBy && `group_by=${python(groupBy)}`,
    diversity > 0 && `diversity=${diversity}`,
    collapse && "collapse=True",
    verify && "verify=100",
    ...lent.more.map(({ name, value }) => `${name}=${python(value)}`),
  ].filter(Boolean);
  return `import lookalike

${note}with lookalike.open(${lent.home ? python(lent.home) : ""}) as library:
    collection = library.collection(${python(name)})
    for match in collection.search(${given.join(", ")}):
        print(match.score, match.id)`;
}

function curl({ name }, question, { crop, more, url: picture }) {
  const { sources, unlike, filter, threshold, groupBy, diversity, collapse, verify } = partsOf(question);
  const like = crop ? [YOURS, ...sources.slice(1)] : sources;
  const stored = like.filter((one) => !isFile(one));
  const known = unlike.filter((one) => !isFile(one));
  const body = {
    ...(stored.length && { like: stored }), ...(known.length && { unlike: known }), ...(crop && { crop }),
    ...(threshold && { threshold }), ...(filter && { filter }),
    ...(groupBy && { group_by: groupBy }), ...(diversity && { diversity }), ...(collapse && { collapse }), ...(verify && { verify: 100 }),
    ...Object.fromEntries(more.map(({ name, value }) => [name, value])), limit: 20,
  };
  const url = `${location.origin}/api/v1/collections/${encodeURIComponent(name)}/search`;
  const key = '  -H "Authorization: Bearer $LOOKALIKE_KEY" \\';
  const note = known.length < unlike.length ? "# Left out: counter-examples of this device. Send them in unlike, as base64.\n" : "";
  const fetched = picture ? `curl -s ${quoted(picture)} \\\n${key}\n  -o ${YOURS}\n` : "";
  if (stored.length < like.length) return `${note}${fetched}curl -X POST ${quoted(url)} \\\n${key}\n  -F file=@${YOURS} -F ${quoted(`query=${JSON.stringify(body)}`)}`;
  return `${note}curl -X POST ${quoted(url)} \\\n${key}\n  -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;
}

/** A line that says what of a question the lines of a vendor's client leave out; "" where they carry all of it. */
function notCarried(question, carried = []) {
  const parts = {
    "further examples": question.like.length > 1,
    "counter-examples": question.unlike.length > 0,
    "the part of the picture": question.crop,
    "the filter": conditionOf(question),
    "the threshold": question.threshold,
    "the groups": question.groupBy,
    "the variety": question.diversity > 0,
    "leaving out near-duplicates": question.collapse,
    "the look of geometry": question.verify,
    ...Object.fromEntries(Object.keys(question.more).map((name) => [fieldName(name), true])),
  };
  const left = Object.entries(parts).filter(([name, isAsked]) => isAsked && !carried.includes(name)).map(([name]) => name);
  return left.length ? `# Not carried: ${left.join(", ")}.\n` : "";
}

const LINES = {
  command,
  python: pythonLines,
  curl,
  ximilar: ({ name }, question) => `${notCarried(question)}from ximilar.client.search import SimilarityPhotosClient

client = SimilarityPhotosClient(token="KEY", collection_id=${python(name)}, endpoint="${location.origin}/similarity/photos/v2/")
print(client.search(${python(recordOf(question))}, k=20)["answer_records"])`,
  watson: ({ name }, question) => `${notCarried(question)}from watson_developer_cloud import VisualRecognitionV3

client = VisualRecognitionV3("2016-05-20", url="${location.origin}/visual-recognition/api", api_key="KEY")
with open("${YOURS}", "rb") as picture:
    print(client.find_similar(${python(name)}, picture, limit=20)["similar_images"])`,
  aspose: ({ name }, question) => `${notCarried(question, ["the threshold"])}from asposeimagingcloud import ImagingApi
from asposeimagingcloud.models import requests

api = ImagingApi(client_secret="SECRET", client_id="ID", base_url="${location.origin}")
found = api.find_similar_images(requests.FindSimilarImagesRequest(
    search_context_id=${python(name)}, similarity_threshold=${Math.round(100 * (question.threshold ?? 0))}, max_count=20, ${imageOf(question)}))
print(found.results)`,
};

/** The first example as these clients name it. */
function recordOf(question) {
  const [source] = partsOf(question).sources;
  if (source.startsWith("id:")) return { _id: source.slice(3) };
  return isFile(source) ? { _file: source } : { _url: source };
}

function imageOf(question) {
  const [source] = partsOf(question).sources;
  return source.startsWith("id:") ? `image_id=${python(source.slice(3))}` : `image_data="${YOURS}"`;
}
