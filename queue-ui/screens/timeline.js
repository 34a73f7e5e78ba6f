// What happened to an order, oldest first: its steps, the calls to ParcelX, what people did, its jobs.
import { html, useEffect, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { clock, duration, plural } from "../lib/format.js";
import { prefs } from "../lib/prefs.js";
import { useList } from "../lib/resource.js";
import { Link, to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import { At, Badge, Empty, Failed, Loading, Panel, ProblemNote, Stale } from "../parts/basics.js";
import { Call } from "./call.js";

const KINDS = { all: "All", call: "Calls", step: "Steps", audit: "People", job: "Jobs" };

function Meta({ entry }) {
  const parts = [];
  if (entry.actor) parts.push(html`by <${Data} value=${entry.actor} />`);
  if (entry.version) parts.push(html`version <${Data} value=${entry.version} />`);
  if (entry.attempt !== undefined && entry.attempt !== null) parts.push(`try ${entry.attempt}`);
  if (entry.statusCode) parts.push(`HTTP ${entry.statusCode}`);
  if (entry.durationMs !== undefined && entry.durationMs !== null) parts.push(duration(entry.durationMs));
  if (entry.jobQueue && entry.jobId) {
    parts.push(html`<${Link} href=${to(["q", entry.jobQueue, "jobs", entry.jobId])}>job<//>`);
  }
  if (!parts.length) return null;
  return html`<span class="meta">
    ${parts.map((part, n) => html`<span key=${n}>${n > 0 && " · "}${part}</span>`)}</span>`;
}

function Entry({ order, entry, open, toggle }) {
  const tone = entry.tone ?? "info";
  return html`<li class="kind-${entry.kind}"><time dateTime=${entry.at} title=${entry.at}>${clock(entry.at)}
    </time>
    <span class="rail" aria-hidden="true"><i class="${tone} ${entry.kind}"></i></span>
    <div class="entry"><div class="head"><span class="title"><${Data} value=${entry.title} /></span>
      ${entry.verdict && html`<${Badge} plain tone=${tone}>${shown(entry.verdict)}<//>`}
        <${Meta} entry=${entry} /></div>
      ${entry.detail && entry.detail !== entry.verdict
        && html`<p class="detail"><${Data} value=${entry.detail} /></p>`}
      ${entry.callId && html`<button class="btn small" aria-expanded=${open ? "true" : "false"}
        onClick=${toggle}>
        ${open ? "Hide what was said" : "What was said"}</button>`}
      ${open && html`<${Call} order=${order} id=${entry.callId} />`}</div></li>`;
}

export function Timeline({ id, version }) {
  prefs.use();
  const [kind, setKind] = useState("all");
  const [open, setOpen] = useState(undefined);
  const about = (event) => event.type !== "typing"
    && Object.values(event.data).some((value) => typeof value === "string" && value.includes(id));
  const list = useList((cursor, signal) => api.timeline(id, { cursor }, signal), [id, version], about,
    (entry) => `${entry.at} ${entry.kind} ${entry.callId ?? ""} ${entry.jobId ?? ""} ${entry.title}`);
  const rows = [...(list.rows ?? []), ...list.waiting];
  const calls = rows.filter((entry) => entry.kind === "call" && entry.callId);
  // The last call that went wrong is open from the start: mostly it is what one came for.
  const last = [...calls].reverse().find((entry) => entry.tone === "bad");
  useEffect(() => {
    if (open === undefined && last) setOpen(last.callId);
  }, [last?.callId]);
  const kinds = Object.keys(KINDS).filter((name) => name === "all"
    || rows.some((entry) => entry.kind === name));
  const shownRows = kind === "all" ? rows : rows.filter((entry) => entry.kind === kind);
  return html`<${Panel} title="Timeline" flush
    tools=${html`<span class="grow"></span><div class="segment" role="group" aria-label="Show">
    ${kinds.map((name) => html`<button key=${name} aria-pressed=${kind === name ? "true" : "false"}
      onClick=${() => setKind(name)}>${KINDS[name]}</button>`)}</div>`}>
    ${!list.rows ? (list.error ? html`<${Failed} error=${list.error} retry=${list.reload} />`
      : html`<${Loading} />`)
      : !rows.length ? html`<${Empty} title="Nothing has happened yet" />`
      : html`${list.error && html`<${Stale} of=${list} />`}<ol class="timeline">
        ${shownRows.map((entry, n) => html`<${Entry} key=${n} order=${id} entry=${entry}
          open=${Boolean(entry.callId) && open === entry.callId}
          toggle=${() => setOpen(open === entry.callId ? null : entry.callId)} />`)}</ol>
        ${list.hasMore && html`<div class="pager"><span>${plural(rows.length, "entry", "entries")} so far,
          oldest first</span>
          <button class="btn small" disabled=${list.tail.loading} onClick=${list.more}>Load more</button>
            </div>`}
        <${ProblemNote} error=${list.tail.error} />`}<//>`;
}
