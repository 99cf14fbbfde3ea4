/** Settings: who may call the server, and how it is. */

import * as api from "./api.js";
import { Button, ButtonLink, confirm, copyText, Field, Form, html, openDialog, Select, toast, Trouble, useEffect, useLoaded, useRef, useState } from "./ui.js";
import { bytes, number } from "./words.js";

const EVERY_MS = 3000;
const SCOPES = [["read", "read: ask"], ["write", "write: ask and change pictures"], ["admin", "admin: also keys"]];
const QUOTAS = [
  ["collections", "Collections", "that it may make"],
  ["images", "Pictures", "in its collections"],
  ["bytes", "Bytes", "that these may take on disk"],
  ["requests_per_s", "Requests a second", "in the long run"],
];
const COLUMNS = ["Name", "Scope", "Collections", "Quotas", "State", "Actions"];
const STATES = {
  ok: "The server takes work.",
  starting: "The server is starting.",
  ending: "The server is ending.",
  full: "The disk is full: questions are answered, and nothing is stored.",
};

export function Settings() {
  const session = useLoaded(() => api.session(), []);
  const keys = useLoaded(() => api.keys(), []);
  useEffect(() => {
    document.title = "Settings · lookalike";
  }, []);
  const again = () => [session, keys].forEach((one) => one.again());
  return html`<div class="head"><h1>Settings</h1></div>
    <section class="panel" aria-label="This server"><h2>This server</h2><${Session} ...${session} /></section>
    <section class="panel" aria-label="Keys"><${Keys} ...${keys} again=${again} /></section>
    <${Figures} />`;
}

function Session({ value: told, error, again }) {
  if (error) return html`<${Trouble} error=${error} again=${again} />`;
  if (!told) return html`<p class="muted" aria-busy="true">Loading ...</p>`;
  const who = told.key ? `You use the key "${told.key.name}" (${told.key.scope}).`
    : "Without keys, anyone on this machine may use this server; other machines may not.";
  return html`<p>lookalike ${told.version}. ${who}</p>
    <div class="actions"><${ButtonLink} kind="small" href="/docs/">The HTTP interface</${ButtonLink}>
      ${told.key && html`<${Button} kind="small" onClick=${signOut}>Sign out</${Button}>`}</div>`;
}

async function signOut() {
  await api.closeSession().catch((error) => toast(error.message, "bad"));
  location.reload();
}

// ---- keys

function Keys({ value: held, error, again }) {
  if (error) {
    const text = error.status === 403 ? "Your key may not see the keys: that takes the scope admin." : error.message;
    return html`<h2>Keys</h2><p class="muted">${text}</p>`;
  }
  const make = async () => {
    const made = await openDialog("New key", NewKey, { isFirst: held.length === 0 });
    if (!made) return;
    showSecret(made);
    again();
  };
  return html`<div class="panel-head"><h2>Keys</h2><${Button} icon="key" kind="small" disabled=${!held} onClick=${make}>New key</${Button}></div>
    ${!held ? html`<p class="muted" aria-busy="true">Loading ...</p>`
      : held.length ? html`<${KeyTable} held=${held} again=${again} />`
      : html`<p class="muted">No keys yet. From the first key on, every call needs one.</p>`}`;
}

const KeyTable = ({ held, again }) => html`<div class="table-place" tabindex="0" role="region" aria-label="Table of keys"><table>
  <thead><tr>${COLUMNS.map((name) => html`<th key=${name} scope="col">${name}</th>`)}</tr></thead>
  <tbody>${held.map((key) => html`<tr key=${key.id} class=${key.revoked_at ? "is-over" : ""}>
    <th scope="row">${key.name}</th><td>${key.scope}</td><td>${key.collections.join(", ") || "all"}</td><td>${quotaText(key.quotas)}</td><td>${stateOf(key)}</td>
    <td class="row-actions">${!key.revoked_at && html`
      <${Button} kind="ghost small" label="New secret for ${key.name}" onClick=${() => rotate(key, again)}>New secret</${Button}>
      <${Button} kind="ghost small warn" label="Revoke ${key.name}" onClick=${() => revoke(key, again)}>Revoke</${Button}>`}</td>
  </tr>`)}</tbody></table></div>`;

function quotaText(quotas) {
  const told = QUOTAS.filter(([name]) => quotas[name] !== null).map(([name, text]) =>
    (name === "bytes" ? bytes(quotas[name]) : `${number(quotas[name])} ${text.toLowerCase()}`));
  return told.join(", ") || "none";
}

function stateOf(key) {
  const day = (text) => text.slice(0, 10);
  if (key.revoked_at) return `revoked ${day(key.revoked_at)}`;
  if (!key.expires_at) return "valid";
  return new Date(key.expires_at) < new Date() ? `ended ${day(key.expires_at)}` : `valid until ${day(key.expires_at)}`;
}

function NewKey({ isFirst, close }) {
  const [scope, setScope] = useState(isFirst ? "admin" : "write");
  const submit = async (values) => {
    const amount = (name) => (values[name] === "" ? null : Number(values[name]));
    const made = await api.createKey({
      name: values.name.trim(),
      scope,
      collections: (values.held ?? "").split(",").map((word) => word.trim()).filter(Boolean),
      expires_days: amount("days"),
      quotas: Object.fromEntries(QUOTAS.map(([quota]) => [quota, amount(quota)])),
    });
    if (isFirst) await api.openSession(made.key); // else the next call would already be refused
    close(made);
  };
  const amount = (name, joined) => html`<input type="number" name=${name} min="0" step="any" ...${joined} />`;
  return html`<${Form} verb="Make the key" submit=${submit} cancel=${() => close()}>
    <${Field} label="Name">${(joined) => html`<input type="text" name="name" required autocomplete="off" autofocus ...${joined} />`}</${Field}>
    <${Field} label="Scope" hint=${isFirst && "The first key is yours: from now on every call needs one, and this page uses it."}>${(joined) =>
      html`<${Select} options=${isFirst ? SCOPES.slice(2) : SCOPES} value=${scope} onChange=${setScope} ...${joined} />`}</${Field}>
    ${!isFirst && html`<${Field} label="Collections" hint="Names, separated by commas; empty for all.">${(joined) =>
      html`<input type="text" name="held" autocomplete="off" ...${joined} />`}</${Field}>`}
    <details><summary>End and quotas</summary>
      <${Field} label="Ends after days" hint="Empty: never.">${(joined) => amount("days", joined)}</${Field}>
      ${QUOTAS.map(([name, text, told]) => html`<${Field} key=${name} label=${text} hint="${told}; empty: no limit">${(joined) => amount(name, joined)}</${Field}>`)}
    </details>
  </${Form}>`;
}

const showSecret = (made) => openDialog(`The key "${made.name}"`, Secret, { secret: made.key }, "narrow");

function Secret({ secret, close }) {
  const box = useRef(null);
  const copy = () => copyText(secret, "Copied.", () => box.current.select());
  return html`<${Field} label="Keep it safe: it is shown this once">${(joined) =>
      html`<input type="text" readonly class="secret" ref=${box} value=${secret} ...${joined} />`}</${Field}>
    <div class="actions"><${Button} onClick=${copy}>Copy</${Button}><${Button} kind="primary" onClick=${() => close()}>Done</${Button}></div>`;
}

async function rotate(key, again) {
  const [made] = await confirm(`New secret for ${key.name}?`, "The old secret is void at once.", "Make a new secret", () => api.rotateKey(key.id));
  if (made) showSecret(made);
  again();
}

async function revoke(key, again) {
  await confirm(`Revoke ${key.name}?`, "Whoever uses it is refused at once, for good.", "Revoke", () => api.revokeKey(key.id));
  again();
}

// ---- figures

/** Figures that are asked for every few seconds. */
function Figures() {
  const [isPaused, setPaused] = useState(false);
  const { state, figures, error } = useFigures(isPaused);
  return html`<section class="panel" aria-label="Live figures">
    <div class="panel-head"><h2>Live figures</h2><${Button} kind="small" onClick=${() => setPaused(!isPaused)}>${isPaused ? "Go on" : "Pause"}</${Button}></div>
    ${state && html`<p class="health"><span class="dot is-${state}"></span>${STATES[state] ?? "The server does not answer."}</p>`}
    ${error ? html`<p class="muted">${error.message}</p>`
      : html`<dl class="figures">${figures.map(([name, value]) => html`<div class="figure" key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
  </section>`;
}

function useFigures(isPaused) {
  const [told, set] = useState({ figures: [] });
  const before = useRef(null); // requests and when, for a rate
  useEffect(() => {
    let isOver = false;
    const look = async () => {
      if (document.hidden) return;
      const [state, found] = await Promise.all([api.readiness(), api.metrics().catch((error) => ({ error }))]);
      if (isOver) return;
      if (found.error) return set((last) => ({ ...last, state, error: found.error }));
      const now = { requests: sum(found, "lookalike_requests_total"), at: performance.now() };
      const rate = before.current && (now.requests - before.current.requests) / ((now.at - before.current.at) / 1000);
      before.current = now;
      set({ state, figures: figuresOf(found, now.requests, rate) });
    };
    if (isPaused) return undefined;
    look();
    const timer = setInterval(look, EVERY_MS);
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [isPaused]);
  return told;
}

const sum = (found, name, fits = () => true) =>
  found.filter(([one, labels]) => one === name && fits(labels)).reduce((all, [, , value]) => all + value, 0);

function figuresOf(found, requests, rate) {
  const of = (name, fits) => sum(found, name, fits);
  const count = of("lookalike_request_seconds_count");
  const mean = count ? (1000 * of("lookalike_request_seconds_sum")) / count : 0;
  const kept = [
    ["Pictures in all", number(of("lookalike_records"))],
    ["On disk", bytes(of("lookalike_bytes_on_disk"))],
  ];
  if (!found.some(([name]) => name === "lookalike_workers")) return kept; // a key for some collections sees these alone
  return [
    ["Requests", number(requests)],
    ["Requests a second", rate === null ? "..." : rate.toFixed(1)],
    ["Mean time to answer", `${mean.toFixed(1)} ms`],
    ["Failures of the server", number(of("lookalike_requests_total", ({ status }) => status.startsWith("5")))],
    ["Waiting", number(of("lookalike_queue_depth"))],
    ["Workers idle", `${number(of("lookalike_workers_idle"))} of ${number(of("lookalike_workers"))}`],
    ["Pictures added", number(of("lookalike_images_total", ({ outcome }) => outcome === "added" || outcome === "updated"))],
    ...kept,
    ["Refused", number(of("lookalike_refusals_total"))],
  ];
}
