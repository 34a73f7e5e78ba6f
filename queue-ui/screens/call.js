// One call to ParcelX: what was sent, what came back, and what differs from the last call that went well.
import { html, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { duration } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { Link, to } from "../lib/router.js";
import { shown } from "../lib/text.js";
import { ActButton } from "../parts/actions.js";
import { At, Facts, Loaded, Note } from "../parts/basics.js";
import { confirm } from "../parts/dialog.js";
import { Code, Diff, differences } from "../parts/code.js";

const asData = (value) => {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
};

/** Asks for the call without anything hidden; the audit log keeps that. */
async function reveal(order, id, show) {
  const answer = await confirm({
    title: "Reveal this call", label: "Reveal",
    effect: "What was sent and answered is shown to you with all personal data in it. The audit log keeps "
      + "that you looked and why.",
    run: ({ reason }) => api.orderAction(order, "reveal", { reason, what: "call", callId: id }),
  });
  if (answer?.done) show(answer.done);
}

function Parts({ order, call: redacted }) {
  const [tab, setTab] = useState("response");
  const [revealed, setRevealed] = useState(null);
  const call = revealed ?? redacted;
  const { outcome, lastGood } = call;
  const request = asData(call.request);
  const response = asData(outcome?.response);
  const differing = lastGood ? differences(asData(lastGood.request), request).length : 0;
  const tabs = [["response", "Answer"], ["request", "Request"], ["diff", "Compare", lastGood ? differing
    : null]];
  return html`<div class="call-body"><div class="call-head"><div class="tabs" role="tablist">
    ${tabs.map(([name, label, n]) => html`
      <button key=${name} role="tab" aria-selected=${tab === name ? "true" : "false"}
        onClick=${() => setTab(name)}>${label}
        ${n !== null && n !== undefined && html`<span class="n">${n}</span>`}</button>`)}</div>
      ${!revealed && html`<${ActButton} small right="reveal" label="Reveal…"
        onClick=${() => reveal(order, call.id, setRevealed)} />`}</div>
    ${revealed && html`<${Note} tone="wait" icon="lock">Shown to you alone until you leave this page.<//>`}
    <div role="tabpanel" class="stack tight" aria-label=${tabs.find(([name]) => name === tab)[1]}>
    ${tab === "request" && html`<${Code} value=${request} label="Request to ParcelX"
      empty="The request was not kept." />`}
    ${tab === "response" && (call.neverSent
      ? html`<${Note} tone="mute">This call was closed before it was sent; it never left.<//>`
      : !outcome ? html`<${Note} tone="wait">No answer is recorded: it is under way, or its process died. Its
        outcome is unknown.<//>`
      : html`<${Facts} items=${[["Answer", outcome.statusCode ? `HTTP ${outcome.statusCode}` : "none"],
        ["Read as", outcome.verdict],
          outcome.errorCode && ["Error", outcome.errorCode], ["Took", duration(outcome.durationMs)],
          ["Received", html`<${At} value=${outcome.receivedAt} />`]]} />
        <${Code} value=${response} label="Answer of ParcelX" empty="The answer had no body." />
        ${outcome.late
          && html`<${Note} tone="wait">The answer came late, after this call had been given up.<//>`}`)}
    ${tab === "diff" && (!lastGood
      ? html`<p class="faint">There is no good call of this kind to compare with yet.</p>` : html`
      <p class="soft">Compared with the call of <${At} value=${lastGood.sentAt} /> for
        ${" "}<${Link} class="mono" href=${to(["orders", lastGood.orderId])}>${shown(lastGood.orderId)}<//>
          , which went well.</p>
      <h3>Request</h3><${Diff} before=${asData(lastGood.request)} after=${request} was="Good call"
        now="This call" />
      <h3>Answer</h3><${Diff} before=${asData(lastGood.response)} after=${response} was="Good call"
        now="This call" />`)}
    </div></div>`;
}

export function Call({ order, id }) {
  const call = useResource((signal) => api.call(order, id, signal), [order, id],
    (event) => event.type === "order" && event.data.id === order);
  return html`<${Loaded} of=${call} lines=${3}>${(data) => html`<${Parts} order=${order} call=${data} />`}
    <//>`;
}
