// Numbers over time, with marks where somebody or a deploy changed something.
import { html, useEffect, useState } from "../lib/ui.js";
import { duration } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { filter, place } from "../lib/router.js";
import { shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { Head, Loaded, Panel } from "../parts/basics.js";
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
    <div class="two">${Object.keys(words.metricName).map((name) =>
      html`<${Metric} key=${name} name=${name} span=${span} queue=${filters.queue}
      tell=${name === "throughput" ? setMarkers : null} />`)}
      <${Panel} title="What changed">${markers?.length ? html`<${Markers} markers=${markers} limit=${12} />`
        : html`<p class="faint">No deploy, pause or hold in this time.</p>`}<//></div>`;
}
