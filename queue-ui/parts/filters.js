// Filters of a list, kept in the address.
import { html, useEffect, useState } from "../lib/ui.js";
import { filter, place } from "../lib/router.js";
import { fromLocal, toLocal } from "../lib/format.js";
import { prefs } from "../lib/prefs.js";
import * as words from "../lib/strings.js";
import { Field } from "./dialog.js";

/** `refuses`: why a text must not become part of the address, if so. */
function TextFilter({ name, label, hint, wide, placeholder, refuses }) {
  const current = place.use().filters[name] ?? "";
  const [text, setText] = useState(current);
  useEffect(() => setText(current), [current]);
  const why = text.trim() && refuses?.(text.trim());
  const apply = () => !why && text.trim() !== current && filter({ [name]: text.trim() });
  return html`<${Field} label=${label ?? words.field[name] ?? name} hint=${why || hint}
    wide=${wide}>${(id) => html`
    <input id=${id} value=${text} placeholder=${placeholder} autocomplete="off" spellcheck=${false}
      type="search"
      onInput=${(e) => setText(e.target.value)} onBlur=${apply}
      onKeyDown=${(e) => e.key === "Enter" && apply()} onSearch=${apply} />`}<//>`;
}

function ChoiceFilter({ name, label, choices, all = "All" }) {
  const current = place.use().filters[name] ?? "";
  return html`<${Field} label=${label ?? words.field[name] ?? name}>${(id) => html`
    <select id=${id} value=${current} onChange=${(e) => filter({ [name]: e.target.value })}>
      <option value="" selected=${current === ""}>${all}</option>
        ${Object.entries(choices).map(([value, text]) => html`
        <option key=${value} value=${value} selected=${value === current}>${text}</option>`)}</select>`}<//>`;
}

function TimeFilter({ name, label }) {
  const current = place.use().filters[name] ?? "";
  const { zone } = prefs.use();
  return html`<${Field} kind="time" label=${`${label ?? words.field[name] ?? name} (${zone})`}>${(id) => html`
    <input id=${id} type="datetime-local" value=${toLocal(current)}
      onChange=${(e) => filter({ [name]: fromLocal(e.target.value) })} />`}<//>`;
}

/** `fields`: `{ name, kind: text | choice | time, … }`. */
export function Filters({ fields }) {
  const { filters } = place.use();
  const [open, setOpen] = useState(false);
  const used = fields.filter(({ name }) => filters[name]);
  const clear = () => filter(Object.fromEntries(fields.map(({ name }) => [name, ""])));
  return html`<div class=${open ? "filters open" : "filters"} role="search" aria-label="Filters">
    <button class="btn only-phone" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>
      Filters${used.length ? ` (${used.length})` : ""}</button>${fields.map((field) => {
    const Kind = { text: TextFilter, choice: ChoiceFilter, time: TimeFilter }[field.kind ?? "text"];
    return html`<${Kind} key=${field.name} ...${field} />`;
  })}${used.length > 0 && html`<button class="btn quiet" onClick=${clear}>Clear filters</button>`}</div>`;
}

/** The filters of the address that a list knows. */
export const only = (filters, ...names) => Object.fromEntries(
  names.filter((name) => filters[name]).map((name) => [name, filters[name]]));
