// How things stand: is ParcelX held, what needs a person, what fails and why, what runs.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count, duration, plural } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { Link, to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { Ago, Empty, Head, Loaded, Panel, useNow } from "../parts/basics.js";
import { Chart, Markers } from "../parts/chart.js";
import { overview } from "../parts/overview-store.js";
import { Progress } from "./operations.js";
import { Group } from "./failures.js";
import { Hold } from "./hold.js";
import { QueueTable } from "./queue-table.js";

function Tiles({ data }) {
  const now = useNow();
  const of = (state) => data.orders?.find((entry) => entry.providerSyncStatus === state) ?? { count: 0 };
  const orders = (state) => to(["orders"], { providerSyncStatus: state });
  const waiting = ["queued", "processing", "retrying"].map(of);
  const sum = waiting.reduce((n, entry) => n + entry.count, 0);
  const open = data.oldestOpen;
  const tile = (href, label, value, sub, tone) =>
    html`<${Link} key=${label} class="tile ${tone ?? ""}" href=${href}>
    <span class="label">${label}</span><span class="value">${value}</span><span class="sub">${sub}</span>
      <//>`;
  return html`<div class="tiles">
    ${tile(to(["review"]), "Need a person", count(data.review?.total ?? 0, data.review?.capped),
      data.review?.total ? "on the review desk" : "nothing to settle", data.review?.total ? "review" : "")}
    ${tile(orders("queued"), "On their way", count(sum, waiting.some((entry) => entry.capped)),
      `${count(of("retrying").count)} waiting to try again`)}
    ${tile(orders("reconciling"), "Reconciling", count(of("reconciling").count, of("reconciling").capped),
      "outcome not known yet", of("reconciling").count ? "wait" : "")}
    ${tile(open ? to(["orders", open.orderId]) : to(["orders"]), "Oldest open order",
      open ? duration(now - Date.parse(open.since)) : "–", open
        ? (words.sync[open.providerSyncStatus] ?? shown(open.providerSyncStatus)) : "none is open")}
    ${tile(to(["workers"]), "Workers", count(data.workers), data.workers ? "alive"
      : "none: nothing is booked", data.workers ? "" : "bad")}
    ${tile(to(["q", "parcelx-orders-queue"]), "Outbox", count(data.outbox?.waiting ?? 0),
      data.outbox?.oldestAt ? html`oldest <${Ago} value=${data.outbox.oldestAt} />`
        : "all handed to the queue")}
  </div>`;
}

function Reviews({ review }) {
  const rows = review?.byReason ?? [];
  const most = Math.max(1, ...rows.map((entry) => entry.count));
  return html`<${Panel} title="Needs a person" flush
    aside=${rows.length > 0 && html`<${Link} href=${to(["review"])}>Review desk<//>`}>
    ${rows.length ? rows.map((entry) =>
      html`<${Link} key=${entry.code} class="line-item" data-row href=${to(["review"], { code: entry.code })}>
      <span><strong>${shown(words.reviewName(entry.code))}</strong><span class="sub">
        ${words.reviewCode[entry.code]?.[1]}</span></span>
      <span class="value">${count(entry.count, entry.capped)}</span>
      <span class="bar" aria-hidden="true">
        <i class="review" style=${{ width: `${(entry.count / most) * 100}%` }}></i></span><//>`)
      : html`<${Empty} title="Nothing needs a person" />`}<//>`;
}

function Failing({ groups }) {
  return html`<${Panel} title="Failures by cause" flush
    aside=${html`<${Link} href=${to(["failures"])}>All<//>`}>
    ${groups?.length ? groups.map((group) => html`<${Group} key=${group.cause} group=${group} brief />`)
      : html`<${Empty} title="No failures in the last day" />`}<//>`;
}

function Running({ operations }) {
  if (!operations?.length) return null;
  return html`<${Panel} title="Running operations" flush
    aside=${html`<${Link} href=${to(["operations"])}>All<//>`}>
    ${operations.map((op) => html`<${Link} key=${op.id} class="line-item" data-row
      href=${to(["operations", op.id])}>
      <span><strong>${words.operationKind[op.kind] ?? shown(op.kind)}</strong>
        <span class="sub">by <${Data} value=${op.actor} /> · <${Data} value=${op.reason} /></span></span>
      <span class="value">${count(op.done + op.refused + op.failed)} / ${count(op.total, op.capped)}</span>
      <${Progress} operation=${op} /><//>`)}<//>`;
}

const HOURS = 24;
export const rounded = (n) => count(n === null || n === undefined ? n : Math.round(n * 10) / 10);

function Charts() {
  const load = (name) => (signal) => timed(name, HOURS, undefined, signal);
  // Measured by the minute: a hold, a pause or an operation is worth a new look at once, an order is not.
  const live = (event) => ["queue", "account", "operation"].includes(event.type);
  const flow = useResource(load("throughput"), [], live);
  const speed = useResource(load("latency"), [], live);
  const chart = (title, resource, format, how) => html`<${Panel} title=${title} aside="last 24 hours">
    <${Loaded} of=${resource} lines=${4}>
      ${(data) => html`<${Chart} label=${title} ...${how} ...${prepared(data, how.series)} from=${data.from}
        to=${data.to} format=${format} />
      ${how === METRICS.throughput && html`<${Markers} markers=${data.markers} limit=${4} />`}`}<//><//>`;
  return html`<div class="two">${chart("Jobs finished", flow, rounded, METRICS.throughput)}
    ${chart("Time per job", speed, duration, METRICS.latency)}</div>`;
}

/** How each metric is drawn: its series in their order (all when absent), and how points are put together. */
export const METRICS = {
  throughput: { form: "bars", join: "sum", series: ["completed", "failed"] },
  failures: { form: "bars", join: "sum" },
  latency: { join: "mean", series: ["p50", "p95", "p99"] },
  depth: { join: "max" },
  verdicts: { form: "bars", join: "sum" },
};

/** A metric's numbers of the last hours, with the time that was asked for. */
export async function timed(name, hours, queue, signal) {
  const to = new Date();
  const from = new Date(to.getTime() - hours * 3_600_000);
  const data = await api.metrics({ name, queue, from: from.toISOString(), to: to.toISOString() }, signal);
  return { ...data, from: from.toISOString(), to: to.toISOString() };
}

/** What a chart takes of the API's answer: the names of its series are the points' own. */
export function prepared({ points = [], markers, step }, wanted) {
  const found = [...new Set(points.flatMap((point) => Object.keys(point)))].filter((name) => name !== "at"
    && name !== "count"
    && points.some((point) => typeof point[name] === "number"));
  return { points, markers, step, series: wanted ? wanted.filter((name) => found.includes(name)) : found };
}

export function Overview() {
  const resource = overview.use();
  return html`<${Head} title="Overview" />
    <${Loaded} of=${resource} lines=${10}>${(data) => html`
      ${data.account?.hold && html`<${Hold} account=${data.account} reload=${resource.reload} />`}
      <${Tiles} data=${data} />
      <${Panel} title="Queues" flush><${QueueTable} queues=${data.queues ?? []} /><//>
      <${Running} operations=${data.operations} />
      <div class="two"><${Reviews} review=${data.review} /><${Failing} groups=${data.failures} /></div>
      <${Charts} />
      <p class="sr" role="status">${plural(data.queues?.length ?? 0, "queue")}</p>`}<//>`;
}
