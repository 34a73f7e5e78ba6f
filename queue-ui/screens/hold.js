// A held account: ParcelX's own words, since when, when it is tried next, and how many orders wait for it.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count, duration, moment, plural } from "../lib/format.js";
import { useNow, Ago, Badge, Facts } from "../parts/basics.js";
import { Data, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { confirm } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { toast } from "../parts/toast.js";

export function Hold({ account, reload }) {
  const now = useNow();
  const { hold, ordersWaiting, capped } = account;
  const next = hold.nextProbeAt ? Date.parse(hold.nextProbeAt) - now : null;
  const waiting = plural(ordersWaiting ?? 0, "order", "orders", capped);
  const act = async (name, options) => {
    const answer = await confirm({ ...options, run: ({ reason }) =>
      api.accountAction(account.id, name, { reason }).then((d) => d ?? true) });
    if (answer?.done) {
      toast(name === "lift" ? "The hold is lifted." : "One order is being tried.");
      reload();
    }
  };
  const tryNow = () => act("try-now", {
    title: "Try ParcelX now", label: "Try now", costs: true,
    effect: `One waiting order is sent now instead of in ${next > 0 ? duration(next)
      : "a moment"}. If ParcelX takes it, the hold ends and ${waiting} follow.`,
  });
  const lift = () => act("lift", {
    title: "Lift the hold", label: "Lift the hold", costs: true, danger: true, typed: "lift",
    effect: `All ${waiting} that wait are sent at the queue's usual pace, without a test before. If `
      + `ParcelX still says no, it is held again.`,
  });
  return html`<section class="hold" aria-labelledby="hold-title"><div class="body">
    <div class="row"><h2 id="hold-title" class="grow"><${Icon} name="warn" />
      <span>ParcelX is on hold${words.holdKind[hold.kind] ? `: ${words.holdKind[hold.kind]}` : ""}</span></h2>
      ${!words.holdKind[hold.kind] && html`<${Badge} tone="bad">${shown(hold.kind)}<//>`}
      <${ActButton} right="account.lift" primary label="Try now…" onClick=${tryNow} />
      <${ActButton} right="account.lift" label="Lift…" danger onClick=${lift} /></div>
    <blockquote><${Data} value=${hold.reason} empty="ParcelX gave no words." /><cite>ParcelX's words</cite>
      </blockquote>
    <${Facts} items=${[
      ["Held", html`<${Ago} value=${hold.since} />`],
      ["Tried next", hold.probing ? "being tried now" : next === null ? "not by itself" : next > 0
        ? html`<span title=${moment(hold.nextProbeAt)}>in ${duration(next)}</span>` : "due now"],
      ["Tried so far", plural(hold.probes ?? 0, "time")],
      ["Orders waiting", count(ordersWaiting, capped)],
    ]} /></div></section>`;
}
