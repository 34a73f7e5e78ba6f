// Payloads as text: coloured, cut where huge, hidden characters marked; and what differs between two.
import { html, useState } from "../lib/ui.js";
import { bytes, count } from "../lib/format.js";
import { plain, shown } from "../lib/text.js";
import { Icon } from "./icons.js";
import { toast } from "./toast.js";

const CUT = 6000;
const COLOURED = 60_000;
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;

export const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2) ?? "");

function coloured(text) {
  const out = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    out.push(shown(text.slice(at, match.index)));
    const [whole, string, colon, number] = match;
    const kind = string ? (colon ? "j-key" : "j-text") : number ? "j-num" : "j-word";
    out.push(html`<span class=${kind}>${shown(string ?? whole)}</span>`, colon ?? "");
    at = match.index + whole.length;
  }
  out.push(shown(text.slice(at)));
  return out;
}

export function Code({ value, label, empty = "Nothing." }) {
  const [all, setAll] = useState(false);
  if (value === null || value === undefined || value === "") return html`<p class="faint">${empty}</p>`;
  const text = pretty(value);
  const cut = !all && text.length > CUT;
  const part = cut ? text.slice(0, CUT) : text;
  const copy = () => navigator.clipboard?.writeText(plain(text)).then(
    () => toast("Copied."), () => toast("The browser did not allow copying.", "bad"));
  const isJson = typeof value !== "string" && part.length <= COLOURED;
  return html`<div class="code">
    <div class="tools"><button class="btn quiet icon small" title="Copy"
      aria-label=${`Copy ${label ?? "text"}`}
      onClick=${copy}><${Icon} name="copy" /></button></div>
    <pre tabindex="0" aria-label=${label ?? "text"}>${isJson ? coloured(part) : shown(part)}</pre>
    ${cut && html`<div class="more"><span>Cut after ${bytes(CUT)} of ${bytes(text.length)}.</span>
      <button class="btn small" onClick=${() => setAll(true)}>Show all</button></div>`}</div>`;
}

/** Leaves of a value by path: `order.items[0].sku` → its text. */
function leaves(value, path = "", out = new Map()) {
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value);
    if (!entries.length) out.set(path, Array.isArray(value) ? "[]" : "{}");
    for (const [key, inner] of entries) {
      leaves(inner, Array.isArray(value) ? `${path}[${key}]` : path ? `${path}.${key}` : key, out);
    }
  } else {
    out.set(path, value === undefined ? undefined : JSON.stringify(value));
  }
  return out;
}

export function differences(before, after) {
  const [a, b] = [leaves(before), leaves(after)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((path) => a.get(path) !== b.get(path))
    .map((path) => ({ path: path || "(all)", before: a.get(path), after: b.get(path) }));
}

export function Diff({ before, after, was, now }) {
  const rows = differences(before, after);
  if (!rows.length) return html`<p class="faint">No difference in what may be shown.</p>`;
  return html`<div class="table-wrap"><table class="diff"><caption class="sr">
    ${count(rows.length)} differences</caption>
    <thead><tr><th scope="col">Field</th><th scope="col">${was}</th><th scope="col">${now}</th></tr></thead>
    <tbody>${rows.slice(0, 200).map((row) => html`<tr key=${row.path}>
      <td>${shown(row.path)}</td>
      <td class=${row.before === undefined ? "" : "was"}>
        ${row.before === undefined ? html`<span class="faint">absent</span>` : shown(row.before)}</td>
      <td class=${row.after === undefined ? "" : "now"}>
        ${row.after === undefined ? html`<span class="faint">absent</span>` : shown(row.after)}</td>
    </tr>`)}</tbody></table></div>`;
}
