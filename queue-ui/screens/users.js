// People who may sign in, for super administrators.
import { html } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { useResource } from "../lib/resource.js";
import { may, session } from "../lib/session.js";
import { Data, plain, shown } from "../lib/text.js";
import { Ago, Badge, Head, Loaded, NoRight, Panel } from "../parts/basics.js";
import { confirm, Field } from "../parts/dialog.js";
import { toast } from "../parts/toast.js";

export const ROLES = {
  viewer: "sees everything, changes nothing", operator: "settles orders and jobs",
    admin: "also queues, holds, bulk work, audit",
  super_admin: "also people and personal data",
};

const role = (values, set) => html`<${Field} label="Role" hint=${ROLES[values.role]}>${(id) => html`
  <select id=${id} value=${values.role} onChange=${(e) => set({ role: e.target.value })}>
    ${Object.keys(ROLES).map((name) => html`
    <option key=${name} value=${name} selected=${values.role === name}>${name}</option>`)}</select>`}<//>`;
const check = (key, label, values, set) =>
  html`<label class="row"><input type="checkbox" checked=${values[key] ?? false}
  onChange=${(e) => set({ [key]: e.target.checked })} /><span>${label}</span></label>`;
const REVEAL = "May reveal personal data, whatever the role";
const password = (label, values, set) =>
  html`<${Field} label=${label} hint="At least 12 characters; to be changed at the first login.">
    ${(id) => html`
  <input id=${id} type="password" autocomplete="new-password" value=${values.password ?? ""}
    onInput=${(e) => set({ password: e.target.value })} />`}<//>`;

async function create(reload) {
  const answer = await confirm({
    title: "New user", label: "Create", initial: { username: "", password: "", role: "viewer",
      reveal: false },
    fields: (values, set) =>
      html`<${Field} label="User name">
        ${(id) => html`<input id=${id} data-first autocomplete="off" autocapitalize="none"
      spellcheck=${false} value=${values.username} onInput=${(e) => set({ username: e.target.value })} />`}
        <//>
      ${password("First password", values, set)}${role(values, set)}${check("reveal", REVEAL, values, set)}`,
    ready: ({ username, password: word }) => username.trim() && word.length >= 1,
    run: (values) => api.createUser({ ...values, username: values.username.trim() }),
  });
  if (answer) {
    toast("The user can log in now.");
    reload();
  }
}

async function change(user, reload) {
  const answer = await confirm({
    title: `Change ${plain(user.username)}`, label: "Change", initial: { role: user.role, reveal: user.reveal,
      disabled: user.disabled, password: "" },
    effect: "A new role holds from the next call on. Disabling a user or a new password ends all of the "
      + "user's sessions at once.",
    fields: (values, set) =>
      html`${role(values, set)}${check("reveal", REVEAL, values, set)}${check("disabled",
        "Disabled: may not log in", values, set)}
      ${password("New password (empty: stays)", values, set)}`,
    run: ({ password: word, ...values }) => api.changeUser(user.username, {
      reason: values.reason, ...(word && { password: word }),
      ...Object.fromEntries(["role", "reveal", "disabled"].filter((key) =>
        values[key] !== user[key]).map((key) => [key, values[key]])),
    }).then(() => ({ password: Boolean(word) })),
  });
  if (answer) {
    // A password cannot be taken back: nobody knows the old one.
    const undo = answer.done.password ? null : async () => {
      const { role: was, reveal, disabled } = user;
      await api.changeUser(user.username, { reason: "taken back", role: was, reveal, disabled });
      reload();
    };
    toast(`${plain(user.username)} is changed.`, "ok", undo);
    reload();
  }
}

async function resetTotp(user, reload) {
  const answer = await confirm({
    title: `Reset the second factor of ${plain(user.username)}`, label: "Reset", danger: true,
      typed: plain(user.username),
    effect: "The user logs in with the password alone until a new second factor is set up.",
    run: ({ reason }) => api.resetTotp(user.username, { reason }).then((data) => data ?? true),
  });
  if (answer) {
    toast("The second factor is reset.");
    reload();
  }
}

export function Users() {
  const allowed = may("users.manage");
  const { me } = session.use();
  const list = useResource((signal) => (allowed ? api.users(signal) : Promise.resolve({ items: [] })),
    [allowed], (event) => event.type === "audit");
  if (!allowed) return html`<${Head} title="Users" /><${Panel}><${NoRight} right="users.manage" /><//>`;
  return html`<${Head} title="Users"
    tools=${html`<button class="btn main-action" onClick=${() => create(list.reload)}>New user…</button>`} />
    <${Panel} flush><${Loaded} of=${list}>
      ${({ items }) => html`<div class="table-wrap"><table class="cards"><caption class="sr">Users</caption>
        <thead><tr><th scope="col">User</th>
      <th scope="col">Role</th><th scope="col">Second factor</th><th scope="col">Last login</th>
        <th scope="col"><span class="sr">Actions</span></th></tr></thead>
      <tbody>${items.map((user) => html`<tr key=${user.username} data-row>
        <td class="wide"><strong><${Data} value=${user.username} /></strong>
          ${user.username === me.username && html` <span class="faint">you</span>`}
          ${user.disabled && html` <${Badge} tone="bad">Disabled<//>`}</td>
        <td data-label="Role">${shown(user.role)}${user.reveal && user.role !== "super_admin"
          && html` <${Badge} plain tone="wait">may reveal<//>`}</td>
        <td data-label="Second factor">${user.totp ? html`<${Badge} tone="ok">on<//>`
          : html`<${Badge}>off<//>`}</td>
        <td data-label="Last login"><${Ago} value=${user.lastLoginAt} /></td>
        <td class="wide"><span class="row">
          <button class="btn small" data-rowfocus onClick=${() => change(user, list.reload)}>Change…</button>
          ${user.totp && html`<button class="btn small quiet" onClick=${() => resetTotp(user, list.reload)}>
            Reset second factor…</button>`}</span></td></tr>`)}</tbody></table></div>`}<//><//>`;
}
