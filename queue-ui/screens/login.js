// Signing in: name and password, then a code where one is set up. The answer to a wrong name and a wrong
// password is the same.
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { session, signedIn } from "../lib/session.js";
import { shown } from "../lib/text.js";
import { Note, useNow } from "../parts/basics.js";
import { Field } from "../parts/dialog.js";
import { Mark } from "../parts/icons.js";
import { duration } from "../lib/format.js";

function Wait({ until, over }) {
  const left = until - useNow();
  useEffect(() => {
    if (left <= 0) over();
  }, [left <= 0]);
  return html`<${Note} tone="wait"><strong>Too many tries.</strong> You can try again in
    ${" "}${duration(Math.max(1000, Math.ceil(left / 1000) * 1000))}.<//>`;
}

const words = (problem) => ({
  "login-failed": "Name or password is wrong, or the code is.",
  "offline": "Waybill cannot be reached.",
}[problem.code] ?? problem.message);

export function Login() {
  const { ended } = session.use();
  const form = useRef(null);
  const [step, setStep] = useState("password");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const [until, setUntil] = useState(0);
  useEffect(() => {
    document.title = "Log in · Waybill";
  }, []);
  useEffect(() => form.current?.querySelector(step === "totp" ? "[name=totp]" : "[name=username]")?.focus(),
    [step]);

  const submit = async (event) => {
    event.preventDefault();
    const data = new FormData(form.current);
    const body = { username: data.get("username").trim(), password: data.get("password") };
    const code = data.get("totp")?.replace(/\s/g, "");
    if (code) body.totp = code;
    setBusy(true);
    setError(null);
    try {
      const answer = await api.login(body);
      signedIn(answer?.user ?? (await api.me()));
      return;
    } catch (problem) {
      if (problem.code === "totp-required") setStep("totp");
      else if (problem.status === 429) setUntil(Date.now() + (problem.retryAfter ?? 30) * 1000);
      else setError(problem);
    }
    setBusy(false);
  };
  const back = () => {
    setStep("password");
    setError(null);
  };
  return html`<main class="login"><form class="login-card" ref=${form} onSubmit=${submit}
    action="/admin/queues" method="post">
    <h1><${Mark} />Waybill</h1>
    ${ended && html`<${Note} tone="mute">Your session has ended. Log in to go on where you were.<//>`}
    <div class="stack tight" hidden=${step === "totp"}>
      <${Field} label="User name">
        ${(id) => html`<input id=${id} name="username" required autocomplete="username"
        autocapitalize="none" spellcheck=${false} maxlength="100" />`}<//>
      <${Field} label="Password">${(id) => html`<input id=${id} name="password" type="password" required
        autocomplete="current-password" maxlength="1000" />`}<//>
    </div>
    ${step === "totp" && html`<${Field} label="Code from your authenticator"
      hint="Six digits, new every 30 seconds.">${(id) => html`
      <input id=${id} name="totp" required inputmode="numeric" autocomplete="one-time-code" maxlength="10"
        class="mono" />`}<//>`}
    ${until > 0 && html`<${Wait} until=${until} over=${() => setUntil(0)} />`}
    ${error && html`<${Note} tone="bad">${shown(words(error))}<//>`}
    <button class="btn main-action" disabled=${busy || until > 0}>
      ${busy ? "Checking…" : step === "totp" ? "Verify" : "Log in"}</button>
    ${step === "totp" && html`<button type="button" class="btn quiet" onClick=${back}>Use another account
      </button>`}
  </form></main>`;
}
