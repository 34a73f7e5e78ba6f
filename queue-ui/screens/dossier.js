// One merchant's KYC: what it tells of its business, what proves it, what was done, and the decision.
import { html, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { useResource } from "../lib/resource.js";
import { Link } from "../lib/router.js";
import { whyNot } from "../lib/session.js";
import { Data, plain, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { At, Facts, Head, Loaded, MerchantLink, Note, Panel } from "../parts/basics.js";
import { confirm } from "../parts/dialog.js";
import { Table } from "../parts/table.js";
import { toast } from "../parts/toast.js";
import { Documents } from "./documents.js";
import { aboutKyc, kycAddress, KycBadge } from "./kyc.js";

/** Where it stands and what that means, in a sentence. */
function Standing({ kyc }) {
  const { missing } = kyc;
  const what = {
    submitted: "The merchant waits for your decision, and cannot change anything until then.",
    approved: "Its live orders are taken.",
    rejected: "The merchant can change it and hand it in again.",
    draft: "The merchant works on it. There is nothing to decide until it is handed in.",
  }[kyc.state];
  const tone = { submitted: "wait", approved: "ok", rejected: "bad" }[kyc.state] ?? "mute";
  return html`<section class="wait-why ${tone}" aria-label="Where it stands">
    <div class="row"><strong>${words.kycState[kyc.state] ?? shown(kyc.state)}</strong>
      <span class="sub">since <${At} value=${kyc.since} /></span></div>
    <p class="what">${what}</p>
    ${kyc.reason && html`<p class="sub">The merchant reads: <${Data} value=${kyc.reason} /></p>`}
    ${missing.length > 0 && html`<p class="sub"><strong>Missing:</strong>
      ${" "}${shown(missing.map(words.kycMissing).join(", "))}</p>`}</section>`;
}

const address = (a) => a && [a.line1, a.line2, a.city, a.state, a.pincode].filter(Boolean).join(", ");

function Business({ kyc, revealed, setRevealed }) {
  const no = whyNot("reveal");
  const full = revealed ?? kyc;
  const reveal = async () => {
    const answer = await confirm({
      title: "Reveal personal data", label: "Reveal",
      effect: "PAN, GSTIN, account number, address and the names of the files are shown to you. The audit "
        + "log keeps that you looked and why.",
      run: ({ reason }) => api.revealKyc(kyc.merchantId, { reason }),
    });
    if (answer?.done) setRevealed(answer.done);
  };
  const mono = (value) => value && html`<${Data} mono value=${value} />`;
  return html`<${Panel} title="Business" tools=${html`<span class="grow"></span>
    ${!revealed && html`<${ActButton} small right="reveal" label="Reveal…" onClick=${reveal} />`}`}
    footer=${no && `Numbers and address stay hidden. ${no}`}>
    <div class="stack">
    ${revealed && html`<${Note} tone="wait" icon="lock">Shown to you alone until you leave this page; the
      audit log keeps that.
      ${" "}<button class="btn small quiet" onClick=${() => setRevealed(null)}>Hide again</button><//>`}
    <${Facts} items=${[
      ["Legal name", kyc.legalName],
      ["Kind", kyc.businessKind && (words.businessKind[kyc.businessKind] ?? kyc.businessKind)],
      ["PAN", mono(full.pan)], ["GSTIN", mono(full.gstin)], ["IFSC", mono(full.ifsc)],
      ["Account number", mono(full.accountNumber)],
      revealed ? ["Address", address(revealed.address)]
        : !kyc.missing.includes("/address") && ["Address", html`<span class="faint">hidden</span>`],
      ...(revealed?.names ?? []).map(({ kind, name }) => [`${words.kycDocument[kind] ?? kind}: file`, name]),
    ]} /></div><//>`;
}

const NOT_NOW = {
  draft: "Not possible: it is a draft. The merchant hands it in first.",
  rejected: "Not possible: it is rejected. The merchant hands it in again first.",
  approved: "Not possible: it is approved already.",
};
const VERDICTS = {
  approve: {
    label: "Approve…", title: "Approve", from: ["submitted"], done: "Approved.",
    effect: "Where live orders need an approved KYC (kyc.required), this merchant's are taken from now on. "
      + "Its owners get a mail. An approval can be taken back by rejecting.",
    why: { label: "Reason (the merchant reads it; kept in the audit log)", placeholder: "The papers fit" },
  },
  reject: {
    label: "Reject…", title: "Reject", from: ["submitted", "approved"], done: "Rejected.", danger: true,
    effect: "The merchant reads your reason, can change what is wrong, and hands it in again. Its owners get "
      + "a mail, which does not say why.",
    approved: "It was approved: where live orders need an approved KYC (kyc.required), this merchant's are "
      + "refused from now on. ",
    why: { label: "Reason (the merchant reads it; kept in the audit log)",
      placeholder: "What is wrong, and what to send instead" },
  },
};

function Decision({ kyc, decided, stale }) {
  const no = whyNot("kyc.decide");
  const decide = async (name) => {
    const verdict = VERDICTS[name];
    const who = plain(kyc.legalName ?? kyc.merchantId);
    const answer = await confirm({
      title: `${verdict.title}: ${who}`, label: verdict.title, danger: verdict.danger, why: verdict.why,
      effect: (kyc.state === "approved" ? verdict.approved ?? "" : "") + verdict.effect,
      run: async ({ reason }) => {
        try {
          return { kyc: await api.decideKyc(kyc.merchantId, name, { version: kyc.version, reason }) };
        } catch (problem) {
          // Somebody else was quicker: the decision was not on what stands there now.
          if (problem.status === 409) return { problem };
          throw problem;
        }
      },
    });
    if (answer?.done?.kyc) {
      toast(`${who}: ${verdict.done}`);
      decided(answer.done.kyc);
    } else if (answer?.done) stale(answer.done.problem);
  };
  const one = (name) => {
    const { label, danger, from, effect } = VERDICTS[name];
    const why = no ?? (from.includes(kyc.state) ? null
      : NOT_NOW[kyc.state] ?? "Not possible in this state.");
    const look = danger ? "danger" : "main-action";
    return html`<div class="action" key=${name}>
      <button class="btn ${why ? "" : look}" aria-describedby=${`verdict-${name}`} title=${why ?? undefined}
        aria-disabled=${why ? "true" : undefined} onClick=${() => (why ? toast(why, "bad") : decide(name))}>
        ${label}</button>
      <p id=${`verdict-${name}`}>${why ?? effect}</p></div>`;
  };
  return html`<${Panel} title="Decision" flush>
    <div class="actions">${one("approve")}${one("reject")}</div><//>`;
}

const steps = [
  { key: "at", label: "When", nowrap: true, cell: (s) => html`<${At} value=${s.at} />` },
  { key: "what", label: "What", cell: (s) => html`<strong>${shown(words.kycStep(s.what))}</strong>` },
  { key: "by", label: "By", phone: "by", cell: (s) => html`<${Data} value=${s.by} />` },
  { key: "reason", label: "Reason", wide: true, cell: (s) =>
    s.reason && html`<${Data} value=${s.reason} />` },
];

function History({ kyc }) {
  const rows = kyc.history.map((step, n) => ({ ...step, id: n })).reverse();
  return html`<${Panel} title="History" aside="the newest first" flush>
    ${rows.length ? html`<${Table} columns=${steps} rows=${rows} caption="History" />`
      : html`<p class="state">Nothing was done yet.</p>`}<//>`;
}

export function Dossier({ merchant }) {
  const kyc = useResource((signal) => api.kyc(merchant, signal), [merchant],
    (event) => aboutKyc(event, merchant));
  const [revealed, setRevealed] = useState(null);
  const [refused, setRefused] = useState(null);
  const decided = (now) => {
    setRefused(null);
    kyc.set(() => now);
  };
  const stale = (problem) => {
    setRefused(problem);
    kyc.reload();
  };
  return html`<${Loaded} of=${kyc} title="KYC">${(k) => html`
    <${Head} crumbs=${html`<${Link} href=${kycAddress(k.state)}>KYC desk<//>`}
      title=${plain(k.legalName ?? k.merchantId)} tools=${html`<${KycBadge} value=${k.state} />`}>
      Merchant <${MerchantLink} mono id=${k.merchantId} /> · version ${k.version}<//>
    ${refused && html`<${Note} tone="bad"><strong>Not decided: it was changed since you looked.</strong>
      ${" "}${shown(refused.message)} Below is how it stands now: look again, then decide.
      <div class="mono">${shown(refused.code)}</div><//>`}
    <${Standing} kyc=${k} />
    <div class="side-by-side">
      <div class="stack">
        <${Business} kyc=${k} revealed=${revealed} setRevealed=${setRevealed} />
        <${Documents} kyc=${k} />
        <${History} kyc=${k} />
      </div>
      <div class="stack"><${Decision} kyc=${k} decided=${decided} stale=${stale} /></div>
    </div>`}<//>`;
}
