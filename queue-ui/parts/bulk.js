// Bulk work: a preview of what it would touch, its pace and stop rule, then an operation one can watch.
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { count, duration, plural } from "../lib/format.js";
import { go, to } from "../lib/router.js";
import { shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { Loading, Note, ProblemNote } from "./basics.js";
import { dialog, Field, ReasonField } from "./dialog.js";
import { toast } from "./toast.js";

const RISKY = new Set(["review.fail", "review.close-shipment", "jobs.remove"]);
/** This one must be told what became of the shipments before it can say what it would do. */
const asksFate = (kind) => kind === "review.close-shipment";

function Sample({ rows }) {
  if (!rows?.length) return null;
  return html`<ul class="sample" aria-label="Some of them">${rows.map((row, n) => html`<li key=${n}>
    <span class="mono nowrap">${shown(row.orderNumber ?? row.clientOrderId ?? row.id ?? row)}</span>
    <span class="sub">${shown(row.review ? words.reviewName(row.review.reason) : row.reason ?? row.syncReason
      ?? row.state ?? "")}</span></li>`)}</ul>`;
}

const looked = (effects) => (effects ?? []).reduce((sum, entry) => sum + entry.count, 0);

/** What jobs would do, of those that were looked at. */
function Effects({ effects, matches }) {
  if (!effects?.length) return null;
  const some = looked(effects) < matches;
  return html`<${Note} tone="mute">When they run, as their orders stand${some
    && html` (the first ${count(looked(effects))})`}:
    <ul>${effects.map((entry) => html`<li key=${entry.effect}>${count(entry.count)} · ${shown(entry.effect)}
      </li>`)}</ul><//>`;
}

/** Refusals by code come as a list or as an object. */
export const byCode = (refusals) =>
  (Array.isArray(refusals) ? refusals : Object.entries(refusals ?? {}).map(([code, n]) =>
    ({ code, count: n })));

function Refusals({ refusals }) {
  const all = byCode(refusals);
  if (!all.length) return null;
  return html`<${Note} tone="mute">As they stand, some would be refused and left as they are:
    <ul>${all.map((entry) =>
      html`<li key=${entry.code}>${count(entry.count)} · ${shown(words.refusal[entry.code] ?? entry.code)}
        </li>`)}</ul><//>`;
}

function Bulk({ close, kind, filter, ids }) {
  const jobs = kind.startsWith("jobs.");
  const thing = jobs ? "job" : "order";
  const [form, setForm] = useState({ reason: "", rate: jobs ? 600 : 30, stop: 5, force: false, fate: "",
    typed: "" });
  const [preview, setPreview] = useState({ data: null, error: null });
  const key = useRef(null);
  key.current ??= Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("-");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const set = (change) => setForm((old) => ({ ...old, ...change }));
  const body = () => ({
    kind, ...(filter && { filter }), ...(ids && { ids }), ratePerMinute: Number(form.rate),
      stopAfter: Number(form.stop),
    ...(form.force && { force: true }), ...(form.fate && { fate: form.fate }),
  });
  const told = !asksFate(kind) || form.fate;
  useEffect(() => {
    if (!told) return undefined;
    let ended = false;
    setPreview({ data: null, error: null });
    api.preview({ ...body(), reason: "Preview" }).then(
      (data) => ended || setPreview({ data, error: null }), (problem) => ended
        || setPreview({ data: null, error: problem }));
    return () => (ended = true);
  }, [form.force, form.fate]);

  const { data } = preview;
  const typed = data && (data.costs || RISKY.has(kind)) ? String(data.matches) : null;
  const rate = Number(form.rate);
  const some = data?.matches > 0 || data?.capped;
  const fine = some && form.reason.trim() && rate >= 1 && Number(form.stop) >= 1
    && (!typed || form.typed.trim() === typed);
  const submit = async (event) => {
    event.preventDefault();
    if (!fine || busy) return;
    setBusy(true);
    try {
      const operation = await api.start({ ...body(), reason: form.reason.trim() }, key.current);
      close(operation);
      toast(`${words.operationKind[kind] ?? kind}: started.`);
      go(to(["operations", operation.id]));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const number = (key, label, hint) => html`<${Field} label=${label} hint=${hint}>${(id) => html`
    <input id=${id} type="number" min="1" max="100000" inputmode="numeric" value=${form[key]}
      onInput=${(e) => set({ [key]: e.target.value })} />`}<//>`;
  return html`<form class="dialog" onSubmit=${submit} novalidate>
    <h2 id="dialog-title">${words.operationKind[kind] ?? kind}${data
      ? `: ${plural(data.matches, thing, undefined, data.capped)}` : ""}</h2>
    ${asksFate(kind) && html`<fieldset class="field"><legend class="label">What became of them</legend>
      ${Object.entries(words.fate).map(([value, label]) => html`<label class="row" key=${value}>
      <input type="radio" name="fate" checked=${form.fate === value}
        onChange=${() => set({ fate: value })} />
      <span>${label}</span></label>`)}</fieldset>`}
    ${told && !data && !preview.error && html`<${Loading} lines=${3} />`}
    <${ProblemNote} error=${preview.error} />
    ${data && html`<div class="effect">${shown(data.effect)}</div>
      ${!some && html`<${Note} tone="mute">Nothing matches now. Others may have been quicker.<//>`}
      ${data.costs && data.matches > 0
        && html`<${Note} tone="wait">This may book ${data.books && looked(data.effects) < data.matches
          ? "at least " : ""}${plural(data.books || data.matches, "shipment")}, which ParcelX bills.<//>`}
      <${Effects} effects=${data.effects} matches=${data.matches} />
      <${Refusals} refusals=${data.refusals} />
      <${Sample} rows=${data.sample} />
      ${data.matches > (data.sample?.length ?? 0) && data.sample?.length > 0 && html`
        <p class="faint">and ${count(data.matches - data.sample.length, data.capped)} more</p>`}`}
    <${ReasonField} first value=${form.reason} onInput=${(reason) => set({ reason })} />
    <div class="halves">${number("rate", "At most per minute", data && rate > 0
      ? `takes about ${duration((data.matches / rate) * 60_000)}` : " ")}
      ${number("stop", "Stop after failures in a row", "refusals of single orders do not count")}</div>
    ${kind === "review.rebook" && html`<label class="row"><input type="checkbox" checked=${form.force}
      onChange=${(e) => set({ force: e.target.checked })} /><span>Also where look-ups cannot rule out a first
        shipment</span></label>`}
    ${typed && html`<${Field} label=${html`Type <strong class="mono">${typed}</strong> to start`}>
      ${(id) => html`
      <input id=${id} class="mono" autocomplete="off" inputmode="numeric" value=${form.typed}
        onInput=${(e) => set({ typed: e.target.value })} />`}<//>`}
    <${ProblemNote} error=${error} />
    <footer><button type="button" class="btn" onClick=${() => close()}>Go back</button>
      <button class="btn main-action ${RISKY.has(kind) ? "danger" : ""}" disabled=${!fine || busy}>
        ${busy ? "Starting…" : data ? `Start with ${plural(data.matches, thing)}` : "Start"}</button></footer>
          </form>`;
}

/** Asks for a bulk operation over ids, or over all that a filter matches. */
export const bulk = (options) => dialog((close) => html`<${Bulk} close=${close} ...${options} />`);
