// All orders, filtered; those that failed can be sent again.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count } from "../lib/format.js";
import { useList } from "../lib/resource.js";
import { Link, place, to } from "../lib/router.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { Empty, Head, Panel } from "../parts/basics.js";
import { bulk } from "../parts/bulk.js";
import { Filters, only } from "../parts/filters.js";
import { sharable } from "../parts/lens.js";
import { covered, List, useSelection } from "../parts/table.js";
import { orderColumns } from "./found.js";

export function Orders() {
  const { filters } = place.use();
  const used = only(filters, "providerSyncStatus", "status", "userId", "q", "from", "to");
  const key = JSON.stringify(used);
  const list = useList((cursor, signal) => api.orders({ ...used, cursor }, signal), [key], (event) =>
    event.type === "order");
  const selection = useSelection(key);
  const failed = used.providerSyncStatus === "failed";
  const run = () => bulk({ kind: "orders.resend", ids: [...selection.keys] });
  return html`<${Head} title="Orders">Newest first. To find one order by any of its numbers, use the box above
    (<kbd>/</kbd>).<//>
    <${Filters} fields=${[{ name: "providerSyncStatus", kind: "choice", choices: words.sync },
      { name: "status", kind: "choice", choices: words.status }, { name: "userId", placeholder: "its id" },
      { name: "q", wide: true, label: "Number", placeholder: "any number or id of an order, as a whole",
        refuses: (text) => !sharable(text) && "Not an id or a number. A phone goes into the box above." },
      { name: "from", kind: "time", label: "Created from" }, { name: "to", kind: "time", label: "to" }]} />
    <${Panel} flush><${List} list=${list} columns=${orderColumns} selection=${failed ? selection : undefined}
      href=${(o) => to(["orders", o.id])} caption="Orders" labelOf=${(o) => o.orderNumber}
        note=${covered(list.extra ?? {}, "orders")}
      empty=${html`<${Empty} title=${Object.keys(used).length ? "No order matches" : "No orders yet"}>
        ${Object.keys(used).length ? "Try fewer filters."
          : "The first one appears here as soon as a merchant creates it."}<//>`} /><//>
    ${failed && list.rows?.length > 0 && html`<div class="selection" role="region" aria-label="Bulk actions">
      <span>${selection.size ? html`<strong>${count(selection.size)}</strong> chosen`
        : html`Choose rows to send them again, or <${Link} href=${to(["failures"])}>all that failed for one
          cause<//>.`}</span>
      ${selection.size > 0
        && html`<${ActButton} right="operation.run" primary label="Send again…" onClick=${run} />`}
      ${selection.size > 0 && html`<button class="btn quiet" onClick=${selection.clear}>None</button>`}
        </div>`}`;
}
