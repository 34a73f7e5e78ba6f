// One operation while it runs and after: progress, pace, what was refused and why, and each item's result.
import { html, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count, duration, moment } from "../lib/format.js";
import { useList, useResource } from "../lib/resource.js";
import { filter, Link, place, to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { At, Badge, Empty, Facts, Head, Loaded, Note, OperationBadge, Panel,
  useNow } from "../parts/basics.js";
import { byCode } from "../parts/bulk.js";
import { confirm } from "../parts/dialog.js";
import { List } from "../parts/table.js";
import { toast } from "../parts/toast.js";
import { Progress } from "./operations.js";

const TONE = { done: "ok", refused: "wait", failed: "bad" };
const RESULT = { done: "Done", refused: "Refused", failed: "Failed" };

const key = (item) => item.id ?? `${item.target} ${item.at}`;
const orderOf = (item) => item.orderId ?? (String(item.target ?? "").startsWith("ord_") ? item.target : null);
const columns = [
  {
    key: "what", label: "Item", wide: true, cell: (i) => {
      const order = orderOf(i);
      const name = html`<span class="mono">${shown(i.orderNumber ?? i.target ?? i.id)}</span>`;
      return order ? html`<${Link} class="rowlink" data-rowfocus href=${to(["orders", order])}>${name}<//>`
        : name;
    },
  },
  { key: "result", label: "Result", cell: (i) => html`<${Badge} tone=${TONE[i.result] ?? "mute"}>
    ${RESULT[i.result] ?? shown(i.result)}<//>` },
  { key: "words", label: "Words", wide: true, cell: (i) => (i.words ?? i.code)
    && html`<${Data} value=${i.words ?? i.code} />` },
  { key: "at", label: "At", phone: "At", nowrap: true, cell: (i) => html`<${At} value=${i.at} />` },
];

const VERBS = {
  pause: { label: "Pause",
    effect: "It stops after the item in hand, and goes on from there when it is resumed." },
  resume: { label: "Resume", effect: "It goes on with the next item." },
  cancel: { label: "Cancel", danger: true,
    effect: "It stops after the item in hand, for good. What is done stays done." },
};

function Controls({ operation, reload }) {
  const [busy, setBusy] = useState(null);
  const verbs = { waiting: ["cancel"], running: ["pause", "cancel"],
    paused: ["resume", "cancel"], stopped: ["resume", "cancel"] }[operation.state] ?? [];
  const left = operation.total - operation.done - operation.refused - operation.failed;
  const run = async (name) => {
    const verb = VERBS[name];
    const answer = await confirm({
      title: `${verb.label} this operation`, label: verb.label, danger: verb.danger,
      effect: name === "cancel" ? `${verb.effect} About ${count(Math.max(0, left))} are not touched.`
        : verb.effect,
      run: ({ reason }) => api.operationAction(operation.id, name, { reason }),
    });
    if (!answer) return;
    setBusy(name);
    const back = { pause: "resume", resume: "pause" }[name];
    const undo = back && (async () => {
      await api.operationAction(operation.id, back, { reason: `taken back: ${name} by mistake` });
      await reload();
    });
    toast(`${verb.label}: told. It takes effect within a second or two.`, "ok", undo);
    await reload();
    setBusy(null);
  };
  return verbs.map((name) =>
    html`<${ActButton} key=${name} right="operation.run"
      label=${busy === name ? "…" : `${VERBS[name].label}…`}
    danger=${name === "cancel"} onClick=${() => run(name)} />`);
}

function Numbers({ operation: o }) {
  const now = useNow();
  const handled = o.done + o.refused + o.failed;
  const left = Math.max(0, o.total - handled);
  const open = o.state === "running" || o.state === "waiting" || o.state === "paused";
  const ran = o.startedAt ? (o.endedAt ? Date.parse(o.endedAt) : now) - Date.parse(o.startedAt) : null;
  return html`<${Panel}><div class="stack"><div class="progress-head"><span class="big">
    ${count(handled)} <span class="faint">of ${count(o.total, o.capped)}</span></span>
      <span><${Badge} tone="ok">${count(o.done)} done<//></span>
      <span><${Badge} tone="wait">${count(o.refused)} refused<//></span><span><${Badge} tone="bad">
        ${count(o.failed)} failed<//></span>
      ${open && left > 0 && o.ratePerMinute > 0
        && html`<span class="soft">about ${duration((left / o.ratePerMinute) * 60_000)} left</span>`}</div>
    <${Progress} operation=${o} tall />
    <${Facts} items=${[o.notice && ["Notice", html`<${Data} value=${o.notice} />`],
      o.fate && ["What became of them", words.fate[o.fate] ?? o.fate],
      ["Started by", o.actor], ["Reason", o.reason],
      ["Started", html`<${At} value=${o.startedAt ?? o.createdAt} />`],
      o.endedAt && ["Ended", html`<${At} value=${o.endedAt} />`], ran !== null
        && ["Running time", duration(ran)],
      ["At most per minute", count(o.ratePerMinute)],
        ["Stops after", `${count(o.stopAfter)} failures in a row`]]} /></div><//>`;
}

function Filter({ filter: used, ids }) {
  const entries = Object.entries({ ...used, ...(ids > 0 && { chosen: `${count(ids)}` }) }).filter(
    ([, value]) => value !== null && value !== "");
  if (!entries.length) return null;
  return html`<${Panel} title="What it works on">
    <${Facts} items=${entries.map(([name, value]) => [words.field[name] ?? name,
    Array.isArray(value) ? `${count(value.length)} chosen` : typeof value === "object" ? JSON.stringify(value)
      : name === "code" ? words.reviewName(value) : /^\d{4}-\d\d-\d\dT/.test(value) ? moment(value)
        : String(value)])} /><//>`;
}

export function Operation({ id }) {
  const { filters } = place.use();
  const result = RESULT[filters.result] ? filters.result : undefined;
  // Its progress shows in what it does to orders and jobs.
  const mine = (event) => ["operation", "order", "job"].includes(event.type);
  const operation = useResource((signal) => api.operation(id, signal), [id], mine);
  const items = useList((cursor, signal) => api.operationItems(id, { result, cursor }, signal), [id, result],
    mine,
    key);
  return html`<${Loaded} of=${operation} title="Operation">${(o) => html`
    <${Head} crumbs=${html`<${Link} href=${to(["operations"])}>Operations<//>`}
      title=${words.operationKind[o.kind] ?? o.kind}
      tools=${html`<${OperationBadge} value=${o.state} />
        <${Controls} operation=${o} reload=${operation.reload} />`} />
    ${o.stopped && html`<${Note} tone="bad"><strong>Stopped by itself:</strong> <${Data} value=${o.stopped} />
      <//>`}
    <${Numbers} operation=${o} />
    ${byCode(o.refusals).length > 0 && html`<${Panel} title="Why items were refused" flush>
      ${byCode(o.refusals).map((entry) => html`
      <div class="line-item" key=${entry.code}><span>
        ${shown(entry.words ?? words.refusal[entry.code] ?? entry.code)}</span><span class="value">
          ${count(entry.count)}</span></div>`)}<//>`}
    <${Filter} filter=${o.filter} ids=${o.ids} />
    <div class="chips" role="group" aria-label="Results">
      ${[["", "All"], ...Object.entries(RESULT)].map(([value, label]) => html`
      <button class="chip" key=${value} aria-pressed=${(result ?? "") === value ? "true" : "false"}
        onClick=${() => filter({ result: value })}>${label}
        ${value && html` <span class="n">${count(o[value])}</span>`}</button>`)}</div>
    <${Panel} flush><${List} list=${items} columns=${columns} rowKey=${key}
      caption="Results"
      empty=${html`<${Empty} title="No results yet">Each item appears here when it has been dealt with.<//>`}
        /><//>`}<//>`;
}
