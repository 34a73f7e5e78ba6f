// What may be taken out of a queue as a whole: why not, or a dialog that says how many and starts it.
import { html, useEffect, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { duration, plural } from "../lib/format.js";
import { go, to } from "../lib/router.js";
import { plain, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { obstacle } from "../parts/actions.js";
import { Loading, Note, ProblemNote } from "../parts/basics.js";
import { confirm, Field } from "../parts/dialog.js";
import { toast } from "../parts/toast.js";

/** It can be paused, and the queue's server has other things to do. */
const PER_MINUTE = 6000;
const STOP_AFTER = 10;
const HOUR = 3_600_000;
const AGES = [[0, "at any time"], [HOUR, "more than an hour ago"], [24 * HOUR, "more than a day ago"],
  [7 * 24 * HOUR, "more than a week ago"]];

const filterOf = (act, queue, { states, age }) => ({
  queue: queue.name, state: act.states.filter((state) => states.includes(state)).join(","),
  ...(age > 0 && { before: new Date(Date.now() - age).toISOString() }),
});

/** How many that would be, told to the dialog, too. */
function Reach({ act, queue, values, tell }) {
  const [error, setError] = useState(null);
  const { found } = values;
  const chosen = values.states.length > 0;
  useEffect(() => {
    setError(null);
    if (!chosen) return undefined;
    let ended = false;
    api.preview({ kind: act.kind, filter: filterOf(act, queue, values), reason: "Preview" }).then(
      (data) => ended || tell(data), (problem) => ended || setError(problem));
    return () => (ended = true);
  }, [values.states.join(), values.age]);
  if (!chosen) return html`<${Note} tone="mute">Choose what is taken out.<//>`;
  if (error) return html`<${ProblemNote} error=${error} />`;
  if (!found) return html`<${Loading} lines=${1} />`;
  if (!found.matches && !found.capped) return html`<${Note} tone="mute">Nothing matches now.<//>`;
  return html`<p role="status"><strong>${plural(found.matches, "job", undefined, found.capped)}</strong>,
    ${" "}one by one: about ${duration((found.matches / PER_MINUTE) * 60_000)}. It can be paused.</p>`;
}

const fields = (act, queue) => (values, set) => {
  const choose = (state, yes) => set({ found: null,
    states: yes ? [...values.states, state] : values.states.filter((one) => one !== state) });
  return html`<fieldset class="field"><legend class="label">Which jobs</legend>
    ${act.states.map((state, n) => html`<label class="row" key=${state}>
      <input type="checkbox" checked=${values.states.includes(state)} data-first=${n === 0}
        onChange=${(e) => choose(state, e.target.checked)} />
      <span>${words.jobState[state]}</span></label>`)}</fieldset>
    ${act.name === "clean" && html`<${Field} label="Finished">${(id) => html`
      <select id=${id} onChange=${(e) => set({ found: null, age: Number(e.target.value) })}>
        ${AGES.map(([age, label]) => html`<option key=${age} value=${age} selected=${age === values.age}>
          ${label}</option>`)}</select>`}<//>`}
    <${Reach} act=${act} queue=${queue} values=${values} tell=${(found) => set({ found })} />`;
};

async function clear(act, queue) {
  const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("-");
  const label = words.actionLabel(act.name);
  const answer = await confirm({
    title: `${label} ${plain(queue.name)}`, label, danger: true, effect: act.effect,
    typed: act.typed ? plain(queue.name) : null, fields: fields(act, queue),
    initial: { states: act.states.slice(0, 1), age: act.name === "clean" ? 24 * HOUR : 0, found: null },
    ready: ({ found }) => Boolean(found && (found.matches || found.capped)),
    run: ({ reason, ...values }) => api.start({ kind: act.kind, filter: filterOf(act, queue, values),
      ratePerMinute: PER_MINUTE, stopAfter: STOP_AFTER, reason }, key),
  });
  if (!answer?.done) return;
  toast(`${label} ${plain(queue.name)}: started.`);
  go(to(["operations", answer.done.id]));
}

/** A button for each way to clear the queue; one that cannot be gone says why. */
export const Clear = ({ queue }) => (queue.actions ?? []).map((act) => {
  const no = obstacle(act);
  return html`<button key=${act.name} class="btn" aria-disabled=${no ? "true" : undefined}
    title=${no ? plain(no) : undefined} onClick=${() => (no ? toast(no, "bad") : clear(act, queue))}>
    ${shown(words.actionLabel(act.name))}…</button>`;
});
