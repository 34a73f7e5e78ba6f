// One queue: its jobs by state, searched with a bound that is told, and bulk work on them.
import { html, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count, plural } from "../lib/format.js";
import { useList, useResource } from "../lib/resource.js";
import { Link, place, to } from "../lib/router.js";
import { Data, plain, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { Ago, At, Badge, Empty, Failed, Head, Note, Panel, Stale } from "../parts/basics.js";
import { bulk } from "../parts/bulk.js";
import { confirm } from "../parts/dialog.js";
import { Filters, only } from "../parts/filters.js";
import { personal } from "../parts/lens.js";
import { covered, List, useSelection } from "../parts/table.js";
import { toast } from "../parts/toast.js";
import { Clear } from "./queue-clear.js";
import { QueueState, STATES } from "./queue-table.js";
import { shortQueue } from "../parts/shell.js";

const TIMES = { waiting: ["addedAt", "Added"], active: ["addedAt", "Added"], delayed: ["dueAt", "Due"],
  completed: ["finishedAt", "Finished"], failed: ["finishedAt", "Failed"] };

const columns = (state) => {
  const [time, label] = TIMES[state];
  return [
    {
      key: "job", label: "Job", wide: true, cell: (j) => html`<span class="mono nowrap" title=${plain(j.id)}>
        ${shown(short(j.id, 16, 10))}</span>`,
      below: (j) => html`<span class="sub"><${Data} value=${j.name} />
        ${j.readable === false && html` <${Badge} plain tone="bad">unreadable<//>`}</span>`,
    },
    {
      key: "order", label: "Order", phone: "Order",
      cell: (j) => j.orderId && html`<${Link} href=${to(["orders", j.orderId])}><span class="mono nowrap">
        ${shown(short(j.orderId))}</span><//>
        ${j.clientOrderId && html`<span class="sub"><${Data} value=${j.clientOrderId} /></span>`}`,
    },
    {
      key: "why", label: state === "failed" ? "Why it failed" : "Last word", wide: true,
      cell: (j) => j.reason && html`<span class="clip"><${Data} value=${j.reason} title=${j.reason} />
        </span>`,
    },
    {
      key: "tries", label: "Tries", phone: "Tries", num: true, cell: (j) =>
        html`${count(j.attemptsMade ?? 0)}${j.stalled > 0
        && html` <span class="faint" title="times its worker went silent">+${count(j.stalled)} stalled
          </span>`}`,
    },
    { key: "time", label, phone: label, nowrap: true, cell: (j) =>
      html`<${state === "delayed" ? At : Ago} value=${j[time] ?? j.addedAt} />` },
  ];
};

/** Long ids by their ends. */
export const short = (id, head = 8, tail = 6) =>
  (id.length > head + tail + 2 ? `${id.slice(0, head)}…${id.slice(-tail)}` : id);

const BULK = { failed: ["jobs.retry", "jobs.remove"], delayed: ["jobs.promote", "jobs.remove"],
  waiting: ["jobs.remove"], completed: ["jobs.remove"] };

function Bulk({ state, name, used, selection, rows, total }) {
  const kinds = BULK[state];
  if (!kinds || !rows.length) return null;
  const all = selection.all || selection.size === 0;
  // Bulk work knows the queue, the state, the jobs' name and their times; what is searched further must be
  // chosen by row.
  const searched = Object.keys(used).some((key) => !["name", "from", "to"].includes(key));
  const narrowed = Object.keys(used).length > 0;
  const run = (kind) => bulk({
    kind, ...(all ? { filter: { queue: name, state, name: used.name, from: used.from, before: used.to } }
      : { filter: { queue: name, state }, ids: [...selection.keys] }),
  });
  if (all && searched) {
    return html`<div class="selection" role="region" aria-label="Bulk actions"><span>
      Choose rows to act on what you found.</span>
      <button class="btn" onClick=${() => selection.page(rows.map((row) => row.id))}>
        Choose all ${count(rows.length)} shown</button></div>`;
  }
  return html`<div class="selection" role="region" aria-label="Bulk actions"><span>${all
    ? html`All ${narrowed ? "that match"
      : html`<strong>${count(total)}</strong> ${words.jobState[state].toLowerCase()}`}`
        : html`<strong>${count(selection.size)}</strong> chosen`}</span>
    ${kinds.map((kind, n) =>
      html`<${ActButton} key=${kind} right="operation.run" primary=${n === 0 && kind !== "jobs.remove"}
      danger=${kind === "jobs.remove"} label=${`${words.operationKind[kind].replace(" jobs", "")}…`}
        onClick=${() => run(kind)} />`)}
    ${!all && html`${!searched
      && html`<button class="btn quiet" onClick=${() => selection.everything(rows.map((row) => row.id))}>
        All that match</button>`}
      <button class="btn quiet" onClick=${selection.clear}>None</button>`}</div>`;
}

function Switch({ queue, reload }) {
  const [pause, verb] = queue.paused ? [false, "Resume"] : [true, "Pause"];
  const inHand = count(queue.counts.active);
  const run = async () => {
    const answer = await confirm({
      title: `${verb} ${plain(queue.name)}`, label: verb, danger: pause, costs: !pause
        && queue.counts.waiting > 0,
      effect: pause
        ? `No worker takes a job of this queue until somebody resumes it. The ${inHand} in hand are `
          + `finished. New orders are taken and wait.`
        : `Workers take jobs again: ${plural(queue.counts.waiting, "job")} are waiting.`,
      run: ({ reason }) => api.setPaused(queue.name, pause, { reason }),
    });
    if (answer) {
      toast(`${plain(queue.name)}: ${pause ? "paused" : "resumed"}.`, "ok", async () => {
        await api.setPaused(queue.name, !pause, { reason: `taken back: ${verb.toLowerCase()} by mistake` });
        reload();
      });
      reload();
    }
  };
  return html`<${ActButton} right="queue.pause" label=${`${verb}…`} primary=${!pause} onClick=${run} />`;
}

export function Queue({ name }) {
  const { filters } = place.use();
  const ours = (event) => event.type === "queue" || event.type === "account"
    || (event.type === "job" && (!event.data.queue || event.data.queue === name));
  const queue = useResource((signal) => api.queue(name, signal), [name], (event) => ours(event)
    || event.type === "order");
  const counts = queue.data?.counts ?? {};
  const [fallback] = useState("failed");
  const state = STATES.includes(filters.state) ? filters.state : fallback;
  const used = only(filters, "name", "q", "order", "from", "to");
  const key = JSON.stringify([name, state, used]);
  const list = useList((cursor, signal) => api.jobs(name, { state, ...used, cursor }, signal), [key],
    (event) => ours(event) || event.type === "order");
  const selection = useSelection(key);
  const q = queue.data;
  if (!q && queue.error) {
    return html`<${Head} title=${plain(name)} /><${Failed} error=${queue.error} retry=${queue.reload} />`;
  }
  return html`<${Head} crumbs=${html`<${Link} href=${to()}>Queues<//>`} title=${plain(name)}
      tools=${q && html`<${QueueState} queue=${q} />
        <${Switch} queue=${q} reload=${() => (queue.reload(), list.reload())} />
        <${Clear} queue=${q} />`} />
    ${queue.error && html`<${Stale} of=${queue} />`}
    ${q?.paused && html`<${Note} tone="wait" icon="pause"><strong>Paused</strong>
      ${q.pausedBy ? html` by <${Data} value=${q.pausedBy.actor} />
      ${" "}<${Ago} value=${q.pausedBy.at} />: “<${Data} value=${q.pausedBy.reason} />”`
        : html`. By whom is not in the audit log.`}<//>`}
    ${q?.held && html`<${Note} tone="bad"><strong>Held</strong>: ParcelX's account is on hold, so no job of
      this queue is taken.
      ${" "}<${Link} href=${to()}>See the overview<//>.<//>`}
    ${q?.consumed === false && counts.waiting > 0
      && html`<${Note} tone="bad"><strong>Nobody consumes this queue.</strong>
      ${" "}Its ${plural(counts.waiting, "job")} wait until a worker for it is started.<//>`}
    <nav class="tabs" aria-label="States">
      ${STATES.map((each) => html`<${Link} key=${each} href=${to(["q", name], { ...used, state: each })}
      aria-current=${each === state ? "page" : undefined}>${words.jobState[each]}<span class="n">
        ${count(counts[each])}</span><//>`)}</nav>
    <${Filters} fields=${[{ name: "q", wide: true, label: "In the error text",
      placeholder: "such as: pincode",
      refuses: (text) => personal(text) && "Neither a phone number nor an e-mail address." },
      { name: "order", label: "Order", placeholder: "its id" },
        { name: "name", label: "Job name", placeholder: "create-order" },
      { name: "from", kind: "time" }, { name: "to", kind: "time" }]} />
    <${Panel} flush><${List} list=${list} columns=${columns(state)} selection=${BULK[state] ? selection
      : undefined}
      href=${(j) => to(["q", name, "jobs", j.id])} caption=${`${words.jobState[state]} jobs`}
        note=${covered(list.extra ?? {}, "jobs")}
      empty=${html`<${Empty} title=${Object.keys(used).length ? "No job matches"
        : `No ${words.jobState[state].toLowerCase()} jobs`}>
        ${Object.keys(used).length ? covered(list.extra ?? {}, "jobs")
          : "A job is a hint; the order decides. Finished jobs are kept for a while only."}<//>`} /><//>
    <${Bulk} state=${state} name=${name} used=${used} selection=${selection} rows=${list.rows ?? []}
      total=${counts[state]} />`;
}
