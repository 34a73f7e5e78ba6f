// The one confirmation: what will happen to how many, what it costs, a reason, and typed words where the
// action cannot be taken back. What the server refuses stands in the dialog.
import { html, store, useId, useLayoutEffect, useRef, useState } from "../lib/ui.js";
import { shown } from "../lib/text.js";
import { Note, ProblemNote } from "./basics.js";

const open = store(null);
export const dialogOpen = () => open.get() !== null;

/** Shows a dialog: `(close) => vnode`. Resolves when it is closed, with what `close` was given. */
export function dialog(make) {
  return new Promise((done) => {
    open.get()?.close(undefined);
    const close = (value) => {
      open.set(null);
      done(value);
    };
    open.set({ make, close });
  });
}

export function Dialogs() {
  const current = open.use();
  const ref = useRef(null);
  const before = useRef(null);
  // At once, not after the next paint: the focus must not be moved when somebody types again.
  useLayoutEffect(() => {
    if (!current) return undefined;
    before.current = document.activeElement;
    const { pathname } = location;
    ref.current?.showModal();
    ref.current?.querySelector("[data-first]")?.focus();
    return () => {
      // Back to where one was, unless the dialog led to another screen.
      if (location.pathname === pathname) before.current?.focus?.({ preventScroll: true });
    };
  }, [current]);
  if (!current) return null;
  return html`<dialog ref=${ref} aria-labelledby="dialog-title" onCancel=${(event) => {
    event.preventDefault();
    current.close(undefined);
  }}>${current.make(current.close)}</dialog>`;
}

/** A labelled field; `error` is told to it by the attributes that `children(id, invalid)` is given. */
export function Field({ label, hint, error, wide, kind, children }) {
  const id = useId();
  return html`<div class="field ${wide ? "wide" : ""} ${kind ?? ""}"><label for=${id}>${label}</label>
    ${children(id, error ? { "aria-invalid": "true", "aria-describedby": `${id}-error` } : {})}
    ${hint && html`<span class="hint">${hint}</span>`}${error && html`<span class="error" role="alert"
      id=${`${id}-error`}>${error}</span>`}</div>`;
}

export function ReasonField({ value, onInput, first, error, label = "Reason (kept in the audit log)",
  placeholder = "What you know, or a ticket's number" }) {
  return html`<${Field} label=${label} error=${error}>${(id, invalid) => html`
    <input id=${id} ...${invalid} required maxlength="500" autocomplete="off" value=${value}
      data-first=${first} placeholder=${placeholder} onInput=${(e) => onInput(e.target.value)} />`}<//>`;
}

/**
 * `run(values)` does it; `values` has `reason` and what `fields` set. Options: `title`, `effect` (words or
 * nodes, or what gives them for the values), `costs`, `danger`, `typed` (the words to type), `label` of the
 * button, `fields(values, set, at)`, `ready(values)`, `initial`, `why` (`label` and `placeholder` of the
 * reason). `at(pointer)` is what the server says of a part of the body; what no field asks for stands below.
 */
export function Confirm({ close, run, title, effect, costs, danger, typed, label, fields, ready, initial,
  reason = true, why }) {
  const [values, setValues] = useState({ reason: "", ...initial });
  const [typedNow, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const form = useRef(null);
  useLayoutEffect(() => form.current?.querySelector("[aria-invalid]")?.focus(), [error]);
  const told = new Set();
  const at = (pointer) => {
    const faults = error?.errors?.filter((fault) => fault.pointer === pointer) ?? [];
    faults.forEach((fault) => told.add(fault));
    return faults.length ? shown(faults.map((fault) => fault.detail).join("; ")) : null;
  };
  const set = (change) => setValues((old) => ({ ...old, ...change }));
  const right = (!reason || values.reason.trim()) && (!typed || typedNow.trim() === typed)
    && (ready?.(values) ?? true);
  const submit = async (event) => {
    event.preventDefault();
    if (!right || busy) return;
    setBusy(true);
    setError(null);
    try {
      const { reason: words, ...rest } = values;
      close({ done: await run(reason ? { ...rest, reason: words.trim() } : rest) });
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const asked = fields?.(values, set, at);
  const unfit = reason && at("/reason");
  const elsewhere = told.size > 0 && error.errors.every((fault) => told.has(fault));
  const effects = typeof effect === "function" ? effect(values) : effect;
  return html`<form class="dialog" onSubmit=${submit} novalidate ref=${form}>
    <h2 id="dialog-title">${title}</h2>
    ${effects && html`<div class="effect">${typeof effects === "string" ? shown(effects) : effects}</div>`}
    ${costs && html`<${Note} tone="wait">This may book shipments, which ParcelX bills.<//>`}
    ${asked}
    ${reason && html`<${ReasonField} value=${values.reason} first=${!fields}
      error=${unfit} onInput=${(text) => set({ reason: text })} ...${why} />`}
    ${typed && html`<${Field} label=${html`Type <strong class="mono">${typed}</strong> to go on`}>
      ${(id) => html`
      <input id=${id} autocomplete="off" spellcheck=${false} value=${typedNow} class="mono"
        onInput=${(e) => setTyped(e.target.value)} />`}<//>`}
    ${!elsewhere && html`<${ProblemNote} error=${error} />`}
    <footer><button type="button" class="btn" onClick=${() => close(undefined)}>Go back</button>
      <button class="btn main-action ${danger ? "danger" : ""}" disabled=${!right || busy}>
        ${busy ? "Working…" : label}</button>
    </footer></form>`;
}

export const confirm = (options) => dialog((close) => html`<${Confirm} close=${close} ...${options} />`);
