// What one may do with an order or a job: each action with what it will do, why not, and how it ended.
import { html, useState } from "../lib/ui.js";
import { withMoments } from "../lib/format.js";
import { whyNot } from "../lib/session.js";
import { plain, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { confirm, Field } from "./dialog.js";
import { toast } from "./toast.js";

const text = (key, label, hint) => (values, set) => html`<${Field} label=${label} hint=${hint}>${(id) => html`
  <input id=${id} value=${values[key] ?? ""} autocomplete="off" spellcheck=${false} class="mono" data-first
    onInput=${(e) => set({ [key]: e.target.value })} />`}<//>`;

const check = (key, label) => (values, set) =>
  html`<label class="row"><input type="checkbox" checked=${values[key] ?? false}
  onChange=${(e) => set({ [key]: e.target.checked })} /><span>${label}</span></label>`;

const both = (...parts) => (values, set) => parts.map((part) => part(values, set));

/** What an action asks for beside its reason, and how it is sent. */
const FORMS = {
  adopt: {
    fields: both(
      text("awb", "AWB", "Empty: take the one that ParcelX has under our reference."),
      check("unverified", "I have seen it at ParcelX, though nothing ties it to our reference")),
    body: ({ awb, unverified, reason }) =>
      ({ reason, ...(awb?.trim() && { awb: awb.trim() }), ...(unverified && { unverified }) }),
  },
  rebook: {
    fields: check("force", "Do not ask ParcelX first: it may ship twice"),
    body: ({ force, reason }) => ({ reason, ...(force && { force }) }),
  },
  "cancel-shipment": {
    fields: text("awb", "AWB", "Only needed where several shipments wait."),
    body: ({ awb, reason }) => ({ reason, ...(awb?.trim() && { awb: awb.trim() }) }),
  },
  "close-shipment": {
    fields: both(text("awb", "AWB", "Only needed where several shipments wait."), (values, set) => html`
      <fieldset class="field"><legend class="label">What became of it</legend>
        ${[["cancelled", "It is cancelled"], ["live", "It travels"]].map(([value, label]) =>
          html`<label class="row" key=${value}>
          <input type="radio" name="fate" checked=${values.fate === value}
            onChange=${() => set({ fate: value })} />
          <span>${label}</span></label>`)}</fieldset>`),
    ready: ({ fate }) => Boolean(fate),
    body: ({ awb, fate, reason }) => ({ reason, fate, ...(awb?.trim() && { awb: awb.trim() }) }),
  },
  amend: {
    fields: (values, set) => html`<${Field} label="The whole order, corrected (JSON)"
      hint="As POST /orders/create takes it. The order keeps its number.">${(id) => html`
      <textarea id=${id} rows="10" class="mono" spellcheck=${false} value=${values.payload ?? ""} data-first
        onInput=${(e) => set({ payload: e.target.value })}></textarea>`}<//>`,
    ready: ({ payload }) => {
      try {
        return typeof JSON.parse(payload) === "object";
      } catch {
        return false;
      }
    },
    body: ({ payload, reason }) => ({ reason, payload: JSON.parse(payload) }),
  },
};

/** Asks, then runs `send(name, body)`. Gives what it answered, or undefined when nothing was done. */
export async function ask(act, { what, typedWords, send }) {
  const form = FORMS[act.name] ?? {};
  const known = words.action[act.name];
  const answer = await confirm({
    title: `${words.actionLabel(act.name)}: ${plain(what)}`, effect: withMoments(act.effect),
      costs: act.costs, danger: known?.danger,
    typed: act.typed ? typedWords : null, label: words.actionLabel(act.name), fields: form.fields,
      ready: form.ready,
    run: (values) => send(act.name, form.body ? form.body(values) : { reason: values.reason }).then((data) =>
      data ?? true),
  });
  if (answer?.done) toast(`${plain(what)}: ${known?.done ?? "Done."}`);
  return answer?.done;
}

/** Why an action cannot be taken: its right first, then the order's state. */
export const obstacle = (act) => whyNot(act.right)
  ?? (act.allowed ? null : withMoments(act.why) ?? "Not possible in this state.");

export function Actions({ actions = [], what, typedWords, send, done }) {
  const [result, setResult] = useState(null);
  const run = async (act) => {
    const answer = await ask(act, { what, typedWords, send });
    if (!answer) return;
    setResult({ name: act.name, words: words.action[act.name]?.done ?? "Done." });
    done?.(answer, act);
  };
  if (!actions.length) return html`<p class="faint">There is nothing to do here.</p>`;
  const one = (act) => {
    const look = words.action[act.name]?.danger ? "danger" : "";
    return html`<div class="action" key=${act.name}>
      <button class="btn ${look}" aria-describedby=${`effect-${act.name}`} onClick=${() => run(act)}>
        ${words.actionLabel(act.name)}</button>
      <p id=${`effect-${act.name}`}>${shown(withMoments(act.effect))}</p>
      ${result?.name === act.name && html`<span class="badge ok" role="status">${result.words}</span>`}
        </div>`;
  };
  // What can be done comes first; the rest says why not.
  const now = actions.filter((act) => !obstacle(act));
  const later = actions.filter(obstacle);
  // What was done may not be possible any more: its result stays where one looks.
  const over = result && !now.some((act) => act.name === result.name);
  return html`<div class="actions">
    ${over && html`<div class="action" role="status"><p><strong>${words.actionLabel(result.name)}:</strong>
      ${" "}<span class="badge ok">${result.words}</span></p></div>`}
    ${now.map(one)}${!now.length && html`<div class="action"><p>Nothing that you can do now.</p></div>`}</div>
    ${later.length > 0 && html`<details class="not-now" open=${now.length === 0}><summary>
      Not possible now: ${later.length}</summary>
        ${[...new Set(later.map(obstacle))].map((no) => html`<div class="action" key=${no}>
      <div class="row">${later.filter((act) => obstacle(act) === no).map((act) =>
        html`<button class="btn small" key=${act.name}
        aria-disabled="true" title=${plain(no)}>${words.actionLabel(act.name)}</button>`)}</div><p>
          ${shown(no)}</p></div>`)}</details>`}`;
}

/** A button that asks first; `right` decides whether it works. `focus`: the keys for rows lead to it. */
export function ActButton({ right, label, small, danger, primary, icon, focus, onClick }) {
  const no = whyNot(right);
  return html`<button class="btn ${small ? "small" : ""} ${danger ? "danger" : ""} ${primary && !no
    ? "main-action" : ""}"
    aria-disabled=${no ? "true" : undefined} title=${no ?? undefined} data-rowfocus=${focus}
    onClick=${() => (no ? toast(no, "bad") : onClick())}>${icon}${label}</button>`;
}
