// Webhooks that were not delivered after all their tries, and events that a consumer could not handle: nobody
// sends or handles them again by itself.
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count, plural } from "../lib/format.js";
import { useList } from "../lib/resource.js";
import { Link, to } from "../lib/router.js";
import { Data, plain, shown } from "../lib/text.js";
import { ActButton } from "../parts/actions.js";
import { Ago, Badge, Empty, Head, MerchantLink, Note, Panel } from "../parts/basics.js";
import { confirm } from "../parts/dialog.js";
import { List, useSelection } from "../parts/table.js";

const RIGHT = "job.manage";

/** The order that an event is about; its messages are counted apart under its id. */
const orderOf = ({ eventType, subject }) =>
  (eventType.startsWith("order.") ? subject.replace(/\/messages$/, "") : null);

const TONE = { sent: "ok", sending: "info", waits: "mute", refused: "bad", failed: "bad" };
const LABEL = {
  sent: "Will be sent", sending: "Sending…", waits: "Waits", refused: "Refused", failed: "Failed",
};

/** What is done with a row, and the words for what becomes of it. */
const SEND = {
  act: (row, reason) => api.resendWebhook(row.id, { reason }), done: "from its first try on, within seconds",
  labels: LABEL, ended: "will be sent again",
};
const RETRY = {
  act: (row, reason) => api.retryEvent(row.id, { reason }), done: "what it had missed is made",
  labels: { ...LABEL, sent: "Handled", sending: "Retrying…" }, ended: "were handled",
};

/** It may fail anew after it was sent again: that is another failure, with no result yet. */
const keyOf = (row) => `${row.id} ${row.failedAt}`;

/** What became of rows in this visit: `run(rows, reason)` acts on them, one after the other. */
function useResend(what) {
  const [results, setResults] = useState({});
  const [progress, setProgress] = useState(null);
  const stopped = useRef(false);
  useEffect(() => () => (stopped.current = true), []);
  const note = (row, state, words) => setResults((old) => ({ ...old, [keyOf(row)]: { state, words } }));

  async function run(rows, reason) {
    stopped.current = false;
    const ended = { sent: 0, of: rows.length, done: 0, problem: null };
    rows.forEach((row) => note(row, "waits"));
    for (const row of rows) {
      if (stopped.current) break;
      setProgress({ ...ended, running: true });
      note(row, "sending");
      try {
        await what.act(row, reason);
        ended.sent += 1;
        note(row, "sent", what.done);
      } catch (problem) {
        // What concerns one row is that row's; with all else the next would end alike.
        const own = problem.status === 404 || problem.status === 409;
        note(row, own ? "refused" : "failed", problem.message);
        if (!own) ended.problem = problem;
      }
      ended.done += 1;
      if (ended.problem) break;
    }
    rows.slice(ended.done).forEach((row) => setResults(({ [keyOf(row)]: _, ...rest }) => rest));
    setProgress({ ...ended, running: false });
  }
  const stop = () => (stopped.current = true);
  return { what, results, progress, running: progress?.running ?? false, run, stop };
}

/** Asks for the reason, then sends. */
async function ask(rows, resend, done) {
  const one = rows.length === 1;
  const answer = await confirm({
    title: one ? `Send again: ${plain(rows[0].eventType)}` : `Send ${plural(rows.length, "webhook")} again`,
    label: "Send again",
    effect: `${one ? "It is" : "Each is, one after the other,"} sent from its first try on, under the same `
      + "id: a merchant who has it already can tell. One whose address is paused or was given up is refused.",
    run: async ({ reason }) => reason,
  });
  if (!answer) return;
  done?.();
  await resend.run(rows, answer.done);
}

/** The same for an event. */
async function askRetry(row, retry) {
  const answer = await confirm({
    title: `Retry: ${plain(row.eventId)}`,
    label: "Retry",
    effect: `It goes through ${plain(row.consumer)} once more. What it has made already is not made twice.`,
    run: async ({ reason }) => reason,
  });
  if (answer) await retry.run([row], answer.done);
}

function Again({ row, resend, label, onAsk }) {
  const result = resend.results[keyOf(row)];
  const again = !row.gone && !resend.running && (!result || ["refused", "failed"].includes(result.state));
  return html`<span class="row">${again && html`<${ActButton} small right=${RIGHT} focus
      label=${label} onClick=${onAsk} />`}
    <span role="status">${result && html`<${Badge} tone=${TONE[result.state]}>
      ${resend.what.labels[result.state]}<//>
      ${result.words && html`<span class="sub">${shown(result.words)}</span>`}`}</span></span>`;
}

const columns = (resend) => [
  {
    key: "event", label: "Event", wide: true, cell: (d) =>
      html`<span class="mono">${shown(d.eventType)}</span><span class="sub mono">${shown(d.eventId)}</span>`,
  },
  {
    key: "about", label: "About", wide: true, cell: (d) => {
      const order = orderOf(d);
      const name = html`<${Data} mono value=${order ?? d.subject} />`;
      return order ? html`<${Link} href=${to(["orders", order])}>${name}<//>` : name;
    },
  },
  { key: "merchant", label: "Merchant", phone: "Merchant", cell: (d) => d.userId
    && html`<${MerchantLink} id=${d.userId} />` },
  { key: "tries", label: "Tries", phone: "Tries", num: true, cell: (d) => count(d.tries) },
  {
    key: "last", label: "Last answer", phone: "Last answer", cell: (d) => (d.status
      ? html`<${Badge} plain tone="bad">HTTP ${d.status}<//>` : null) ?? (d.error
      && html`<span class="clip"><${Data} value=${d.error} title=${d.error} /></span>`),
  },
  { key: "failed", label: "Given up", phone: "Given up", nowrap: true, cell: (d) =>
    html`<${Ago} value=${d.failedAt} />` },
  {
    key: "again", label: html`<span class="sr">Send again</span>`, wide: true, cell: (d) =>
      html`<${Again} row=${d} resend=${resend} label="Send again…" onAsk=${() => ask([d], resend)} />`,
  },
];

const failedColumns = (retry) => [
  { key: "event", label: "Event", wide: true, cell: (f) =>
    html`<span class="mono">${shown(f.eventId)}</span>` },
  { key: "consumer", label: "Consumer", phone: "Consumer", cell: (f) => shown(f.consumer) },
  { key: "why", label: "Why", wide: true, cell: (f) =>
    html`<span class="clip"><${Data} value=${f.why} title=${f.why} /></span>` },
  { key: "tries", label: "Tries", phone: "Tries", num: true, cell: (f) => count(f.tries) },
  { key: "failed", label: "Failed", phone: "Failed", nowrap: true, cell: (f) =>
    html`<${Ago} value=${f.failedAt} />` },
  {
    key: "again", label: html`<span class="sr">Retry</span>`, wide: true, cell: (f) =>
      html`<${Again} row=${f} resend=${retry} label="Retry…" onAsk=${() => askRetry(f, retry)} />`,
  },
];

function Chosen({ rows, selection, resend }) {
  const { progress, running } = resend;
  if (running && progress.of > 1) {
    return html`<div class="selection" role="region" aria-label="Sending again">
      <span role="status">${count(progress.done)} of ${count(progress.of)} done</span>
      <button class="btn" onClick=${resend.stop}>Stop</button>
      <span class="faint">Stops when you leave this page.</span></div>`;
  }
  const chosen = rows.filter((row) => selection.has(row.id) && !row.gone);
  if (!chosen.length || running) return null;
  return html`<div class="selection" role="region" aria-label="Chosen webhooks">
    <span><strong>${count(chosen.length)}</strong> chosen</span>
    <${ActButton} right=${RIGHT} primary label="Send again…"
      onClick=${() => ask(chosen, resend, selection.clear)} />
    <button class="btn quiet" onClick=${selection.clear}>None</button></div>`;
}

function Ended({ resend: { progress, what } }) {
  if (!progress || progress.running || (progress.of === 1 && !progress.problem)) return null;
  const { sent, of, done, problem } = progress;
  const words = `${count(sent)} of ${count(of)} ${what.ended}.`;
  if (!problem) return html`<${Note} tone=${sent === of ? "ok" : "wait"}>${words}
    ${done < of ? " Stopped: the rest was left as it is." : sent < of ? " The others say why not." : ""}<//>`;
  return html`<${Note} tone="bad"><strong>Stopped: ${shown(problem.message)}</strong> ${words}
    <div class="mono">${shown(problem.code)}</div><//>`;
}

export function Webhooks() {
  const list = useList((cursor, signal) => api.deadWebhooks({ cursor }, signal), [], (event) =>
    event.type === "webhook_endpoint" || event.data?.action === "webhook.resend");
  const selection = useSelection("all");
  const resend = useResend(SEND);
  const failed = useList((cursor, signal) => api.failedEvents({ cursor }, signal), [], (event) =>
    event.data?.action === "event.retry");
  const retry = useResend(RETRY);
  const reload = () => {
    list.reload();
    failed.reload();
  };
  return html`<${Head} title="Webhooks"
    tools=${html`<button class="btn" disabled=${list.loading} onClick=${reload}>Load again</button>`}>
    What a merchant's address has not taken after all tries. Neither the address nor what was sent is shown:
    both are the merchant's.<//>
    <${Ended} resend=${resend} />
    <${Ended} resend=${retry} />
    <${Panel} flush><${List} list=${list} columns=${columns(resend)} selection=${selection}
      caption="Webhooks that were not delivered" labelOf=${(d) => `${d.eventType} ${d.eventId}`}
      empty=${html`<${Empty} title="Nothing was given up">A webhook appears here when its last try has failed.
        <//>`} /><//>
    ${list.rows?.length > 0
      && html`<${Chosen} rows=${list.rows} selection=${selection} resend=${resend} />`}
    <${Panel} flush title="Events that a consumer could not handle"><${List} list=${failed} lines=${2}
      columns=${failedColumns(retry)} caption="Events that a consumer could not handle"
      labelOf=${(f) => f.eventId}
      empty=${html`<${Empty} title="Every event was handled">An event appears here when webhooks or
        notifications could not be made of it. Those behind it were.<//>`} /><//>`;
}
