// One's own account: password, second factor, sessions.
import { html, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { useResource } from "../lib/resource.js";
import { load, logout, session } from "../lib/session.js";
import { Data, shown } from "../lib/text.js";
import { Ago, At, Badge, Facts, Head, Loaded, Note, Panel, ProblemNote } from "../parts/basics.js";
import { Field } from "../parts/dialog.js";
import { toast } from "../parts/toast.js";
import { ROLES } from "./users.js";

/** A form that calls `run(values)` and shows what came of it. */
function useForm(run) {
  const [values, setValues] = useState({});
  const [state, setState] = useState({ busy: false, error: null });
  const submit = async (event) => {
    event.preventDefault();
    setState({ busy: true, error: null });
    try {
      await run(values);
      setValues({});
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  const input = (name, label, props, hint) => html`<${Field} label=${label} hint=${hint}>
    ${(id) => html`<input id=${id} required ...${props}
    value=${values[name] ?? ""} onInput=${(e) => setValues((old) => ({ ...old, [name]: e.target.value }))}
      />`}<//>`;
  return { values, submit, input, ...state };
}
const PASSWORD = { type: "password", autocomplete: "current-password" };

function Password() {
  const form = useForm(async ({ current, next, again }) => {
    if (next !== again) throw new Error("The two new passwords differ.");
    await api.password({ current, new: next });
    toast("The password is changed; your other sessions have ended.");
  });
  return html`<${Panel} title="Password"><form class="stack" onSubmit=${form.submit}>
    ${form.input("current", "Password now", PASSWORD)}
    ${form.input("next", "New password", { type: "password", autocomplete: "new-password" })}
    ${form.input("again", "New password again", { type: "password", autocomplete: "new-password" })}
    <${ProblemNote} error=${form.error} /><div><button class="btn main-action" disabled=${form.busy}>
      Change password</button></div></form><//>`;
}

function SecondFactor({ on }) {
  const [secret, setSecret] = useState(null);
  const start = useForm(async ({ password }) => setSecret(await api.totpStart({ password })));
  const confirmCode = useForm(async ({ code }) => {
    await api.totpConfirm({ code: code.replace(/\s/g, "") });
    setSecret(null);
    toast("The second factor is on.");
    await load();
  });
  const end = useForm(async ({ password }) => {
    await api.totpEnd({ password });
    toast("The second factor is off.");
    await load();
  });
  if (on) {
    return html`<${Panel} title="Second factor" tools=${html`<${Badge} tone="ok">on<//>`}>
      <form class="stack" onSubmit=${end.submit}>
      ${end.input("password", "Password", PASSWORD)}<${ProblemNote} error=${end.error} />
      <div><button class="btn danger" disabled=${end.busy}>Switch off</button></div></form><//>`;
  }
  if (secret) {
    return html`<${Panel} title="Second factor"><form class="stack" onSubmit=${confirmCode.submit}>
      <p>Add this key to your authenticator (time-based, 6 digits, SHA-1), or <a href=${secret.uri}>
        open it there</a>. Then type the code that it shows.</p>
      <div class="secret">${shown(secret.secret)}</div>
      ${confirmCode.input("code", "Code", { inputmode: "numeric", autocomplete: "one-time-code",
        maxlength: 10 })}
      <${ProblemNote} error=${confirmCode.error} />
      <div class="row"><button class="btn main-action" disabled=${confirmCode.busy}>Switch on</button>
        <button type="button" class="btn" onClick=${() => setSecret(null)}>Go back</button></div></form><//>`;
  }
  return html`<${Panel} title="Second factor" tools=${html`<${Badge}>off<//>`}>
    <form class="stack" onSubmit=${start.submit}>
    <p class="soft">A code from your phone beside the password. Recommended for everyone who may change
      something.</p>
    ${start.input("password", "Password", PASSWORD)}<${ProblemNote} error=${start.error} />
    <div><button class="btn" disabled=${start.busy}>Set up…</button></div></form><//>`;
}

function Sessions() {
  // A new password ends the others.
  const list = useResource((signal) => api.sessions(signal), [], ({ type, data }) => type === "audit"
    && data?.action === "user.passwd");
  const [error, setError] = useState(null);
  const end = (one) => api.endSession(one.id).then(() => (one.current ? load() : list.reload()), setError);
  return html`<${Panel} title="Your sessions" flush><${Loaded} of=${list} lines=${3}>
    ${({ items }) => html`<${ProblemNote} error=${error} />
    ${items.map((one) => html`<div class="line-item" key=${one.id}><span><strong>
      <${Data} value=${one.userAgent} empty="unknown browser" /></strong>
      <span class="sub"> <${Data} value=${one.address} /> · since <${At} value=${one.createdAt} /> ·
        seen <${Ago} value=${one.seenAt} /></span></span>
      ${one.current ? html`<${Badge} tone="ok">this one<//>`
        : html`<button class="btn small" onClick=${() => end(one)}>End</button>`}</div>`)}`}<//><//>`;
}

export function Account() {
  const { me } = session.use();
  return html`<${Head} title="Your account"
    tools=${html`<button class="btn" onClick=${logout}>Log out</button>`} />
    <${Panel}><${Facts} items=${[["User", me.username],
      ["Role", html`<span>${shown(me.role)} <span class="faint">${ROLES[me.role]}</span></span>`],
      ["Session ends", html`<${At} value=${me.sessionExpiresAt} />`],
        ["Ends unused", html`<${At} value=${me.idleExpiresAt} />`]]} /><//>
    <div class="two"><div class="stack"><${Password} /></div><div class="stack">
      <${SecondFactor} on=${me.totp} /></div></div>
    <${Sessions} />
    ${me.role === "viewer" && html`<${Note} tone="mute">As a viewer you see everything but personal data, and
      change nothing.<//>`}`;
}
