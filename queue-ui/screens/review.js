// The review desk: what only a person can settle, by reason, one by one or many at once.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count, plural } from "../lib/format.js";
import { useList } from "../lib/resource.js";
import { filter, place, to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { Ago, Empty, Head, Note, Panel } from "../parts/basics.js";
import { bulk } from "../parts/bulk.js";
import { Filters, only } from "../parts/filters.js";
import { List, useSelection } from "../parts/table.js";

/** What was heard last of the order says more than the code in words; the code itself says nothing more. */
const last = ({ syncReason, review }) => (syncReason && syncReason !== review?.reason ? syncReason
  : review?.detail);

const columns = [
  {
    key: "order", label: "Order", wide: true, cell: (o) =>
      html`<span class="mono nowrap">${shown(o.orderNumber ?? o.id)}</span>`,
    below: (o) => o.clientOrderId && html`<span class="sub"><${Data} value=${o.clientOrderId} /></span>`,
  },
  {
    key: "why", label: "Why it waits for a person", wide: true, cell: (o) =>
      html`<strong>${shown(words.reviewName(o.review?.reason))}</strong>
      ${last(o) && html`<span class="sub clip"><${Data} value=${last(o)} title=${last(o)} /></span>`}`,
  },
  { key: "of", label: "Part", phone: "Part", cell: (o) => o.review?.of
    && (words.of[o.review.of] ?? shown(o.review.of)) },
  { key: "merchant", label: "Merchant", phone: "Merchant", cell: (o) => html`<${Data} value=${o.userId} />` },
  { key: "awb", label: "AWB", phone: "AWB", cell: (o) => o.awb && html`<${Data} mono value=${o.awb} />` },
  { key: "since", label: "Since", phone: "Since", nowrap: true, cell: (o) =>
    html`<${Ago} value=${o.review?.since} />` },
];

const LABELS = {
  "review.adopt-found": "Adopt what ParcelX has…", "review.rebook": "Book again…", "review.fail": "Fail…",
  "review.cancel-shipment": "Cancel again…", "review.close-shipment": "Close…",
};
const RISKY = new Set(["review.fail", "review.close-shipment"]);
/** What fits a reason, the likeliest first: what is booked is not booked again. */
const kinds = (code, shipments) => {
  if (shipments) return ["review.cancel-shipment", "review.close-shipment"];
  if (code === "booked-awb-unknown") return ["review.adopt-found", "review.fail"];
  return ["review.rebook", "review.adopt-found", "review.fail"];
};

function Bulk({ selection, rows, matching, capped, filters }) {
  const all = selection.all || selection.size === 0;
  if (!matching) return null;
  // Shipments are cancelled again and closed; what waits with its booking is booked, adopted or failed.
  const chosen = rows.filter((row) => selection.keys.has(row.id));
  const shipments = filters.of === "cancellation" || (!filters.of && filters.code?.startsWith("cancel-"))
    || (!all && chosen.length > 0 && chosen.every((row) => row.review?.of === "cancellation"));
  const run = (kind) => bulk({ kind, ...(all ? { filter: filters } : { ids: [...selection.keys] }) });
  return html`<div class="selection" role="region" aria-label="Bulk actions">
    <span>${all ? html`All <strong>${count(matching, capped)}</strong> that match`
      : html`<strong>${count(selection.size)}</strong> chosen`}</span>
    ${kinds(filters.code, shipments).map((kind, n) =>
      html`<${ActButton} key=${kind} right="operation.run" label=${LABELS[kind]} primary=${n === 0}
      danger=${RISKY.has(kind)} onClick=${() => run(kind)} />`)}
    ${!all && html`<button class="btn quiet" onClick=${() => selection.everything(rows.map((row) => row.id))}>
      All ${count(matching, capped)} that match</button>
      <button class="btn quiet" onClick=${selection.clear}>None</button>`}</div>`;
}

export function Review() {
  const { filters } = place.use();
  const used = only(filters, "code", "of", "userId", "from", "before");
  const key = JSON.stringify(used);
  const list = useList((cursor, signal) => api.review({ ...used, cursor }, signal), [key], (event) =>
    event.type === "order");
  const selection = useSelection(key);
  const codes = list.extra?.codes ?? [];
  const total = codes.reduce((sum, { count: n }) => sum + n, 0);
  const chosen = codes.find(({ code }) => code === filters.code);
  // With further filters the codes' counts are not the list's: the preview counts then.
  const exact = !used.userId && !used.from && !used.before && !used.of;
  const matching = exact ? (filters.code ? chosen?.count ?? list.rows?.length : total) : list.rows?.length;
  const capped = exact ? Boolean(chosen?.capped ?? list.extra?.capped) : list.hasMore;
  return html`<${Head} title="Review desk">What the service will not decide alone: each order here waits until
    a person settles it.<//>
    <div class="chips" role="group" aria-label="Reasons">
      <button class="chip" aria-pressed=${filters.code ? "false" : "true"}
        onClick=${() => filter({ code: "" })}>All <span class="n">${count(total)}</span></button>
      ${codes.map((entry) => html`<button class="chip" key=${entry.code}
        title=${words.reviewCode[entry.code]?.[1]}
        aria-pressed=${filters.code === entry.code ? "true" : "false"}
          onClick=${() => filter({ code: entry.code })}>
        ${shown(words.reviewName(entry.code))} <span class="n">${count(entry.count, entry.capped)}</span>
          </button>`)}</div>
    <${Filters} fields=${[{ name: "userId", placeholder: "its id" },
      { name: "of", kind: "choice", choices: words.of },
      { name: "from", kind: "time", label: "Waiting since, from" },
        { name: "before", kind: "time", label: "until" }]} />
    ${words.nextStep(filters.code) && html`<${Note} tone="mute"><strong>${words.reviewCode[filters.code][1]}
      </strong>
      ${" "}${words.nextStep(filters.code)}<//>`}
    <${Panel} flush><${List} list=${list} columns=${columns} selection=${selection}
      href=${(o) => to(["orders", o.id])}
      caption="Orders that need a person" labelOf=${(o) => o.orderNumber}
      empty=${html`<${Empty} title=${Object.keys(used).length ? "No order matches"
        : "Nothing needs a person"}>
        ${Object.keys(used).length ? "Others may have settled them meanwhile."
          : "Orders that cannot be settled without you appear here by themselves."}<//>`} /><//>
    ${list.rows?.length > 0 && html`<${Bulk} selection=${selection} rows=${list.rows} matching=${matching}
      capped=${capped} filters=${used} />`}
    <p class="sr" role="status">${plural(list.rows?.length ?? 0, "order")} shown</p>`;
}
