// Who works: the worker processes by version, so that a half-done deploy is seen.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { plural } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { Link, to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import { Ago, Badge, Empty, Head, Loaded, Note, Panel } from "../parts/basics.js";
import { shortQueue } from "../parts/shell.js";

function Version({ version, workers }) {
  return html`<${Panel} title=${`Version ${version}`} aside=${plural(workers.length, "process", "processes")}
    flush>
    <div class="table-wrap"><table class="cards"><caption class="sr">Workers of version ${shown(version)}
      </caption><thead><tr><th scope="col">Worker</th><th scope="col">State</th>
      <th scope="col">Queues</th><th scope="col">Since</th><th scope="col">Last seen</th></tr></thead>
    <tbody>${workers.map((worker) => html`<tr key=${`${worker.name} ${worker.pid}`} data-row>
      <td class="wide"><strong><${Data} value=${worker.name} /></strong><span class="sub">
        <${Data} value=${worker.host} /> · pid ${shown(worker.pid)}</span></td>
      <td class="wide">${worker.stale ? html`<${Badge} tone="bad">Not seen lately<//>`
        : html`<${Badge} tone="ok">Alive<//>`}</td>
      <td class="wide">${(worker.queues ?? []).map((queue) => html`<span class="row" key=${queue.name}>
        <${Link} href=${to(["q", queue.name])}>${shortQueue(queue.name)}<//>
        <span class="faint">${queue.inHand ?? 0} in hand of ${queue.concurrency}</span></span>`)}</td>
      <td data-label="Since"><${Ago} value=${worker.since} /></td><td data-label="Seen">
        <${Ago} value=${worker.seenAt} /></td></tr>`)}</tbody></table></div><//>`;
}

export function Workers() {
  const list = useResource((signal) => api.workers(signal), [], (event) => event.type === "worker");
  return html`<${Head} title="Workers">Processes that take jobs. One that dies leaves its jobs; they are taken
    up again after a minute.<//>
    <${Loaded} of=${list}>${({ items }) => {
      const versions = [...new Set(items.map((worker) => worker.version))].sort().reverse();
      const live = new Set(items.filter((worker) => !worker.stale).map((worker) => worker.version));
      return html`${live.size > 1
        && html`<${Note} tone="wait">${live.size} versions work side by side: a deploy is under way, or was
          left half done.<//>`}
        ${!items.length && html`<${Panel}><${Empty} title="No worker is alive">
          Orders are taken and kept, but nothing is booked until one starts.<//><//>`}
        ${versions.map((version) =>
          html`<${Version} key=${version} version=${version}
            workers=${items.filter((w) => w.version === version)} />`)}`;
    }}<//>`;
}
