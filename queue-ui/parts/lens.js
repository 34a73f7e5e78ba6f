// The one box for any id, number, AWB or phone. A phone number is personal: it is sent by POST, with a
// reason, by those who may reveal, and never becomes part of an address.
import { html, store, useRef, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { whyNot } from "../lib/session.js";
import { Icon } from "./icons.js";
import { confirm } from "./dialog.js";
import { toast } from "./toast.js";

/** What was found last: `{ items, by, more, q }`; `q` is null for a phone number. */
export const results = store(null);

/** Whether a text is a phone number or an e-mail address. */
export const personal = (text) => text.includes("@")
  || /^(\+|00).|^(91|0)?[6-9]\d{9}$/.test(text.replace(/[\s()-]/g, ""));

/**
 * Whether a text may be part of an address: an id or a number, and neither a phone number nor a name or an
 * e-mail address.
 */
export const sharable = (text) => /\d/.test(text) && !/\s/.test(text) && !personal(text);

async function byPhone(q) {
  const no = whyNot("reveal");
  if (no) {
    toast(`Finding by phone reveals personal data. ${no}`, "bad");
    return null;
  }
  const answer = await confirm({
    title: "Find by phone number", label: "Find",
    effect: "The orders for this number are shown to you, and the audit log keeps that you asked and why. "
      + "The number itself is not part of any link.",
    run: ({ reason }) => api.find({ q, reason }),
  });
  return answer?.done ?? null;
}

/**
 * Finds; goes to the order if there is one, else to the list of what was found. `replace`: in the place of
 * the address that asked for it, so that one comes back behind it.
 */
export async function find(text, { replace = false } = {}) {
  const q = text.trim();
  if (!q) return;
  let found = await api.find({ q });
  // Only where nothing else has this number, and only with a reason, it is looked up as a phone.
  const phone = !found.items.length && found.mayBePhone === true;
  if (phone) found = await byPhone(q);
  if (!found) {
    results.set(null);
    if (replace) go(to(["find"]), { replace });
    return;
  }
  const { items = [], by, more } = found;
  if (items.length === 1) {
    go(to(["orders", items[0].id]), { replace });
    return;
  }
  // What may be personal is handed over in memory: a reload asks again.
  const named = !phone && sharable(q);
  results.set({ items, by, more, q: named ? q : null });
  go(to(["find"], named ? { q } : {}), { replace });
}

export function Lens() {
  const ref = useRef(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    ref.current.blur();
    try {
      await find(ref.current.value);
      ref.current.value = "";
    } catch (problem) {
      toast(problem.message, "bad");
    }
    setBusy(false);
  };
  return html`<form class="lens" role="search" onSubmit=${submit}><${Icon} name="search" />
    <label class="sr" for="lens">Find an order by id, number, AWB or phone</label>
    <input id="lens" ref=${ref} type="search" autocomplete="off" spellcheck=${false} enterkeyhint="search"
      placeholder="Find an order: id, number, AWB or phone" aria-busy=${busy} /><kbd aria-hidden="true">/
        </kbd></form>`;
}
