// The life of one order: where it stands and why, what was said with ParcelX, what people did, what to do.
import { html, useEffect, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { duration, moment, money } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { Link, to } from "../lib/router.js";
import { Data, plain, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton, Actions } from "../parts/actions.js";
import { Ago, At, Badge, Facts, Head, Loaded, MerchantLink, Note, Panel, SyncBadge,
  useNow } from "../parts/basics.js";
import { Code } from "../parts/code.js";
import { confirm } from "../parts/dialog.js";
import { Messages } from "./messages.js";
import { Timeline } from "./timeline.js";

const about = (id) => (event) => ["account", "queue"].includes(event.type)
  || (event.type !== "typing"
    && Object.values(event.data).some((value) => typeof value === "string" && value.includes(id)));

/** Why the order stands where it stands, in the words of the data. */
function Why({ order }) {
  const now = useNow();
  const { why, review, providerSyncStatus: state } = order;
  const tone = review ? "review" : words.syncTone[state] ?? "info";
  const until = why?.until ? Date.parse(why.until) - now : null;
  const title = state === "needs_review" || review ? words.reviewName(review?.reason ?? "")
    || words.sync.needs_review
    : words.sync[state] ?? state;
  return html`<section class="wait-why ${tone === "mute" ? "mute" : tone}" aria-label="Why it stands here">
    <div class="row"><strong>${shown(title)}</strong>
      ${review?.since && html`<span class="sub">since <${At} value=${review.since} /></span>`}</div>
    <p class="what"><${Data} value=${why?.words ?? order.syncReason} empty="Nothing more is known." /></p>
    ${review?.detail && !why?.words?.includes(review.detail)
      && html`<p class="sub"><${Data} value=${review.detail} />
      </p>`}
    ${order.syncReason && why?.words && !why.words.includes(order.syncReason)
      && ![review?.detail, review?.reason].includes(order.syncReason) && html`
      <p class="sub">Last word: <${Data} value=${order.syncReason} /></p>`}
    ${review && words.nextStep(review.reason) && html`<p class="sub"><strong>Next:</strong>
      ${" "}${words.nextStep(review.reason)}</p>`}
    ${until !== null && html`<p class="sub">${until > 0 ? `Goes on by itself in ${duration(until)}`
      : "Due now"}
      ${" "}(${moment(why.until)})</p>`}</section>`;
}

function Consignee({ order, revealed }) {
  const c = revealed?.consignee ?? order.consignee;
  if (!c) return null;
  const parts = [c.address1, c.address2, c.city, c.state, c.pincode, c.country].filter(Boolean);
  const address = [...new Set(parts)].join(", "); // what is hidden is said once
  return html`<${Facts} items=${[["Consignee", c.name], ["Mobile", c.mobile], c.email && ["E-mail", c.email],
    ["Address", address]]} />`;
}

function Reveal({ id, revealed, set }) {
  if (revealed) {
    return html`<${Note} tone="wait" icon="lock">Shown to you alone until you leave this page; the audit log
      keeps that.
      ${" "}<button class="btn small quiet" onClick=${() => set(null)}>Hide again</button><//>`;
  }
  const ask = async () => {
    const answer = await confirm({
      title: "Reveal personal data", label: "Reveal",
      effect: "Name, phone and address of the consignee are shown to you. The audit log keeps that you "
        + "looked and why.",
      run: ({ reason }) => api.orderAction(id, "reveal", { reason, what: "order" }),
    });
    if (answer?.done) set(answer.done);
  };
  return html`<${ActButton} small right="reveal" label="Reveal…" onClick=${ask} />`;
}

function Details({ order, revealed, setRevealed }) {
  const { charges, shipment } = order;
  const boxes = shipment?.weight?.map((kg, n) =>
    `${kg} kg, ${[shipment.length?.[n], shipment.width?.[n], shipment.height?.[n]].filter((v) =>
      v !== undefined).join(" × ")} cm`);
  return html`<${Panel} title="Order"
    tools=${html`<span class="grow"></span>
      ${!revealed && html`<${Reveal} id=${order.id} set=${setRevealed} />`}`}>
    <div class="stack">
    ${revealed && html`<${Reveal} id=${order.id} revealed=${revealed} set=${setRevealed} />`}
    <${Consignee} order=${order} revealed=${revealed?.order ?? revealed} />
    <${Facts} items=${[
      ["Merchant", order.userId && html`<${MerchantLink} id=${order.userId} />`],
        ["Merchant's order id", order.clientOrderId], ["Invoice", order.invoiceNumber],
      ["Payment", order.paymentMethod
        && `${order.paymentMethod}${order.expressType ? `, ${order.expressType}` : ""}`],
      charges && ["Value", money(charges.orderAmount)], charges && Number(charges.codAmount) > 0
        && ["To collect", money(charges.codAmount)],
      boxes?.length && ["Parcels", boxes.join("; ")], ["Pick-up address", order.pickAddressId],
    ]} />
    ${order.items?.length > 0 && html`<div class="table-wrap"><table><thead><tr><th scope="col">Item</th>
      <th scope="col">SKU</th>
      <th scope="col" class="num">Pieces</th><th scope="col" class="num">Price</th></tr></thead>
      <tbody>${order.items.slice(0, 50).map((item, n) => html`<tr key=${n}><td><${Data} value=${item.name} />
        </td>
        <td><${Data} mono value=${item.sku} /></td><td class="num">${shown(item.quantity)}</td>
          <td class="num nowrap">${money(item.unitPrice)}</td></tr>`)}</tbody></table></div>`}
    </div><//>`;
}

function Raw({ order }) {
  const [open, setOpen] = useState(false);
  return html`<${Panel} title="As data" tools=${html`<span class="grow"></span><button class="btn small"
    aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>${open ? "Hide" : "Show"}
      </button>`}>
    ${open ? html`<${Code} value=${order} label="The order as data" />`
      : html`<p class="faint">The whole order as the API gives it, personal data masked.</p>`}<//>`;
}

/** What is only a matter of time is looked at again when that time has come: nothing tells of it. */
function useTimes({ data, reload }) {
  const times = (data?.actions ?? []).map(({ why }) => Date.parse(/ until (\S+Z)/.exec(why)?.[1]));
  const next = Math.min(...times.filter((at) => at > Date.now()));
  useEffect(() => {
    const timer = Number.isFinite(next) && setTimeout(reload, next - Date.now() + 100);
    return () => clearTimeout(timer);
  }, [next]);
}

export function OrderPage({ id }) {
  const order = useResource((signal) => api.order(id, signal), [id], about(id));
  useTimes(order);
  const [revealed, setRevealed] = useState(null);
  const [version, again] = useState(0);
  useEffect(() => () => setRevealed(null), [id]);
  const send = (name, body) => api.orderAction(id, name, body);
  const done = (answer, act) => {
    if (act.name === "reveal") setRevealed(answer);
    order.reload();
    again((n) => n + 1);
  };
  return html`<${Loaded} of=${order} title=${plain(id)}>${(o) => html`
    <${Head} crumbs=${html`<${Link} href=${to(["orders"])}>Orders<//>`}
      title=${o.orderNumber ?? o.id} tools=${html`<${SyncBadge} value=${o.providerSyncStatus} />
        ${words.status[o.status] !== words.sync[o.providerSyncStatus]
          && html`<${Badge}>${words.status[o.status] ?? shown(o.status)}<//>`}${o.providerEnv
            && o.providerEnv !== "live" && html`
        <${Badge} plain tone="wait">${shown(o.providerEnv)}<//>`}`}>
      <span class="mono">${shown(o.id)}</span> · created <${Ago} value=${o.createdAt} /> · changed <${Ago}
        value=${o.updatedAt} /><//>
    <${Why} order=${o} />
    <div class="side-by-side">
      <div class="stack">
        <${Timeline} id=${id} version=${version} />
        <${Messages} id=${id} />
        <${Details} order=${o} revealed=${revealed} setRevealed=${setRevealed} />
        <${Raw} order=${o} />
      </div>
      <div class="stack">
        <${Panel} title="Actions" flush>
          <${Actions} actions=${(o.actions ?? []).filter(({ name }) => name !== "reveal")}
            what=${o.orderNumber ?? o.id}
          typedWords=${plain(o.orderNumber ?? o.id)} send=${send} done=${done} /><//>
        ${(o.awb || o.providerOrderNumber || o.cancellation?.state !== "none")
          && html`<${Panel} title="Shipment"><${Facts} items=${[
          ["AWB", o.awb && html`<${Data} mono value=${o.awb} />`], ["Courier", o.courierName],
          ["ParcelX's number", o.providerOrderNumber
            && html`<${Data} mono value=${o.providerOrderNumber} />`],
          ["Cancellation", o.cancellation?.state && o.cancellation.state !== "none" ? o.cancellation.state
            : null],
          o.nextCheckAt && ["Looked at next", html`<${At} value=${o.nextCheckAt} />`],
        ]} /><//>`}
      </div>
    </div>`}<//>`;
}
