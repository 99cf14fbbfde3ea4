/** Use it from code: the lines that do what the page shows, with this address, this collection and this question in them. */

import { address } from "./route.js";
import { conditionOf, kindOf } from "./query.js";
import { Button, html, toast, useKept } from "./ui.js";

const LANGUAGES = { command: "Command line", python: "Python", curl: "curl", ximilar: "Ximilar", watson: "Watson", aspose: "Aspose" };

const LOCAL = ["command", "python"];

/** The panel; `told` is the collection, `question` what is asked of it now. */
export function Code({ told, question }) {
  const [chosen, choose] = useKept("code", "command");
  const language = chosen in LANGUAGES ? chosen : "command";
  const lines = LINES[language](told, question);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(lines);
      toast("Copied.");
    } catch {
      toast("The browser does not allow copying. Mark the lines and copy them.", "bad");
    }
  };
  return html`<div class="code">
    <div class="tabs" role="tablist" aria-label="Language">${Object.entries(LANGUAGES).map(([name, text]) =>
      html`<button type="button" role="tab" key=${name} class="tab" aria-selected=${String(name === language)} onClick=${() => choose(name)}>${text}</button>`)}</div>
    <pre tabindex="0" aria-label=${LANGUAGES[language]}><code>${lines}</code></pre>
    <div class="actions"><p class="muted">${LOCAL.includes(language) ? "On the server's machine, with the home that it serves." : html`Where the server asks for a key, <a
      href=${address(["settings"])}>make one in Settings</a>.`}</p>
      <${Button} icon="link" kind="primary small" onClick=${copy}>Copy</${Button}></div>
  </div>`;
}

const YOURS = "photo.jpg"; // stands for a picture that is on this device alone
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const python = (value) => JSON.stringify(value).replace(/\btrue\b/g, "True").replace(/\bfalse\b/g, "False").replace(/\bnull\b/g, "None");

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

function command({ name }, question) {
  const { sources: like, unlike, filter, threshold, groupBy, diversity, collapse, verify } = partsOf(question);
  return ["lookalike find", ...like.map(quoted), `--collection ${quoted(name)}`,
    ...unlike.map((one) => `--unlike ${quoted(one)}`),
    threshold && `--threshold ${threshold}`,
    filter && `--filter ${quoted(JSON.stringify(filter))}`,
    groupBy && `--group-by ${quoted(groupBy)}`,
    diversity > 0 && `--diversity ${diversity}`,
    collapse && "--collapse",
    verify && "--verify 100",
  ].filter(Boolean).join(" ");
}

function pythonLines({ name }, question) {
  const { sources: like, unlike, filter, threshold, groupBy, diversity, collapse, verify } = partsOf(question);
  const given = [like.length === 1 ? python(like[0]) : `like=${python(like)}`,
    unlike.length > 0 && `unlike=${python(unlike)}`,
    threshold && `threshold=${threshold}`,
    filter && `filter=${python(filter)}`,
    groupBy && `group_by=${python(groupBy)}`,
    diversity > 0 && `diversity=${diversity}`,
    collapse && "collapse=True",
    verify && "verify=100",
  ].filter(Boolean);
  return `import lookalike

with lookalike.open() as library:
    collection = library.collection(${python(name)})
    for match in collection.search(${given.join(", ")}):
        print(match.score, match.id)`;
}

function curl({ name }, question) {
  const { sources: like, unlike, filter, threshold, groupBy, diversity, collapse, verify } = partsOf(question);
  const stored = like.filter((one) => !isFile(one));
  const body = {
    ...(stored.length && { like: stored }), ...(unlike.length && { unlike }), ...(threshold && { threshold }), ...(filter && { filter }),
    ...(groupBy && { group_by: groupBy }), ...(diversity && { diversity }), ...(collapse && { collapse }), ...(verify && { verify: 100 }), limit: 20,
  };
  const url = `${location.origin}/api/v1/collections/${encodeURIComponent(name)}/search`;
  const key = '  -H "Authorization: Bearer $LOOKALIKE_KEY" \\';
  if (stored.length < like.length) return `curl -X POST ${quoted(url)} \\\n${key}\n  -F file=@${YOURS} -F ${quoted(`query=${JSON.stringify(body)}`)}`;
  return `curl -X POST ${quoted(url)} \\\n${key}\n  -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;
}

const LINES = {
  command,
  python: pythonLines,
  curl,
  ximilar: ({ name }, question) => `from ximilar.client.search import SimilarityPhotosClient

client = SimilarityPhotosClient(token="KEY", collection_id=${python(name)}, endpoint="${location.origin}/similarity/photos/v2/")
print(client.search(${python(recordOf(question))}, k=20)["answer_records"])`,
  watson: ({ name }) => `from watson_developer_cloud import VisualRecognitionV3

client = VisualRecognitionV3("2016-05-20", url="${location.origin}/visual-recognition/api", api_key="KEY")
with open("${YOURS}", "rb") as picture:
    print(client.find_similar(${python(name)}, picture, limit=20)["similar_images"])`,
  aspose: ({ name }, question) => `from asposeimagingcloud import ImagingApi
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
