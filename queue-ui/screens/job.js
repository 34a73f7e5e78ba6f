// One job: what it carries, each of its tries, its log, and the order that decides what it does.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { duration } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { go, Link, to } from "../lib/router.js";
import { Data, plain, shown } from "../lib/text.js";
import { ActButton, Actions } from "../parts/actions.js";
import { Ago, At, Empty, Facts, Head, JobBadge, Loaded, Note, Panel, SyncBadge } from "../parts/basics.js";
import { Code, pretty } from "../parts/code.js";
import { confirm, Field } from "../parts/dialog.js";
import { shortQueue } from "../parts/shell.js";
import { toast } from "../parts/toast.js";
import * as words from "../lib/strings.js";

/** What a run asked ParcelX, and what came of it. */
const made = (calls) => calls?.map((call) => html`<span class="row" key=${call.id}>
  ${words.providerOperation[call.operation] ?? shown(call.operation)}:
  ${" "}<${Data} value=${call.verdict} empty="no outcome" />
  <span class="faint">${[call.statusCode && `HTTP ${call.statusCode}`, duration(call.durationMs)].filter(
    (part) => part && part !== "–").join(" · ")}</span></span>`);

function Tries({ tries }) {
  if (!tries?.length) return html`<${Empty} title="No try is recorded" />`;
  return html`<div class="table-wrap" tabindex="0" role="group" aria-label="Each try"><table><thead><tr>
    <th scope="col">Try</th><th scope="col">Started</th>
    <th scope="col">Took</th>
    <th scope="col">Worker</th><th scope="col">Calls</th><th scope="col">How it ended</th></tr></thead><tbody>
      ${tries.map((run, n) => html`<tr key=${n}>
      <td>${run.attempt ?? run.try ?? n + 1}</td><td><${At} value=${run.startedAt ?? run.at} /></td>
      <td class="nowrap">${duration(run.durationMs
        ?? (run.endedAt && Date.parse(run.endedAt) - Date.parse(run.startedAt)))}</td>
      <td><${Data} value=${run.worker} />
        ${run.version && html`<span class="sub">${shown(run.version)}</span>`}</td>
      <td>${made(run.calls)}</td>
      <td><${Data} value=${run.outcome} />
        ${run.reason && html`<span class="sub"><${Data} value=${run.reason} /></span>`}</td></tr>`)}</tbody>
          </table></div>`;
}

const logText = (logs) =>
  (Array.isArray(logs) ? logs.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join(
    "\n") : logs);

const isJson = (text) => {
  try {
    return JSON.parse(text) !== undefined;
  } catch {
    return false;
  }
};

/** Asks for other data; what is hidden stays where it is left as it is shown. */
async function edit(queue, job, act) {
  const before = job.readable === false ? "" : pretty(job.data);
  const hint = job.readable === false
    ? "As it is, it cannot be shown: what you write takes its place."
    : "****** stands for what is hidden: left as it is, it stays. In a list, write the whole item.";
  const answer = await confirm({
    title: `${words.actionLabel(act.name)}: ${plain(job.id)}`, label: "Change", effect: act.effect,
    initial: { text: before },
    fields: (values, set, at) => html`<${Field} label="Data (JSON)" hint=${hint}
      error=${at("/data") ?? (values.text.trim() && !isJson(values.text) ? "This is not JSON." : null)}>
      ${(id, invalid) => html`<textarea id=${id} ...${invalid} rows="14" class="mono" spellcheck=${false}
        value=${values.text} data-first onInput=${(e) => set({ text: e.target.value })}></textarea>`}<//>`,
    ready: ({ text }) => isJson(text) && text !== before,
    // Where others have changed it since, theirs is not overwritten unseen.
    run: async ({ text, reason }) => (await api.jobData(queue, job.id, { data: text, reason,
      ...(job.readable !== false && { seen: before }) })) ?? true,
  });
  if (answer?.done) toast(`${plain(job.id)}: ${words.action.edit.done}`);
  return answer?.done;
}

export function Job({ queue, id }) {
  const job = useResource((signal) => api.job(queue, id, signal), [queue, id],
    (event) => ["job", "order", "queue"].includes(event.type));
  // It has a button of its own, beside the data's head; where it cannot be, it says why among the others.
  const editing = (j) => j.actions?.find((act) => act.name === "edit" && act.allowed);
  return html`<${Loaded} of=${job} title=${plain(id)}>${(j) => html`
    <${Head} crumbs=${html`<${Link} href=${to()}>Queues
      <//> / <${Link} href=${to(["q", queue], { state: j.state })}>${shortQueue(queue)}<//>`}
      title=${plain(j.id)} tools=${html`<${JobBadge} value=${j.state} />
        ${editing(j) && html`<${ActButton} right=${editing(j).right}
          label=${`${words.actionLabel("edit")}…`}
          onClick=${async () => (await edit(queue, j, editing(j)), job.reload())} />`}`} />
    ${j.readable === false && html`<${Note} tone="bad"><strong>Unreadable.
      </strong> The job's data is not what a worker understands. It can be removed; an order that needs it
        gets a new one.<//>`}
    ${j.reason && html`<section class="wait-why ${j.state === "failed" ? "bad" : "wait"}"
      aria-label="Last word">
      <strong>${j.state === "failed" ? "Why it failed" : "Last word"}</strong><p class="what">
        <${Data} value=${j.reason} /></p></section>`}
    <div class="side-by-side"><div class="stack">
      <${Panel} title="Facts">
        <${Facts} items=${[["Name", j.name], ["Added", html`<${At} value=${j.addedAt} />`],
        j.dueAt && ["Due", html`<${At} value=${j.dueAt} />`], j.finishedAt
          && ["Finished", html`<${At} value=${j.finishedAt} />`],
        ["Tries used", j.attemptsMade ?? 0], ["Stalled", j.stalled ?? 0]]} /><//>
      ${j.tries && html`<${Panel} title="Tries" flush><${Tries} tries=${j.tries} /><//>`}
      <${Panel} title="Data"><${Code} value=${j.readable === false ? j.dataText ?? j.data : j.data}
        label="Job data" /><//>
      ${j.returnValue !== null && j.returnValue !== undefined
        && html`<${Panel} title="Result"><${Code} value=${j.returnValue} label="Result" /><//>`}
      <${Panel} title="Log"><${Code} value=${logText(j.logs)} label="Log" empty="Nothing was logged." /><//>
      ${j.options && html`<${Panel} title="Options"><${Code} value=${j.options} label="Job options" /><//>`}
    </div><div class="stack">
      <${Panel} title="Actions" flush><${Actions} what=${j.id}
        actions=${(j.actions ?? []).filter((act) => act !== editing(j))}
        typedWords=${plain(j.id)}
        send=${(name, body) => api.jobAction(queue, id, name, body)}
          done=${(_, act) => (act.name === "remove" ? go(to(["q", queue], { state: j.state }))
            : job.reload())} /><//>
      <${Panel} title="Order">
        ${j.order ? html`<div class="stack tight"><${Link} class="mono" href=${to(["orders", j.order.id])}>
          ${shown(j.order.orderNumber ?? j.order.id)}<//>
        <div><${SyncBadge} value=${j.order.providerSyncStatus} /></div>
        ${j.order.syncReason && html`<p class="soft"><${Data} value=${j.order.syncReason} /></p>`}
        <p class="faint">changed <${Ago} value=${j.order.updatedAt} /></p></div>`
        : html`<p class="faint">No order belongs to this job, or it is not known.</p>`}<//>
    </div></div>`}<//>`;
}
