// What fails, by cause: the provider's words with numbers and names folded, so that one cause is one line.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count, plural } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { filter, Link, place, to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { Ago, Badge, Empty, Head, Loaded, Panel } from "../parts/basics.js";
import { bulk } from "../parts/bulk.js";
import { Spark } from "../parts/chart.js";

const SPANS = { "1h": ["1 hour", 1], "6h": ["6 hours", 6], "24h": ["24 hours", 24], "7d": ["7 days", 168] };
const TONE = { refused: "bad", review: "review", internal: "bad", provider: "wait" };

export function Group({ group, brief, since }) {
  const trend = html`<${Spark} values=${group.trend} label=${`per hour: ${(group.trend ?? []).join(", ")}`}
    />`;
  const about = html`<span class="sub"><${Badge} plain tone=${TONE[group.kind] ?? "mute"}>
    ${words.failureKind[group.kind] ?? shown(group.kind)}<//>
    ${" "}${plural(group.merchants ?? 0, "merchant")} · last <${Ago} value=${group.lastAt} />
      ${!brief && html` · first <${Ago} value=${group.firstAt} />`}</span>`;
  const cause = html`<strong class=${brief ? "clip" : ""}><${Data}
    value=${group.kind === "review" ? words.reviewName(group.cause) : group.cause} /></strong>`;
  if (brief) {
    return html`<${Link} class="line-item" data-row href=${to(["orders", group.sampleOrderId])}
      title="Open one of them"><span>${cause}${about}</span>
      <span class="row">${trend}<span class="value">${count(group.count, group.capped)}</span></span><//>`;
  }
  return html`<div class="line-item link" data-row><span>${cause}${about}</span>
    <span class="row">${trend}<span class="value">${count(group.count, group.capped)}</span>
      <${Link} class="btn small" data-rowfocus href=${to(["orders", group.sampleOrderId])}>Open one<//>
      ${group.kind === "refused" && html`<${ActButton} small right="operation.run" label="Send again…"
        onClick=${() => bulk({ kind: "orders.resend", filter: { cause: group.cause, from: since } })} />`}
      ${group.kind === "review"
        && html`<${Link} class="btn small" href=${to(["review"], { code: group.cause })}>Review desk<//>`}
        </span></div>`;
}

export function Failures() {
  const { filters } = place.use();
  const span = SPANS[filters.since] ? filters.since : "24h";
  const since = new Date(Math.floor(Date.now() / 60_000) * 60_000 - SPANS[span][1] * 3_600_000).toISOString();
  const list = useResource((signal) => api.failures({ since, limit: 50 }, signal), [span], (event) =>
    event.type === "order");
  return html`<${Head} title="Failures">Grouped by cause; digits, ids and quoted names are folded. The line
    shows failures per hour.<//>
    <div class="chips" role="group" aria-label="Since">${Object.entries(SPANS).map(([name, [label]]) => html`
      <button class="chip" key=${name} aria-pressed=${span === name ? "true" : "false"}
        onClick=${() => filter({ since: name })}>${label}</button>`)}</div>
    <${Panel} flush><${Loaded} of=${list}>${({ items, capped }) => html`
      ${items.length ? items.map((group) =>
        html`<${Group} key=${`${group.kind} ${group.cause}`} group=${group} since=${since} />`)
        : html`<${Empty} title=${`Nothing failed in the last ${SPANS[span][0]}`} />`}
      ${capped && html`<p class="pager">Only the newest failures were read; older ones are not counted.
        </p>`}`}<//><//>`;
}
