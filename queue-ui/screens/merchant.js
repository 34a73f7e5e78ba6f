// One merchant: how it stands, who acts for it, and what the desk can do. People have no names here.
import { html, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { plural } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { Link, to } from "../lib/router.js";
import { whyNot } from "../lib/session.js";
import { Data, plain, shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { ActButton } from "../parts/actions.js";
import { Ago, At, Facts, Head, Loaded, Note, Panel } from "../parts/basics.js";
import { confirm } from "../parts/dialog.js";
import { Table } from "../parts/table.js";
import { toast } from "../parts/toast.js";
import { inviteOwner, RIGHT, StandingBadge, takeOn } from "./merchants.js";

/** Those of people and keys do not name their merchant. */
const about = (id) => ({ type, data }) => type === "audit" && (/^(member|key)\./.test(data?.action)
  || (data?.target === id && /^(merchant|kyc)\./.test(data.action)));

const CHANGES = {
  suspend: {
    label: "Suspend…", title: "Suspend", now: "suspended", danger: true,
    effect: "Its tokens, keys and sessions stop within a second, everywhere. Orders that were taken go on. "
      + "It can be resumed at any time.",
  },
  resume: {
    label: "Resume…", title: "Resume", now: "active",
    effect: "Its tokens, keys and sessions are taken again within a second, everywhere. What it was refused "
      + "meanwhile it has to send again.",
  },
};

/**
 * Asks, then suspends or resumes, which can be taken back: `changed()` after each. `quicker(problem)` when
 * somebody else has done it in between.
 */
async function change(name, { id, called, changed, quicker }) {
  const { title, now, danger, effect } = CHANGES[name];
  const send = (suspend, reason) => api.setSuspended(id, suspend, { reason });
  const suspend = name === "suspend";
  const answer = await confirm({
    title: `${title}: ${plain(called)}`, label: title, danger, effect,
    run: async ({ reason }) => {
      try {
        return { merchant: await send(suspend, reason) };
      } catch (problem) {
        if (problem.status === 409) return { problem };
        throw problem;
      }
    },
  });
  if (!answer?.done) return;
  if (answer.done.problem) {
    quicker(answer.done.problem);
    return;
  }
  changed();
  toast(`${plain(called)} is ${now}.`, "ok", async () => {
    await send(!suspend, "taken back");
    changed();
  });
}

const INVITE = "For a merchant without anybody who can sign in, or whose last owner has lost the mailbox.";

function Action({ name, label, danger, why, effect, onClick }) {
  return html`<div class="action"><button class="btn ${danger && !why ? "danger" : ""}"
      aria-describedby=${`do-${name}`} aria-disabled=${why ? "true" : undefined} title=${why ?? undefined}
      onClick=${() => (why ? toast(why, "bad") : onClick())}>${label}</button>
    <p id=${`do-${name}`}>${why ?? effect}</p></div>`;
}

function Actions({ merchant, reload, quicker }) {
  const { id, name, state } = merchant;
  const no = whyNot(RIGHT);
  const one = (act) => {
    const { label, danger, effect, now } = CHANGES[act];
    const why = no ?? (state === now ? `Not possible: it is ${now} already.` : null);
    return html`<${Action} key=${act} name=${act} label=${label} danger=${danger} effect=${effect} why=${why}
      onClick=${() => change(act, { id, called: name, changed: reload, quicker })} />`;
  };
  return html`<${Panel} title="Actions" flush><div class="actions">
    <${Action} name="invite" label="Invite an owner…" why=${no} effect=${INVITE}
      onClick=${async () => (await inviteOwner(id, name)) && reload()} />
    ${one("suspend")}${one("resume")}</div><//>`;
}

function Elsewhere({ id }) {
  const no = whyNot("audit.read");
  const line = (address, label, more) => html`<${Link} class="line-item" href=${address}><span>
    <strong>${label}</strong><span class="sub">${more}</span></span><//>`;
  return html`<${Panel} title="More of it" flush>
    ${line(to(["orders"], { userId: id }), "Orders", "all that it has sent, the newest first")}
    ${line(to(["kyc", id]), "KYC", "what it tells of its business, and the decision")}
    ${no ? html`<div class="line-item"><span><strong class="faint">Audit log</strong>
        <span class="sub">${no}</span></span></div>`
      : line(to(["audit"], { target: id }), "Audit log", "who suspended, resumed or approved it, and why")}
    <//>`;
}

const RANK = Object.keys(words.memberRole);
const role = (value) => words.memberRole[value] ?? shown(value);
const byRole = (all) => [...all].sort((a, b) => RANK.indexOf(a.role) - RANK.indexOf(b.role));

const members = [
  { key: "role", label: "Role", cell: (m) => html`<strong>${role(m.role)}</strong>` },
  { key: "id", label: "Id", wide: true, cell: (m) => html`<${Data} mono value=${m.id} />` },
  { key: "since", label: "Since", phone: "Since", nowrap: true, cell: (m) =>
    html`<${At} value=${m.createdAt} />` },
];
const invitations = [
  { key: "role", label: "Role", cell: (i) => html`<strong>${role(i.role)}</strong>` },
  { key: "id", label: "Id", wide: true, cell: (i) => html`<${Data} mono value=${i.id} />` },
  { key: "until", label: "Good until", phone: "Good until", nowrap: true, cell: (i) =>
    html`<${At} value=${i.expiresAt} />` },
];
const keys = [
  { key: "name", label: "Name", wide: true, cell: (k) => html`<strong><${Data} value=${k.name} /></strong>
    <span class="sub"><${Data} mono value=${k.id} /></span>` },
  { key: "used", label: "Last used", phone: "Last used", nowrap: true, cell: (k) => (k.lastUsedAt
    ? html`<${Ago} value=${k.lastUsedAt} />` : html`<span class="faint">never</span>`) },
  { key: "made", label: "Made", phone: "Made", nowrap: true, cell: (k) =>
    html`<${At} value=${k.createdAt} />` },
  { key: "until", label: "Good until", phone: "Good until", nowrap: true, cell: (k) => k.expiresAt
    && html`<${At} value=${k.expiresAt} />` },
];

/** `1 owner, 2 viewers`. */
const counted = (all) => RANK.map((each) => [each, all.filter((one) => one.role === each).length])
  .filter(([, n]) => n).map(([each, n]) => (each === "staff" ? `${n} staff` : plural(n, each))).join(", ");

const Rows = ({ title, aside, rows, none, footer, columns }) => html`
  <${Panel} title=${title} aside=${aside} footer=${rows.length > 0 && footer} flush>
    ${rows.length ? html`<${Table} columns=${columns} rows=${rows} caption=${title} />`
      : html`<p class="state">${none}</p>`}<//>`;

function Standing({ merchant: { state, changedAt, kycApprovedAt } }) {
  const suspended = state === "suspended";
  const what = { active: "Its requests are taken.",
    suspended: "Its tokens, keys and sessions are refused. Orders that were taken go on." }[state];
  return html`<section class="wait-why ${suspended ? "bad" : "ok"}" aria-label="Where it stands">
    <div class="row"><strong>${words.merchantState[state] ?? shown(state)}</strong>
      <span class="sub">since <${At} value=${changedAt} /></span></div>
    ${what && html`<p class="what">${what}</p>`}
    <p class="sub">${kycApprovedAt ? html`KYC approved since <${At} value=${kycApprovedAt} />`
      : "KYC not approved: where live orders need that (kyc.required), they are refused."}</p></section>`;
}

/** One of the old system that nothing is kept of is active, and can be suspended all the same. */
function Unnamed({ id, reload }) {
  const no = whyNot(RIGHT);
  return html`<${Head} crumbs=${html`<${Link} href=${to(["merchants"])}>Merchants<//>`} title=${plain(id)} />
    <${Panel}><div class="state"><strong>Never named here</strong>
      <p>No merchant with this id has signed up, was taken on or was suspended. If it is one of the old
        system, it is active. You can take it on under this id, with a name, or suspend it as it is.</p>
      <div class="row"><${ActButton} right=${RIGHT} label="Take on…" onClick=${() => takeOn(id)} />
        <${ActButton} right=${RIGHT} danger label="Suspend…"
          onClick=${() => change("suspend", { id, called: id, changed: reload, quicker: reload })} /></div>
      ${no && html`<p class="why">${no}</p>`}</div><//>
    <${Elsewhere} id=${id} />`;
}

export function Merchant({ id }) {
  const found = useResource((signal) => api.merchant(id, signal), [id], about(id));
  const [late, setLate] = useState(null);
  const reload = () => {
    setLate(null);
    found.reload();
  };
  if (found.data === undefined && found.error?.status === 404) {
    return html`<${Unnamed} id=${id} reload=${reload} />`;
  }
  const quicker = (problem) => {
    setLate(problem);
    found.reload();
  };
  return html`<${Loaded} of=${found} title="Merchant">${(m) => html`
    <${Head} crumbs=${html`<${Link} href=${to(["merchants"])}>Merchants<//>`} title=${plain(m.name)}
      tools=${html`<${StandingBadge} value=${m.state} />
        <button class="btn" disabled=${found.loading} onClick=${reload}>Load again</button>`}>
      Merchant <${Data} mono value=${m.id} /> · here since <${At} value=${m.createdAt} /><//>
    ${late && html`<${Note} tone="bad"><strong>Nothing was changed: somebody else was quicker.</strong>
      ${" "}${shown(late.message)} Below is how it stands now.
      <div class="mono">${shown(late.code)}</div><//>`}
    <${Standing} merchant=${m} />
    <div class="side-by-side">
      <div class="stack">
        <${Rows} title="Members" aside=${counted(m.members)} rows=${byRole(m.members)} columns=${members}
          none="Nobody can sign in for it. Tokens of the old system need nobody."
          footer="Names and addresses are the merchant's, and are not shown." />
        <${Rows} title="Invitations" aside="that wait for an answer" rows=${m.invitations}
          columns=${invitations} none="No invitation waits." />
        <${Rows} title="Keys" aside="of its systems" rows=${m.keys} columns=${keys} none="It has made no key."
          footer="The newest first." />
      </div>
      <div class="stack"><${Actions} merchant=${m} reload=${reload} quicker=${quicker} />
        <${Elsewhere} id=${m.id} /></div>
    </div>`}<//>`;
}
