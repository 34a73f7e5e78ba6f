// The shops whose orders are taken: all that have signed up, were taken on here, or were suspended.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { useList } from "../lib/resource.js";
import { go, Link, place, to } from "../lib/router.js";
import { Data, plain, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { Ago, Badge, Empty, Head, Panel } from "../parts/basics.js";
import { confirm, Field } from "../parts/dialog.js";
import { List } from "../parts/table.js";
import { toast } from "../parts/toast.js";

export const RIGHT = "merchant.manage";

export const StandingBadge = ({ value }) =>
  html`<${Badge} tone=${words.merchantTone[value] ?? "mute"}>
    ${words.merchantState[value] ?? shown(value)}<//>`;

/** A field of text; what the server says of it stands at it. Browsers are not to keep what is typed. */
const input = ({ name, label, hint, values, set, at, ...props }) => html`
  <${Field} label=${label} hint=${hint} error=${at(`/${name}`)}>${(id, invalid) => html`
    <input id=${id} autocomplete="off" spellcheck=${false} value=${values[name]} ...${props} ...${invalid}
      onInput=${(e) => set({ [name]: e.target.value })} />`}<//>`;

/** What a mail to an owner does, in words. */
export const MAILED = "gets a mail with a link that is good for seven days, and makes the account with it";

/** After an answer that may have been lost on its way back: whether it was done is not known. */
function doubtful(problem, look) {
  const unknown = problem.status === 0 || problem.status >= 500;
  if (unknown) problem.message += ` It may have been done all the same: ${look}`;
  return problem;
}

const effect = ({ id, ownerEmail }) => html`
  ${id.trim() ? html`It is active at once, under the id <${Data} mono value=${id.trim()} />: orders that
    this id has sent already are its orders.` : "It is active at once, under a new id."}
  ${" "}${ownerEmail.trim() ? `Its first owner ${MAILED}.`
    : "Nobody is invited: nobody can sign in for it until you invite an owner."}
  ${" "}Where live orders need an approved KYC (kyc.required), they are refused until it has one.`;

/** Asks who it is, takes it on, and opens its page. `id`: that of the old system, if it is known. */
export async function takeOn(id = "") {
  const answer = await confirm({
    title: "Take a merchant on", label: "Take on", initial: { name: "", id, ownerEmail: "" }, effect,
    fields: (values, set, at) => {
      const all = { values, set, at };
      return html`${input({ ...all, name: "name", label: "Name of the shop", maxlength: 100,
        "data-first": true })}
      ${input({ ...all, name: "id", label: "Id of the old system (optional)", class: "mono", maxlength: 128,
        autocapitalize: "none",
        hint: "What its tokens have as sub. Empty: it gets a new one. It never changes." })}
      ${input({ ...all, name: "ownerEmail", label: "E-mail address of the first owner (optional)",
        type: "email", autocapitalize: "none", hint: "For the mail alone: it is not shown here again." })}`;
    },
    ready: ({ name }) => Boolean(name.trim()),
    run: async ({ name, id: old, ownerEmail, reason }) => {
      const optional = { id: old.trim(), ownerEmail: ownerEmail.trim() };
      const given = Object.entries(optional).filter(([, value]) => value);
      try {
        const made = await api.addMerchant({ name: name.trim(), ...Object.fromEntries(given), reason });
        return { made, invited: Boolean(optional.ownerEmail) };
      } catch (problem) {
        if (problem.code === "merchant-exists") {
          const detail = "There is a merchant with this id already: look it up in the list.";
          problem.errors = [{ pointer: "/id", code: problem.code, detail }];
        }
        throw doubtful(problem, "look into the list before you try again.");
      }
    },
  });
  if (!answer?.done) return;
  const { made, invited } = answer.done;
  toast(`${plain(made.name)} is taken on.${invited ? " The mail to its owner is on its way." : ""}`);
  go(to(["merchants", made.id]));
}

/** Asks for an address, and mails to it. True when the mail is on its way. */
export async function inviteOwner(id, name) {
  const answer = await confirm({
    title: `Invite an owner: ${plain(name)}`, label: "Invite", initial: { email: "" },
    effect: `Whoever has the address ${MAILED}. An owner makes keys, invites and removes people, and hands `
      + "in the KYC. An address that has an account already gets no second one.",
    fields: (values, set, at) => input({ values, set, at, name: "email", label: "E-mail address",
      type: "email", autocapitalize: "none", "data-first": true,
      hint: "For the mail alone: it is not shown here again." }),
    ready: ({ email }) => Boolean(email.trim()),
    run: async ({ email, reason }) => {
      try {
        return await api.inviteOwner(id, { email: email.trim(), reason });
      } catch (problem) {
        throw doubtful(problem, "see whether an invitation waits before you try again.");
      }
    },
  });
  if (answer) toast(`${plain(name)}: the invitation is on its way.`);
  return Boolean(answer);
}

/** Longest text of a notice, in characters. */
const LONGEST = 500;
/** Merchants that are told in a minute: mails follow. */
const RATE = 600;

/** Asks for a text, and has an operation tell it to the people of all active merchants. */
async function notice() {
  const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("-");
  const answer = await confirm({
    title: "Write to all merchants", label: "Start", initial: { text: "" },
    effect: "The people of every active merchant find it in their list, and by mail that there is a notice. "
      + "It can be cancelled on its way, and not be taken back from those who have it.",
    fields: (values, set, at) => html`<${Field} label="Notice" error=${at("/notice")}
      hint=${`One line, ${LONGEST} characters at most. It is shown as it stands.`}>${(id, invalid) => html`
      <input id=${id} data-first autocomplete="off" maxlength=${LONGEST} value=${values.text} ...${invalid}
        onInput=${(e) => set({ text: e.target.value })} />`}<//>`,
    ready: ({ text }) => Boolean(text.trim()),
    run: ({ text, reason }) => api.start({
      kind: "merchants.notice", notice: text.trim(), ratePerMinute: RATE, stopAfter: 5, reason,
    }, key),
  });
  if (answer?.done) go(to(["operations", answer.done.id]));
}

const columns = [
  {
    key: "name", label: "Name", wide: true, cell: (m) => html`<${Data} value=${m.name} />`,
    below: (m) => html`<span class="sub"><${Data} mono value=${m.id} /></span>`,
  },
  { key: "state", label: "State", cell: (m) => html`<${StandingBadge} value=${m.state} />` },
  { key: "since", label: "Since", phone: "Since", nowrap: true, cell: (m) =>
    html`<${Ago} value=${m.changedAt} />` },
  { key: "kyc", label: "KYC approved since", phone: "KYC approved", nowrap: true,
    cell: (m) => html`<${Ago} value=${m.kycApprovedAt} />` },
];

const STATES = Object.keys(words.merchantState);
const TABS = { "": "All", ...words.merchantState };
const NOTHING = {
  "": ["No merchants yet", "One appears here when a shop signs up, is taken on, or is suspended. Shops of "
    + "the old system that were never named here are active, too."],
  active: ["No merchant is active", "Shops of the old system that were never named here are, all the same."],
  suspended: ["No merchant is suspended"],
};

export function Merchants() {
  const { filters } = place.use();
  const state = STATES.includes(filters.state) ? filters.state : "";
  const list = useList((cursor, signal) => api.merchants({ state, cursor }, signal), [state], (event) =>
    event.type === "audit" && /^(merchant\.|kyc\.(approve|reject)$)/.test(event.data?.action));
  const [title, more] = NOTHING[state];
  // Signing up is no act of the desk, and tells nobody.
  return html`<${Head} title="Merchants" tools=${html`
      <button class="btn" disabled=${list.loading} onClick=${list.reload}>Load again</button>
      <${ActButton} right="operation.run" label="Write to all…" onClick=${notice} />
      <${ActButton} right=${RIGHT} primary label="Take on…" onClick=${() => takeOn()} />`}>
    The shops whose orders are taken, the oldest first. One of the old system that was never named here is in
    no list, and is active.<//>
    <nav class="tabs" aria-label="States">${Object.entries(TABS).map(([each, label]) => html`
      <${Link} key=${each} href=${to(["merchants"], { state: each })}
        aria-current=${each === state ? "page" : undefined}>${label}<//>`)}</nav>
    <${Panel} flush><${List} list=${list} columns=${columns} href=${(m) => to(["merchants", m.id])}
      caption=${`Merchants: ${TABS[state]}`} empty=${html`<${Empty} title=${title}>${more}<//>`} /><//>`;
}
