// One call to ParcelX: what was sent, what came back, and what differs from the last call that went well.
import { html, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { duration } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { Link, to } from "../lib/router.js";
import { shown } from "../lib/text.js";
import { At, Facts, Loaded, Note } from "../parts/basics.js";
import { Code, Diff, differences } from "../parts/code.js";

const asData = (value) => {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
};

function Parts({ call }) {
  const [tab, setTab] = useState("response");
  const { outcome, lastGood } = call;
  const request = asData(call.request);
  const response = asData(outcome?.response);
  const differing = lastGood ? differences(asData(lastGood.request), request).length : 0;
  const tabs = [["response", "Answer"], ["request", "Request"], ["diff", "Compare", lastGood ? differing
    : null]];
  return html`<div class="call-body"><div class="tabs" role="tablist">${tabs.map(([name, label, n]) => html`
      <button key=${name} role="tab" aria-selected=${tab === name ? "true" : "false"}
        onClick=${() => setTab(name)}>${label}
        ${n !== null && n !== undefined && html`<span class="n">${n}</span>`}</button>`)}</div>
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
        ${outcome.late && html`<${Note} tone="wait">An answer came late, after this call was given up:<//>
          <${Code} value=${outcome.late} label="Late answer" />`}`)}
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
  return html`<${Loaded} of=${call} lines=${3}>${(data) => html`<${Parts} call=${data} />`}<//>`;
}
