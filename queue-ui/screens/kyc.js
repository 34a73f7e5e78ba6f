// The KYC desk: who merchants are, by state. What was handed in first is looked at first.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { useList } from "../lib/resource.js";
import { Link, place, to } from "../lib/router.js";
import { Data, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { Ago, Badge, Empty, Head, Panel } from "../parts/basics.js";
import { List } from "../parts/table.js";

const STATES = Object.keys(words.kycState);

/** The list of those in a state. */
export const kycAddress = (state) => to(["kyc"], { state: state === "submitted" ? "" : state });

export const KycBadge = ({ value }) =>
  html`<${Badge} tone=${words.kycTone[value] ?? "mute"}>${words.kycState[value] ?? shown(value)}<//>`;

/** Whether an event tells of somebody's KYC; uploads and details make none. */
export const aboutKyc = (event, merchant) => event.type === "audit" && event.data?.action?.startsWith("kyc.")
  && (!merchant || event.data.target === merchant);

const columns = [
  {
    key: "business", label: "Business", wide: true, cell: (k) => html`<${Data} value=${k.legalName}
      empty="Not named yet" />`,
    below: (k) => html`<span class="sub"><${Data} mono value=${k.merchantId} /></span>`,
  },
  { key: "kind", label: "Kind", phone: "Kind", cell: (k) => k.businessKind
    && (words.businessKind[k.businessKind] ?? shown(k.businessKind)) },
  { key: "state", label: "State", cell: (k) => html`<${KycBadge} value=${k.state} />` },
  { key: "since", label: "Since", phone: "Since", nowrap: true, cell: (k) =>
    html`<${Ago} value=${k.since} />` },
];

const NOTHING = {
  submitted: ["Nothing waits for a decision", "What merchants hand in appears here by itself."],
  draft: ["No merchant works on its KYC"],
  approved: ["No merchant is approved yet"],
  rejected: ["No merchant was rejected", "One that changes something afterwards is a draft again."],
};

export function Kyc() {
  const { filters } = place.use();
  const state = STATES.includes(filters.state) ? filters.state : "submitted";
  const list = useList((cursor, signal) => api.kycList({ state, cursor }, signal), [state],
    (event) => aboutKyc(event), (k) => k.merchantId);
  const [title, more] = NOTHING[state];
  return html`<${Head} title="KYC desk">Who merchants are. What was handed in first is first: look at it, then
    approve or reject.<//>
    <nav class="tabs" aria-label="States">${STATES.map((each) => html`
      <${Link} key=${each} href=${kycAddress(each)}
        aria-current=${each === state ? "page" : undefined}>${words.kycState[each]}<//>`)}</nav>
    <${Panel} flush><${List} list=${list} columns=${columns} rowKey=${(k) => k.merchantId}
      href=${(k) => to(["kyc", k.merchantId])} caption=${`KYC: ${words.kycState[state]}`}
      empty=${html`<${Empty} title=${title}>${more}<//>`} /><//>`;
}
