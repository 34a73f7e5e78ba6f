// Short words on what was done, also for screen readers; what can be taken back has a button for it.
import { html, store } from "../lib/ui.js";
import { shown } from "../lib/text.js";
import { Icon } from "./icons.js";

const SECONDS = 7;
const SECONDS_TO_UNDO = 15;

const toasts = store([]);
let last = 0;

/** `undo` takes back what was done; it may throw a problem, which is shown. */
export function toast(words, tone = "ok", undo = null) {
  const entry = { id: ++last, words, tone, undo };
  toasts.set((old) => [...old.slice(-3), entry]);
  setTimeout(() => drop(entry.id), (undo ? SECONDS_TO_UNDO : SECONDS) * 1000);
}
const drop = (id) => toasts.set((old) => old.filter((entry) => entry.id !== id));

async function takeBack(entry) {
  drop(entry.id);
  try {
    await entry.undo();
    toast("Taken back.");
  } catch (problem) {
    toast(`Not taken back: ${problem.message}`, "bad");
  }
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">${toasts.use().map((entry) => html`
    <div class="toast ${entry.tone}" key=${entry.id}><span>${shown(entry.words)}</span>
      ${entry.undo && html`<button class="btn small" onClick=${() => takeBack(entry)}>Undo</button>`}
      <button class="btn quiet icon small" aria-label="Close" onClick=${() => drop(entry.id)}>
        <${Icon} name="close" /></button>
    </div>`)}</div>`;
}
