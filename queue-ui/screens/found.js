// What the search found, where it was not exactly one order.
import { html, useEffect, useState } from "../lib/ui.js";
import { count, plural } from "../lib/format.js";
import { place, to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import { Ago, Empty, Failed, Head, Loading, MerchantLink, Panel, SyncBadge } from "../parts/basics.js";
import { find, results } from "../parts/lens.js";
import { Table } from "../parts/table.js";

const BY = {
  id: "id", orderNumber: "order number", clientOrderId: "the merchant's order id", awb: "AWB",
    jobId: "job id", phone: "phone number",
};

export const orderColumns = [
  {
    key: "order", label: "Order", wide: true, cell: (o) =>
      html`<span class="mono nowrap">${shown(o.orderNumber ?? o.id)}</span>`,
    below: (o) => o.clientOrderId && html`<span class="sub"><${Data} value=${o.clientOrderId} /></span>`,
  },
  { key: "sync", label: "State", cell: (o) => html`<${SyncBadge} value=${o.providerSyncStatus} />` },
  { key: "awb", label: "AWB", phone: "AWB", cell: (o) => o.awb && html`<${Data} mono value=${o.awb} />` },
  { key: "merchant", label: "Merchant", phone: "Merchant", cell: (o) => o.userId
    && html`<${MerchantLink} id=${o.userId} />` },
  {
    key: "why", label: "Why", wide: true,
    cell: (o) => o.syncReason
      && html`<span class="clip"><${Data} value=${o.syncReason} title=${o.syncReason} /></span>`,
  },
  { key: "created", label: "Created", phone: "Created", nowrap: true, cell: (o) =>
    html`<${Ago} value=${o.createdAt} />` },
  { key: "updated", label: "Changed", phone: "Changed", nowrap: true, cell: (o) =>
    html`<${Ago} value=${o.updatedAt} />` },
];

export function Found() {
  const { filters } = place.use();
  const found = results.use();
  const [error, setError] = useState(null);
  const q = filters.q ?? null;
  const ours = found && (q === null || found.q === q) ? found : null;
  const run = () => {
    setError(null);
    if (q) find(q, { replace: true }).catch(setError);
  };
  // A link that somebody opened: ask for what it names.
  useEffect(() => {
    if (!ours) run();
  }, [q]);
  if (error) return html`<${Head} title="Find an order" /><${Failed} error=${error} retry=${run} />`;
  if (!ours && q) return html`<${Head} title="Find an order" /><${Loading} />`;
  if (!ours?.items.length) {
    return html`<${Head} title="Find an order" /><${Panel}>
      <${Empty} title=${q ? html`Nothing found for “${shown(q)}”` : "Nothing found"}>
      ${ours || q ? "Ids, order numbers, the merchant's order ids, AWBs and job ids are compared as a "
        + "whole, not in part."
        : "Type an id, number, AWB or phone into the box above. What was found by phone is not kept in "
          + "links."}<//><//>`;
  }
  return html`<${Head} title=${plural(ours.items.length, "order")}>Found by ${BY[ours.by] ?? shown(ours.by)}.
    <//>
    <${Panel} flush><${Table} columns=${orderColumns} rows=${ours.items}
      caption=${`${count(ours.items.length)} orders`}
      href=${(o) => to(["orders", o.id])} /><//>`;
}
