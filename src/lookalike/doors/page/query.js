/** The question of a search: read from the address, written to it, and turned into what the server takes. */

import { recordPicture } from "./api.js";
import { readMore, typed } from "./conditions.js";
import { base64Of, blobOfText, keepPicture, pictureOf, sizeOf, textOf } from "./pictures.js";
import { checkSize } from "./rights.js";

const KEPT = "file:"; // a picture on this device
const CARRIED = "pic:"; // a picture within the link itself
export const VERIFIED = 100; // matches: as many as collections for copies verify by themselves

/** Read the question from the parameters of an address. */
export function readQuestion(parameters) {
  const share = (name) => (parameters.has(name) ? Math.min(1, Math.max(0, Number(parameters.get(name)) || 0)) : null);
  return {
    like: parameters.getAll("like"),
    unlike: parameters.getAll("unlike"),
    crop: readCrop(parameters.get("crop")),
    threshold: share("threshold"),
    filter: readFilter(parameters.get("filter")),
    groupBy: parameters.get("group_by"),
    diversity: share("diversity") ?? 0,
    collapse: parameters.has("collapse"),
    verify: parameters.has("verify"),
    more: readMore(parameters),
    shown: parameters.get("show"),
  };
}

function readCrop(text) {
  const crop = (text ?? "").split(",").map(Number);
  return crop.length === 4 && crop.every((share) => share >= 0 && share <= 1) ? crop : null;
}

function readFilter(text) {
  try {
    const filter = JSON.parse(text ?? "{}");
    return filter && typeof filter === "object" && !Array.isArray(filter) ? filter : {};
  } catch {
    return {};
  }
}

/** Write a question as parameters; what is at its default is left out. `groupBy` "" is no groups, null those of the collection. */
export function writeQuestion(question) {
  const told = [
    ...question.like.map((one) => ["like", one]),
    ...question.unlike.map((one) => ["unlike", one]),
    ["crop", question.crop && question.crop.map((share) => Number(share.toFixed(4))).join(",")],
    ["threshold", question.threshold],
    ["filter", Object.keys(question.filter).length ? JSON.stringify(question.filter) : null],
    ["group_by", question.groupBy],
    ["diversity", question.diversity || null],
    ["collapse", question.collapse ? "1" : null],
    ["verify", question.verify ? "1" : null],
    ...Object.entries(question.more),
    ["show", question.shown],
  ];
  return told.filter(([name, value]) => value !== null && value !== undefined && (value !== "" || name === "group_by"));
}

export const exampleOfId = (id) => `id:${id}`;
export const exampleOfFile = async (file) => KEPT + (await keepPicture(file));

/** Say what kind an example is, with what names it: {kind: "id" | "url" | "kept" | "carried", name}. */
export function kindOf(example) {
  if (example.startsWith("id:")) return { kind: "id", name: example.slice(3) };
  if (example.startsWith(KEPT)) return { kind: "kept", name: example.slice(KEPT.length) };
  if (example.startsWith(CARRIED)) return { kind: "carried", name: example.slice(CARRIED.length) };
  return { kind: "url", name: example };
}

/** Take in the pictures that a link carried, so that the address is short again. */
export async function takeCarried(question) {
  const take = (example) => {
    const { kind, name } = kindOf(example);
    return kind === "carried" ? exampleOfFile(blobOfText(name)) : example;
  };
  return {
    ...question,
    like: await Promise.all(question.like.map(take)),
    unlike: await Promise.all(question.unlike.map(take)),
  };
}

/** Put the pictures of this device into the question itself, so that its link works elsewhere. */
export async function carry(question) {
  const put = async (example) => {
    const { kind, name } = kindOf(example);
    const picture = kind === "kept" ? await pictureOf(name) : null;
    return picture ? CARRIED + (await textOf(picture.blob)) : example;
  };
  return {
    ...question,
    like: await Promise.all(question.like.map(put)),
    unlike: await Promise.all(question.unlike.map(put)),
  };
}

/** Give the picture of an example as a blob; null for what this device cannot show. */
export async function blobOf(collection, example) {
  const { kind, name } = kindOf(example);
  if (kind === "id") return recordPicture(collection, name);
  if (kind === "kept") return (await pictureOf(name))?.blob ?? null;
  return kind === "carried" ? blobOfText(name) : null;
}

/** Make the condition that the chosen facets are; null when none is chosen. */
export function conditionOf(question, { without } = {}) {
  return joined(conditionsOf(question, without));
}

function conditionsOf(question, without) {
  const chosen = Object.entries(question.filter).filter(([field]) => field !== without);
  return chosen.map(([field, wanted]) => ({ [field]: Array.isArray(wanted) ? { $in: wanted } : wanted }));
}

const joined = (conditions) => (conditions.length ? { $and: conditions } : null);

/** Make the condition of a search: the chosen facets, and that the examples themselves are no answers. */
export function searchConditionOf(question) {
  const examples = [...question.like, ...question.unlike].map(kindOf).filter(({ kind }) => kind === "id");
  const others = examples.length ? [{ _id: { $nin: examples.map(({ name }) => name) } }] : [];
  return joined([...conditionsOf(question), ...others]);
}

/** Make the body of a search; pictures travel as they are. */
export async function bodyOf(collection, question, page = {}) {
  const told = { ...optionsOf(question), ...page };
  for (const { name, value } of await typed(question.more ?? {})) told[name] = value;
  const files = [];
  const like = [];
  for (const [place, example] of question.like.entries()) {
    const isCropped = place === 0 && question.crop;
    const { kind } = kindOf(example);
    if (kind === "kept" || isCropped) files.push(await needed(collection, example));
    else like.push(example);
  }
  if (question.crop && files.length) told.crop = await cropOf(question.crop, files[0]);
  if (like.length) told.like = like;
  if (question.unlike.length) told.unlike = await Promise.all(question.unlike.map((one) => textOfExample(collection, one)));
  if (!files.length) return told;
  const form = new FormData();
  form.append("query", new Blob([JSON.stringify(told)], { type: "application/json" }));
  files.forEach((blob) => form.append("file", blob, "query"));
  return form;
}

function optionsOf(question) {
  const filter = searchConditionOf(question);
  return {
    ...(filter && { filter }),
    ...(question.threshold && { threshold: question.threshold }),
    ...(question.groupBy && { group_by: question.groupBy }),
    ...(question.diversity && { diversity: question.diversity }),
    ...(question.collapse && { collapse: true }),
    ...(question.verify && { verify: VERIFIED }),
  };
}

/** An error that is not to be tried again as it was. */
const lasting = (message) => Object.assign(new Error(message), { status: 400 });

async function needed(collection, example) {
  const blob = await blobOf(collection, example);
  if (!blob) throw lasting("A picture of this search is not on this device. Take it away, or add it again.");
  if (kindOf(example).kind === "kept") checkSize(blob);
  return blob;
}

async function textOfExample(collection, example) {
  return kindOf(example).kind === "kept" ? base64Of(await needed(collection, example)) : example;
}

/** Give the crop of a question in pixels of its first example, as this page sends that. */
export async function croppedOf(collection, { like: [example], crop }) {
  return cropOf(crop, await needed(collection, example));
}

/** Turn a crop in shares into pixels. */
async function cropOf(crop, blob) {
  const size = await sizeOf(blob);
  if (!size) throw lasting("This browser cannot show the picture, so it cannot be cropped. Take the crop away.");
  return pixelsOf(crop, size);
}

/** Turn a crop in shares into pixels of a picture of some size. */
export function pixelsOf([x, y, width, height], size) {
  const left = Math.min(size.width - 1, Math.round(x * size.width));
  const top = Math.min(size.height - 1, Math.round(y * size.height));
  return [
    left,
    top,
    Math.max(1, Math.min(size.width - left, Math.round(width * size.width))),
    Math.max(1, Math.min(size.height - top, Math.round(height * size.height))),
  ];
}
