// Short words on what was done, also for screen readers.
import { html, store } from "../lib/ui.js";
import { shown } from "../lib/text.js";
import { Icon } from "./icons.js";

const toasts = store([]);
let last = 0;

export function toast(words, tone = "ok") {
  const entry = { id: ++last, words, tone };
  toasts.set((old) => [...old.slice(-3), entry]);
  setTimeout(() => drop(entry.id), 7000);
}
const drop = (id) => toasts.set((old) => old.filter((entry) => entry.id !== id));

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">${toasts.use().map((entry) => html`
    <div class="toast ${entry.tone}" key=${entry.id}><span>${shown(entry.words)}</span>
      <button class="btn quiet icon small" aria-label="Close" onClick=${() => drop(entry.id)}>
        <${Icon} name="close" /></button>
    </div>`)}</div>`;
}
