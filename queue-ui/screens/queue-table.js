// The queues in a table: counts by state, and what is wrong with one in words.
import { html } from "../lib/ui.js";
import { count } from "../lib/format.js";
import { Link, to } from "../lib/router.js";
import { shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { Ago, Badge, Empty } from "../parts/basics.js";
import { shortQueue } from "../parts/shell.js";

export const STATES = ["waiting", "active", "delayed", "completed", "failed"];

/** Chips that say why a queue does not move. */
export function QueueState({ queue }) {
  const idle = queue.counts.waiting + queue.counts.active + queue.counts.delayed === 0;
  return html`<span class="row">
    ${queue.paused && html`<${Badge} tone="wait" title=${queue.pausedBy ? `by ${queue.pausedBy.actor}`
      : undefined}>Paused<//>`}
    ${queue.held && html`<${Badge} tone="bad">Held<//>`}
    ${queue.consumed === false && html`<${Badge} tone=${idle ? "mute" : "bad"}>Nobody consumes it<//>`}
    ${!queue.paused && !queue.held && queue.consumed !== false && html`<${Badge} tone="ok">Running<//>`}
    ${queue.ours === false && html`<${Badge} plain>foreign<//>`}</span>`;
}

export function QueueTable({ queues }) {
  if (!queues.length) return html`<${Empty} title="No queues yet">They appear with their first job.<//>`;
  return html`<div class="table-wrap"><table class="cards three"><caption class="sr">Queues</caption><thead>
    <tr><th scope="col">Queue</th><th scope="col">State</th>
    ${STATES.map((state) => html`<th key=${state} scope="col" class="num">${words.jobState[state]}</th>`)}
    <th scope="col" class="num">Oldest waiting</th><th scope="col" class="num">Per minute</th>
      <th scope="col" class="num">Workers</th></tr></thead>
    <tbody>${queues.map((queue) => html`<tr key=${queue.name} data-row>
      <td class="wide"><${Link} class="rowlink" data-rowfocus href=${to(["q", queue.name])}>
        ${shortQueue(queue.name)}<//></td>
      <td class="wide"><${QueueState} queue=${queue} /></td>
      ${STATES.map((state) => html`<td key=${state} class="num" data-label=${words.jobState[state]}>
        <${Link} class=${queue.counts[state] ? "" : "faint"} href=${to(["q", queue.name], { state })}>
          ${count(queue.counts[state])}<//></td>`)}
      <td class="num" data-label="Oldest waiting"><${Ago} value=${queue.oldestWaitingAt} /></td>
      <td class="num nowrap" data-label="Per minute">
        ${queue.perMinute ? html`${count(queue.perMinute.completed)}${queue.perMinute.failed > 0
        && html` <span class="faint">/ ${count(queue.perMinute.failed)} failed</span>`}` : shown("–")}</td>
      <td class="num" data-label="Workers">
        ${count(Array.isArray(queue.workers) ? queue.workers.length : queue.workers)}</td></tr>`)}</tbody>
          </table></div>`;
}
