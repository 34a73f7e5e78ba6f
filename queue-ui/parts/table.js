// Lists: rows that keep their place, with selection, "n new", more pages, and cards on a phone.
import { html, useState } from "../lib/ui.js";
import { count, plural } from "../lib/format.js";
import { Link } from "../lib/router.js";
import { shown } from "../lib/text.js";
import { Empty, Failed, Loading, Stale, ProblemNote } from "./basics.js";

/** Chosen rows of a list, and whether all that match its filter are meant. */
export function useSelection(deps) {
  const [state, setState] = useState({ keys: new Set(), all: false, of: deps });
  // Another filter is another list: what was chosen there is not chosen here.
  const current = state.of === deps ? state : { keys: new Set(), all: false, of: deps };
  const put = (keys, all = false) => setState({ keys, all, of: deps });
  return {
    keys: current.keys, all: current.all, size: current.keys.size,
    has: (key) => current.all || current.keys.has(key),
    toggle(key) {
      const keys = new Set(current.keys);
      if (!keys.delete(key)) keys.add(key);
      put(keys);
    },
    page: (keys) => put(new Set(keys)),
    everything: (keys) => put(new Set(keys), true),
    clear: () => put(new Set()),
  };
}

function Row({ row, columns, id, href, selection, label }) {
  return html`<tr class=${[row.gone && "gone", selection && "checkable", selection?.has(id)
    && "chosen"].filter(Boolean).join(" ")}
    data-row title=${row.gone ? "Not in this list any more" : undefined}>
    ${selection && html`<td class="check"><label><input type="checkbox" checked=${selection.has(id)}
      aria-label=${`Choose ${label}`} onChange=${() => selection.toggle(id)} /></label></td>`}
    ${columns.map((column, at) => {
      const cell = column.cell(row);
      const linked = at === 0 && href
        ? html`<${Link} href=${href} class="rowlink" data-rowfocus>${cell}<//>${column.below?.(row)}` : cell;
      const blank = cell === null || cell === undefined || cell === "";
      return html`<td key=${column.key} data-label=${column.phone}
        class=${[column.num && "num", column.wide && "wide",
        column.nowrap && "nowrap", blank && "empty"].filter(Boolean).join(" ")}>${blank ? "" : linked}</td>`;
    })}</tr>`;
}

/**
 * `columns`: `{ key, label, cell(row), num?, wide?, phone? (its label on a card) }`; the first one is the
 * link.
 */
export function Table({ columns, rows, rowKey = (row) => row.id, href, selection, caption, labelOf }) {
  const keys = rows.map(rowKey);
  const allHere = selection && rows.length > 0 && keys.every((key) => selection.has(key));
  return html`<div class="table-wrap"><table class="cards"><caption class="sr">${caption}</caption>
    <thead><tr>
      ${selection && html`<th class="check" scope="col"><label><input type="checkbox" checked=${allHere}
        aria-label="Choose all on this page"
          onChange=${() => (allHere ? selection.clear() : selection.page(keys))} /></label></th>`}
      ${columns.map((column) => html`<th key=${column.key} scope="col" class=${column.num ? "num" : ""}>
        ${column.label}</th>`)}
    </tr></thead>
    <tbody>${rows.map((row, at) => html`<${Row} key=${keys[at]} id=${keys[at]} row=${row} columns=${columns}
      href=${href?.(row)} selection=${selection} label=${labelOf?.(row) ?? keys[at]} />`)}</tbody></table>
        </div>`;
}

/** A list from `useList` with everything around it. */
export function List({ list, empty, note, lines = 8, ...table }) {
  if (!list.rows) {
    return list.error ? html`<${Failed} error=${list.error} retry=${list.reload} />`
      : html`<${Loading} lines=${lines} />`;
  }
  const { rows } = list;
  return html`
    ${list.error && html`<${Stale} of=${list} />`}
    ${list.waiting.length > 0
      && html`<div class="newer"><button class="btn small" data-shownew onClick=${list.showNew}>
      Show ${plural(list.waiting.length, "new row")} <kbd>.</kbd></button></div>`}
    ${rows.length ? html`<${Table} rows=${rows} ...${table} />` : empty
      ?? html`<${Empty} title="Nothing here" />`}
    ${(rows.length > 0 || note)
      && html`<div class="pager"><span>${rows.length > 0 && plural(rows.length, "row")}
      ${list.hasMore ? " so far" : ""}${note && html`${rows.length > 0 && " · "}${note}`}</span>
      ${list.hasMore && html`<button class="btn small" disabled=${list.tail.loading} onClick=${list.more}>
        ${list.tail.loading ? "Loading…" : "Load more"}</button>`}</div>`}
    ${list.tail.error && html`<${ProblemNote} error=${list.tail.error} />`}`;
}

/** How far a bounded search looked. */
export function covered({ searched, stopped }, what) {
  if (searched === undefined || searched === null) return null;
  return stopped
    ? html`<strong>Looked at the newest ${count(searched)} ${what} only</strong>; load more to look further.`
    : `Looked at all ${count(searched)} ${what}.`;
}

export const orNone = (value) => (value === null || value === undefined || value === "" ? null
  : shown(value));
