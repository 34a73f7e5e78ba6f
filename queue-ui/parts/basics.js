// Small parts: badges, times, the states a view can be in, notes, facts.
import { html, useEffect, useState } from "../lib/ui.js";
import { clock, moment, relative, count } from "../lib/format.js";
import { prefs } from "../lib/prefs.js";
import { Link, to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import { whyNot } from "../lib/session.js";
import * as words from "../lib/strings.js";
import { Icon } from "./icons.js";

export const Badge = ({ tone = "mute", children, plain, title }) =>
  html`<span class="badge ${tone} ${plain ? "plain" : ""}" title=${title}>${children}</span>`;

export const SyncBadge = ({ value }) =>
  html`<${Badge} tone=${words.syncTone[value] ?? "mute"}>${words.sync[value] ?? shown(value)}<//>`;
export const JobBadge = ({ value }) =>
  html`<${Badge} tone=${words.jobTone[value] ?? "mute"}>${words.jobState[value] ?? shown(value)}<//>`;
export const OperationBadge = ({ value }) =>
  html`<${Badge} tone=${words.operationTone[value] ?? "mute"}>${words.operationState[value] ?? shown(value)}
    <//>`;

/** One clock for all relative times: it only turns hands, it asks nobody. */
const hands = new Set();
setInterval(() => document.hidden || hands.forEach((turn) => turn()), 1000);
export function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const turn = () => setNow(Date.now());
    hands.add(turn);
    return () => hands.delete(turn);
  }, []);
  return now;
}

/** A time of day; the whole moment on hover. */
export function At({ value }) {
  prefs.use();
  if (!value) return html`<span class="faint">–</span>`;
  return html`<time class="nowrap" dateTime=${value} title=${`${moment(value)} · ${relative(value)}`}>
    ${clock(value)}</time>`;
}

/** `4 min ago`; the whole moment on hover. */
export function Ago({ value }) {
  const now = useNow();
  if (!value) return html`<span class="faint">–</span>`;
  return html`<time class="nowrap" dateTime=${value} title=${moment(value)}>${relative(value, now)}</time>`;
}

/** The id of a merchant, which leads to its page. */
export const MerchantLink = ({ id, mono }) =>
  html`<${Link} href=${to(["merchants", id])}><${Data} mono=${mono} value=${id} /><//>`;

export const Count = ({ n, capped }) => html`<span>${count(n, capped)}</span>`;

export function Facts({ items }) {
  return html`<dl class="facts">${items.filter(Boolean).map(([label, value]) => html`
    <div key=${label}><dt>${label}</dt><dd>${
      value === null || value === undefined || value === "" ? html`<span class="faint">–</span>`
      : typeof value === "object" ? value : html`<${Data} value=${value} />`}</dd></div>`)}</dl>`;
}

export function Note({ tone = "info", children, icon }) {
  const picture = icon ?? (tone === "bad" || tone === "wait" ? "warn" : "info");
  return html`<div class="note ${tone}" role=${tone === "bad" ? "alert" : "status"}>
    <${Icon} name=${picture} /><div>${children}</div></div>`;
}

export const Panel = ({ title, aside, children, flush, footer, id, tools }) => html`
  <section class="panel" aria-label=${typeof title === "string" ? title : undefined} id=${id}>
    ${title && html`<header><h2>${title}</h2>${tools}${aside && html`<span class="aside">${aside}</span>`}
      </header>`}
    <div class="body ${flush ? "flush" : ""}">${children}</div>
    ${footer && html`<footer>${footer}</footer>`}
  </section>`;

export const Loading = ({ lines = 5 }) => html`
  <div class="skeleton" role="status"><span class="sr">Loading</span>${
    Array.from({ length: lines }, (_, n) => html`<i key=${n}></i>`)}</div>`;

export const Empty = ({ title, children }) => html`
  <div class="state"><strong>${title}</strong>${children && html`<p>${children}</p>`}</div>`;

/** Why a call failed, and what one can do. */
export function ProblemNote({ error }) {
  if (!error) return null;
  return html`<${Note} tone="bad">
    <strong>${shown(error.message)}</strong>
    ${error.errors?.length > 0 && html`<ul>${error.errors.map((e, n) => html`
      <li key=${n}>${e.pointer && html`<span class="mono">${shown(e.pointer)}</span> `}${shown(e.detail
        ?? e.code)}</li>`)}</ul>`}
    <div class="mono">${shown(error.code)}${error.requestId && html` · request ${shown(error.requestId)}`}
      </div>
  <//>`;
}

export function Failed({ error, retry }) {
  if (error.status === 403) {
    return html`<div class="state"><strong>You may not see this</strong>
      <p>${shown(error.message)} Ask an administrator if you need it.</p></div>`;
  }
  if (error.status === 404) {
    return html`<div class="state"><strong>Not found</strong><p>${shown(error.message)}</p></div>`;
  }
  return html`<div class="state" role="alert"><strong>
    ${error.code === "offline" ? "Offline" : "This could not be loaded"}</strong>
    <p>${shown(error.message)} <span class="mono faint">${shown(error.code)}</span></p>
    ${retry && html`<div class="row"><button class="btn" onClick=${retry}>Try again</button></div>`}</div>`;
}

/** A view of what the role does not have: said at once, without asking the server in vain. */
export function NoRight({ right }) {
  return html`<div class="state"><${Icon} name="lock" /><strong>You may not see this</strong><p>
    ${whyNot(right)}</p></div>`;
}

/**
 * Loading, failed (both under `title`, where the screen has no other head), or the data; old data stays,
 * marked, when a reload failed.
 */
export function Loaded({ of, lines, title, children }) {
  if (of.data === undefined) {
    return html`${title && html`<${Head} title=${title} />`}${of.error
      ? html`<${Failed} error=${of.error} retry=${of.reload} />` : html`<${Loading} lines=${lines} />`}`;
  }
  return html`${of.error && html`<${Stale} of=${of} />`}${children(of.data)}`;
}

export function Stale({ of }) {
  return html`<${Note} tone="wait">Stale: this is from <${Ago} value=${new Date(of.at).toISOString()} />.
    ${" "}${shown(of.error.message)} <button class="btn small quiet" onClick=${of.reload}>Try again</button>
      <//>`;
}

export function Head({ title, crumbs, children, tools }) {
  useEffect(() => {
    const name = typeof title === "string" ? title : null;
    document.title = name ? `${name} · Waybill` : "Waybill";
  }, [title]);
  return html`<div class="page-head"><div class="words">
    ${crumbs && html`<nav class="crumbs" aria-label="Where you are">${crumbs}</nav>`}
    <h1 tabindex="-1">${title}</h1>${children && html`<p>${children}</p>`}</div>
    ${tools && html`<div class="row">${tools}</div>`}</div>`;
}
