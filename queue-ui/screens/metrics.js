// Numbers over time, with marks where somebody or a deploy changed something.
import { html, useEffect, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count, duration } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { filter, place } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { At, Badge, Empty, Head, Loaded, Panel } from "../parts/basics.js";
import { Chart, Markers } from "../parts/chart.js";
import { Filters } from "../parts/filters.js";
import { overview } from "../parts/overview-store.js";
import { METRICS, prepared, rounded, timed } from "./overview.js";

const SPANS = { "1h": ["1 hour", 1], "6h": ["6 hours", 6], "24h": ["24 hours", 24], "7d": ["7 days", 168],
  "30d": ["30 days", 720] };
function Metric({ name, span, queue, tell }) {
  const hours = SPANS[span][1];
  const load = (signal) => timed(name, hours, queue, signal);
  const data = useResource(load, [name, span, queue], (event) =>
    ["queue", "account", "operation"].includes(event.type));
  useEffect(() => tell?.(data.data?.markers ?? null), [data.data]);
  return html`<${Panel} title=${words.metricName[name]}>
    <${Loaded} of=${data} lines=${4}>
      ${(found) => html`<${Chart} label=${words.metricName[name]} ...${METRICS[name]}
        ...${prepared(found, METRICS[name].series)}
      from=${found.from} to=${found.to} format=${name === "latency" ? duration : rounded} height=${210} />`}
        <//><//>`;
}

/** Whether the account is held, and which workers leave ParcelX alone for a while. */
function Standing({ account, workers, breakers }) {
  const { hold } = account ?? {};
  const line = (name, sub, badge) => html`<div class="line-item"><span><strong>${name}</strong>
    <span class="sub">${sub}</span></span><span class="value">${badge}</span></div>`;
  return html`${line("Account", hold ? html`since <${At} value=${hold.since} />:
      ${" "}${words.holdKind[hold.kind] ?? shown(hold.kind)}` : "orders are booked with it",
    hold ? html`<${Badge} tone="bad">Held<//>` : html`<${Badge} tone="ok">Not held<//>`)}
    ${line("Workers", breakers.length
      ? breakers.map((one) => html`<span class="row" key=${one.worker}><${Data} value=${one.worker} />
        leaves it alone since <${At} value=${one.since} />${one.halfOpen && ", and tries it now"}</span>`)
      : "call it as they need", breakers.length
      ? html`<${Badge} tone="bad">${count(breakers.length)} of ${count(workers)} leave it alone<//>`
      : html`<${Badge} tone=${workers ? "ok" : "bad"}>${count(workers)} alive<//>`)}`;
}

/** Answers, also those that say no to an order: they say nothing bad of ParcelX. */
const ANSWERED = new Set(["booked", "accepted", "answered", "fetched", "refused"]);

function Calls({ operations }) {
  if (!operations.some((one) => one.calls > 0)) {
    return html`<${Empty} title="No call to ParcelX in this time" />`;
  }
  const why = (one) => one.verdicts.filter(({ verdict }) => !ANSWERED.has(verdict)).map((each) =>
    `${count(each.count)} ${words.seriesName[each.verdict] ?? each.verdict}`).join(", ");
  const percentiles = ["p50", "p95", "p99"];
  return html`<div class="table-wrap"><table class="cards three">
    <caption class="sr">Calls to ParcelX</caption><thead><tr><th scope="col">Call</th>
      <th scope="col" class="num">Calls</th><th scope="col" class="num">Refused</th>
      <th scope="col" class="num">Failed</th>
      ${percentiles.map((p) => html`<th key=${p} scope="col" class="num">${p}</th>`)}</tr></thead>
    <tbody>${operations.map((one) => html`<tr key=${one.operation} data-row>
      <td class="wide"><strong>${words.providerOperation[one.operation] ?? shown(one.operation)}</strong></td>
      <td class="num" data-label="Calls">${count(one.calls)}</td>
      <td class="num" data-label="Refused">${count(one.refused)}</td>
      <td class="num" data-label="Failed">${count(one.failed)}
        ${one.failed > 0 && html`<span class="sub">${shown(why(one))}</span>`}</td>
      ${percentiles.map((p) => html`<td key=${p} class="num nowrap" data-label=${p}>
        ${one.latency ? duration(one.latency[p]) : "–"}</td>`)}</tr>`)}</tbody></table></div>`;
}

function Provider({ span }) {
  const load = (signal) => {
    const to = new Date();
    const from = new Date(to.getTime() - SPANS[span][1] * 3_600_000);
    return api.provider({ from: from.toISOString(), to: to.toISOString() }, signal);
  };
  const data = useResource(load, [span], (event) => ["account", "worker", "operation"].includes(event.type));
  return html`<${Panel} title="ParcelX" flush><${Loaded} of=${data} lines=${4}>${(found) => html`
    <${Standing} ...${found} /><${Calls} operations=${found.operations} />`}<//><//>`;
}

export function Metrics() {
  const { filters } = place.use();
  const [markers, setMarkers] = useState(null);
  const span = SPANS[filters.span] ? filters.span : "24h";
  const queues = Object.fromEntries((overview.use().data?.queues ?? []).map(({ name }) =>
    [name, shown(name)]));
  return html`<${Head} title="Metrics" />
    <div class="row"><div class="chips grow" role="group" aria-label="Span">
      ${Object.entries(SPANS).map(([name, [label]]) => html`
      <button class="chip" key=${name} aria-pressed=${span === name ? "true" : "false"}
        onClick=${() => filter({ span: name })}>${label}</button>`)}</div>
      <${Filters} fields=${[{ name: "queue", kind: "choice", label: "Queue", choices: queues,
        all: "All queues" }]} /></div>
    <${Provider} span=${span} />
    <div class="two">${Object.keys(words.metricName).map((name) =>
      html`<${Metric} key=${name} name=${name} span=${span} queue=${filters.queue}
      tell=${name === "throughput" ? setMarkers : null} />`)}
      <${Panel} title="What changed">${markers?.length ? html`<${Markers} markers=${markers} limit=${12} />`
        : html`<p class="faint">No deploy, pause or hold in this time.</p>`}<//></div>`;
}
