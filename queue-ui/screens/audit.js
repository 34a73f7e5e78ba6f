// Who did what, to what, why, and how it ended. Lines are only ever added.
import { html, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { useList } from "../lib/resource.js";
import { Link, place, to } from "../lib/router.js";
import { may, whyNot } from "../lib/session.js";
import { Data, shown } from "../lib/text.js";
import { At, Badge, Empty, Facts, Head, NoRight, Panel } from "../parts/basics.js";
import { Code } from "../parts/code.js";
import { dialog } from "../parts/dialog.js";
import { Filters, only } from "../parts/filters.js";
import { List } from "../parts/table.js";

const TONE = { done: "ok", refused: "wait", failed: "bad", begun: "info" };

/** Where the target of a line is shown, if it is. */
function address({ collection, id }) {
  if (!id) return null;
  if (collection === "orders") return to(["orders", id]);
  if (collection === "kyc" || collection === "merchants") return to([collection, id]);
  if (collection === "operations") return to(["operations", id]);
  if (collection === "jobs" && id.includes("/")) {
    const cut = id.indexOf("/");
    return to(["q", id.slice(0, cut), "jobs", id.slice(cut + 1)]);
  }
  return collection === "jobs" || collection === "queues" ? to(["q", id]) : null;
}

const open = (line) => dialog((close) => {
  const where = line.target && address(line.target);
  const leave = () => close();
  return html`<form class="dialog" onSubmit=${(e) => (e.preventDefault(), close())}>
    <h2 id="dialog-title">${shown(line.action)}</h2>
    <${Facts} items=${[["Person", `${line.actor} (${line.role ?? "?"})`],
      ["When", html`<${At} value=${line.at} />`],
      ["Outcome", html`<${Badge} tone=${TONE[line.outcome] ?? "mute"}>${shown(line.outcome)}<//>`],
      ["Target", where ? html`<span onClick=${leave}><${Link} href=${where}>
        <${Data} mono value=${line.target.id} /><//></span>` : line.target?.id],
      line.target?.userId && ["Merchant", line.target.userId], ["Reason", line.reason], line.words
        && ["Words", line.words],
      line.count > 1 && ["How many", line.count], ["Address", line.address], ["Session", line.session],
        ["Request", line.requestId]]} />
    ${line.before && html`<h3>Before</h3><${Code} value=${line.before} label="Before" />`}
    ${line.after && html`<h3>After</h3><${Code} value=${line.after} label="After" />`}
    <footer><button class="btn main-action" data-first>Close</button></footer></form>`;
});

const columns = [
  { key: "at", label: "When", wide: true, nowrap: true, cell: (l) =>
    html`<button class="rowlink" data-rowfocus onClick=${() => open(l)}><${At} value=${l.at} /></button>` },
  { key: "actor", label: "Person", cell: (l) =>
    html`<${Data} value=${l.actor} />${l.role && html`<span class="sub">${shown(l.role)}</span>`}` },
  { key: "action", label: "Action", cell: (l) => html`<span class="mono">${shown(l.action)}</span>` },
  {
    key: "target", label: "Target", wide: true, cell: (l) => {
      const where = l.target && address(l.target);
      const name = html`<${Data} mono value=${l.target?.id} />`;
      return where ? html`<${Link} href=${where}>${name}<//>` : name;
    },
  },
  { key: "reason", label: "Reason", wide: true, cell: (l) =>
    html`<span class="clip"><${Data} value=${l.reason} title=${l.reason} /></span>` },
  { key: "outcome", label: "Outcome", cell: (l) => html`<${Badge} tone=${TONE[l.outcome] ?? "mute"}>
    ${shown(l.outcome)}<//>` },
];

function Export({ used }) {
  const no = whyNot("audit.export");
  const [shownFor, setShown] = useState(false);
  if (no) return html`<button class="btn" aria-disabled="true" title=${no}
    onClick=${() => setShown(!shownFor)}>Export</button>${shownFor && html`<span class="why">${no}</span>`}`;
  return html`<a class="btn" download href=${api.auditExport({ ...used, format: "csv" })}>Export CSV</a>
    <a class="btn" download href=${api.auditExport({ ...used, format: "json" })}>Export JSON</a>`;
}

export function Audit() {
  const { filters } = place.use();
  const used = only(filters, "actor", "action", "target", "from", "to");
  const allowed = may("audit.read");
  const list = useList((cursor, signal) => (allowed ? api.audit({ ...used, cursor }, signal)
    : Promise.resolve({ items: [] })),
    [JSON.stringify(used), allowed], (event) => event.type === "audit");
  if (!allowed) return html`<${Head} title="Audit" /><${Panel}><${NoRight} right="audit.read" /><//>`;
  return html`<${Head} title="Audit" tools=${html`<${Export} used=${used} />`}>
    Every action of a person, written before it was done.<//>
    <${Filters} fields=${[{ name: "actor", placeholder: "user name" },
      { name: "action", placeholder: "such as: queue.pause" },
      { name: "target", wide: true, placeholder: "id of an order, job, queue or merchant" },
        { name: "from", kind: "time" }, { name: "to", kind: "time" }]} />
    <${Panel} flush><${List} list=${list} columns=${columns} caption="Audit log"
      empty=${html`<${Empty} title=${Object.keys(used).length ? "No line matches"
        : "Nobody has done anything yet"} />`} /><//>`;
}
