// Bulk work that was started: what it does, by whom, how far it is.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count } from "../lib/format.js";
import { useList } from "../lib/resource.js";
import { to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { Ago, Empty, Head, OperationBadge, Panel } from "../parts/basics.js";
import { List } from "../parts/table.js";

/** How many were done, refused and failed, of all. */
export function Progress({ operation, tall }) {
  const { done = 0, refused = 0, failed = 0, total = 0 } = operation;
  const all = Math.max(total, done + refused + failed, 1);
  const part = (n) => ({ width: `${(n / all) * 100}%` });
  const told = `${done} done, ${refused} refused, ${failed} failed of ${total}`;
  return html`<span class="bar ${tall ? "tall" : ""}" role="progressbar" aria-label="Progress"
    aria-valuemin="0" aria-valuemax=${all}
    aria-valuenow=${done + refused + failed} aria-valuetext=${told} title=${told}>
    <i class="ok" style=${part(done)}></i><i class="wait" style=${part(refused)}></i>
      <i class="bad" style=${part(failed)}></i></span>`;
}

const columns = [
  {
    key: "kind", label: "Operation", wide: true, cell: (o) => words.operationKind[o.kind] ?? shown(o.kind),
    below: (o) => html`<span class="sub"><${Data} value=${o.reason} /></span>`,
  },
  { key: "state", label: "State", cell: (o) => html`<${OperationBadge} value=${o.state} />` },
  {
    key: "progress", label: "Progress", wide: true, cell: (o) =>
      html`<span class="nowrap">${count(o.done + o.refused + o.failed)} of ${count(o.total, o.capped)}</span>
      <${Progress} operation=${o} />`,
  },
  { key: "refused", label: "Refused", phone: "Refused", num: true, cell: (o) => count(o.refused) },
  { key: "failed", label: "Failed", phone: "Failed", num: true, cell: (o) => count(o.failed) },
  { key: "actor", label: "By", phone: "By", cell: (o) => html`<${Data} value=${o.actor} />` },
  { key: "at", label: "Started", phone: "Started", nowrap: true, cell: (o) =>
    html`<${Ago} value=${o.startedAt ?? o.createdAt} />` },
];

export function Operations() {
  const list = useList((cursor, signal) => api.operations({ cursor }, signal), [], (event) =>
    ["operation", "order", "job"].includes(event.type));
  return html`<${Head} title="Operations">Bulk work at a set pace. It goes on when you leave, and can be
    paused or cancelled at any time.<//>
    <${Panel} flush><${List} list=${list} columns=${columns} href=${(o) => to(["operations", o.id])}
      caption="Operations"
      empty=${html`<${Empty} title="No operation yet">Start one from the review desk, from failed orders or
        from a queue.<//>`} /><//>`;
}
