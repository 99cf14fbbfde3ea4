/** Settings: who may call the server, and how it is. */

import * as api from "./api.js";
import { button, bytes, confirm, field, fill, formOf, h, number, openDialog, select, toast } from "./dom.js";

const EVERY_MS = 3000;
const SCOPES = [["read", "read: ask"], ["write", "write: ask and change pictures"], ["admin", "admin: also keys"]];
const QUOTAS = [
  ["collections", "Collections", "that it may make"],
  ["images", "Pictures", "in its collections"],
  ["bytes", "Bytes", "that these may take on disk"],
  ["requests_per_s", "Requests a second", "in the long run"],
];

export function showSettings(place) {
  document.title = "Settings · lookalike";
  const keys = h("section", { class: "panel", "aria-label": "Keys" });
  const figures = h("section", { class: "panel", "aria-label": "Live figures" });
  const session = h("section", { class: "panel", "aria-label": "This server" });
  fill(place, h("div", { class: "head" }, h("h1", {}, "Settings")), session, keys, figures);
  showSession(session);
  showKeys(keys, () => showSession(session));
  return { close: follow(figures) };
}

async function showSession(place) {
  try {
    const told = await api.session();
    const who = told.key ? `You use the key "${told.key.name}" (${told.key.scope}).` : "Without keys, anyone on this machine may use this server; other machines may not.";
    fill(place, h("h2", {}, "This server"),
      h("p", {}, `lookalike ${told.version}. ${who}`),
      h("div", { class: "actions" },
        h("a", { class: "button small", href: "/docs/" }, "The HTTP interface"),
        told.key && button("Sign out", signOut, { kind: "small" })));
  } catch (error) {
    fill(place, h("p", { class: "trouble" }, error.message));
  }
}

async function signOut() {
  await api.closeSession().catch((error) => toast(error.message, "bad"));
  location.reload();
}

async function showKeys(place, changed) {
  const again = () => {
    showKeys(place, changed);
    changed();
  };
  try {
    const held = await api.keys();
    const make = button("New key", () => create(held.length === 0, again), { icon: "key", kind: "small" });
    fill(place, h("div", { class: "panel-head" }, h("h2", {}, "Keys"), make),
      held.length ? table(held, again) : h("p", { class: "muted" }, "No keys yet. From the first key on, every call needs one."));
  } catch (error) {
    const text = error.status === 403 ? "Your key may not see the keys: that takes the scope admin." : error.message;
    fill(place, h("h2", {}, "Keys"), h("p", { class: "muted" }, text));
  }
}

function table(held, again) {
  const rows = held.map((key) => h("tr", { class: key.revoked_at ? "is-over" : "" },
    h("th", { scope: "row" }, key.name), h("td", {}, key.scope),
    h("td", {}, key.collections.join(", ") || "all"), h("td", {}, quotaText(key.quotas)), h("td", {}, stateOf(key)),
    h("td", { class: "row-actions" }, !key.revoked_at && [
      button("New secret", () => rotate(key, again), { label: `New secret for ${key.name}`, kind: "ghost small" }),
      button("Revoke", () => revoke(key, again), { label: `Revoke ${key.name}`, kind: "ghost small warn" })])));
  const names = ["Name", "Scope", "Collections", "Quotas", "State", "Actions"];
  return h("div", { class: "table-place", tabindex: 0, role: "region", "aria-label": "Table of keys" },
    h("table", {}, h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows)));
}

function quotaText(quotas) {
  const told = QUOTAS.filter(([name]) => quotas[name] !== null).map(([name, text]) =>
    `${name === "bytes" ? bytes(quotas[name]) : number(quotas[name])}${name === "bytes" ? "" : ` ${text.toLowerCase()}`}`);
  return told.join(", ") || "none";
}

function stateOf(key) {
  const day = (text) => text.slice(0, 10);
  if (key.revoked_at) return `revoked ${day(key.revoked_at)}`;
  if (!key.expires_at) return "valid";
  return new Date(key.expires_at) < new Date() ? `ended ${day(key.expires_at)}` : `valid until ${day(key.expires_at)}`;
}

function create(isFirst, again) {
  openDialog("New key", (dialog) => {
    const name = h("input", { type: "text", required: true, autocomplete: "off", autofocus: true });
    const scope = select(isFirst ? SCOPES.slice(2) : SCOPES, isFirst ? "admin" : "write");
    const collections = h("input", { type: "text", autocomplete: "off" });
    const days = h("input", { type: "number", min: 0, step: "any" });
    const quotas = QUOTAS.map(([quota, text, hint]) => [quota, h("input", { type: "number", min: 0, step: "any" }), text, hint]);
    const submit = async () => {
      const amount = (input) => (input.value === "" ? null : Number(input.value));
      const made = await api.createKey({
        name: name.value.trim(),
        scope: scope.value,
        collections: collections.value.split(",").map((word) => word.trim()).filter(Boolean),
        expires_days: amount(days),
        quotas: Object.fromEntries(quotas.map(([quota, input]) => [quota, amount(input)])),
      });
      if (isFirst) await api.openSession(made.key); // else the next call would already be refused
      dialog.close();
      showSecret(made);
      again();
    };
    const hint = isFirst ? "The first key is yours: from now on every call needs one, and this page uses it." : "";
    return formOf("Make the key", submit, dialog,
      field("Name", name), field("Scope", scope, hint),
      !isFirst && field("Collections", collections, "Names, parted by commas; empty for all."),
      h("details", {}, h("summary", {}, "End and quotas"),
        field("Ends after days", days, "Empty: never."),
        quotas.map(([, input, text, told]) => field(text, input, `${told}; empty: no limit`))));
  });
}

function showSecret(made) {
  openDialog(`The key "${made.name}"`, (dialog) => {
    const secret = h("input", { type: "text", readonly: true, class: "secret", value: made.key });
    const copy = () => navigator.clipboard.writeText(made.key).then(() => toast("Copied."), () => secret.select());
    return [field("Keep it safe: it is shown this once", secret),
      h("div", { class: "actions" }, button("Copy", copy), button("Done", () => dialog.close(), { kind: "primary" }))];
  }, { kind: "narrow" });
}

async function rotate(key, again) {
  if (!(await confirm(`New secret for ${key.name}?`, "The old secret is void at once.", "Make a new secret"))) return;
  await act(async () => showSecret(await api.rotateKey(key.id)), again);
}

async function revoke(key, again) {
  if (!(await confirm(`Revoke ${key.name}?`, "Whoever uses it is refused at once, for good.", "Revoke"))) return;
  await act(() => api.revokeKey(key.id), again);
}

async function act(work, again) {
  try {
    await work();
  } catch (error) {
    toast(error.message, "bad");
  }
  again();
}

/** Show the figures every few seconds until the function that it gives is called. */
function follow(place) {
  let isPaused = false;
  let before = null; // requests and when, for a rate
  const health = h("p", { class: "health" });
  const shown = h("dl", { class: "figures" });
  const pause = button("Pause", () => {
    isPaused = !isPaused;
    pause.lastChild.textContent = isPaused ? "Go on" : "Pause";
  }, { kind: "small" });
  fill(place, h("div", { class: "panel-head" }, h("h2", {}, "Live figures"), pause), health, shown);
  const look = async () => {
    if (isPaused || document.hidden) return;
    const state = await api.readiness();
    fill(health, h("span", { class: `dot is-${state}` }), { ok: "The server takes work.", starting: "The server is starting.", ending: "The server is ending.", full: "The disk is full: questions are answered, and nothing is stored." }[state] ?? "The server does not answer.");
    try {
      const found = await api.metrics();
      const requests = sum(found, "lookalike_requests_total");
      const now = performance.now();
      const rate = before && (requests - before.requests) / ((now - before.now) / 1000);
      before = { requests, now };
      fill(shown, figuresOf(found, requests, rate).map(([name, value]) => h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, value))));
    } catch (error) {
      fill(shown, h("div", {}, h("dt", {}, "No figures"), h("dd", {}, error.message)));
    }
  };
  look();
  const timer = setInterval(look, EVERY_MS);
  return () => clearInterval(timer);
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
