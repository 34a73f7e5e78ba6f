// The frame around every screen.
import { html, useEffect, useState } from "../lib/ui.js";
import { link } from "../lib/live.js";
import { count, relative } from "../lib/format.js";
import { nextTheme, prefs, setZone } from "../lib/prefs.js";
import { go, Link, place, to } from "../lib/router.js";
import { logout, may, session } from "../lib/session.js";
import { shown } from "../lib/text.js";
import { Badge, useNow } from "./basics.js";
import { Icon, Mark } from "./icons.js";
import { showKeys } from "./keys.js";
import { Lens } from "./lens.js";
import { overview, useOverviewSource } from "./overview-store.js";

function Fresh() {
  const now = useNow();
  const { state, since } = link.use();
  const { at } = overview.use();
  const age = Math.round((now - (at ?? since)) / 1000);
  const words = {
    connecting: "Connecting…",
    live: "Live",
    waiting: age < 90 ? `Not live · ${age} s old` : `Stale · ${relative(at ?? since, now)}`,
    offline: `Offline · ${relative(at ?? since, now)}`,
  }[state];
  const title = state === "live"
    ? "Changes appear by themselves, within about a second."
    : "The line to the server is down. What you see may have changed since; it is being tried again.";
  return html`<span class="fresh ${state}" role="status" title=${title}><span class="dot"></span><span>
    ${words}</span></span>`;
}

function Tools() {
  const { theme, zone } = prefs.use();
  const icon = { system: "screen", light: "sun", dark: "moon" }[theme];
  return html`<div class="segment" role="group" aria-label="Time zone">${["IST", "UTC"].map((name) => html`
      <button key=${name} aria-pressed=${zone === name ? "true" : "false"} onClick=${() => setZone(name)}>
        ${name}</button>`)}</div>
    <button class="btn quiet icon" onClick=${nextTheme} title=${`Theme: ${theme}`}
      aria-label=${`Theme: ${theme}. Change it.`}>
      <${Icon} name=${icon} /></button>`;
}

function NavLink({ parts, icon, children, n, tone, exact }) {
  const here = place.use().parts;
  const current = exact ? here.length === parts.length && parts.every((p, k) => p === here[k])
    : parts.length ? parts.every((p, k) => p === here[k]) : here.length === 0;
  return html`<${Link} href=${to(parts)} aria-current=${current ? "page" : undefined}>
    ${icon && html`<${Icon} name=${icon} />`}<span>${children}</span>
    ${n !== undefined && n !== null && html`<span class="n ${tone ?? ""}">${n}</span>`}<//>`;
}

function Navigation() {
  const { data } = overview.use();
  const running = data?.operations?.length || null;
  const review = data?.review?.total ? count(data.review.total, data.review.capped) : null;
  return html`<nav class="nav" aria-label="Main">
    <${NavLink} parts=${[]} icon="overview">Overview<//>
    <${NavLink} parts=${["review"]} icon="review" n=${review} tone="review">Review desk<//>
    <${NavLink} parts=${["orders"]} icon="orders">Orders<//>
    <${NavLink} parts=${["failures"]} icon="failures">Failures<//>
    <${NavLink} parts=${["webhooks"]} icon="webhooks">Webhooks<//>
    <${NavLink} parts=${["merchants"]} icon="merchants">Merchants<//>
    <${NavLink} parts=${["kyc"]} icon="kyc">KYC desk<//>
    <${NavLink} parts=${["operations"]} icon="operations" n=${running} tone="info">Operations<//>
    <div class="nav-head" id="nav-queues">Queues</div>
    <div class="sub" role="group" aria-labelledby="nav-queues">${(data?.queues ?? []).map((queue) => html`
      <${NavLink} key=${queue.name} parts=${["q", queue.name]}
        n=${queue.paused ? html`<span title="paused">❚❚</span>`
          : count(queue.counts.waiting + queue.counts.active)}>
        <span title=${queue.name}>${shortQueue(queue.name)}</span><//>`)}</div>
    <div class="nav-head">System</div>
    <${NavLink} parts=${["workers"]} icon="workers" n=${data?.workers}>Workers<//>
    <${NavLink} parts=${["metrics"]} icon="metrics">Metrics<//>
    ${may("audit.read") && html`<${NavLink} parts=${["audit"]} icon="audit">Audit<//>`}
    ${may("users.manage") && html`<${NavLink} parts=${["users"]} icon="users">Users<//>`}
  </nav>`;
}

/** `parcelx-orders-queue` is shown as `parcelx-orders`: each name ends alike. */
export const shortQueue = (name) => shown(name.replace(/-queue$/, ""));

export function Shell({ children }) {
  useOverviewSource();
  const { me } = session.use();
  const here = place.use();
  const [menu, setMenu] = useState(false);
  useEffect(() => setMenu(false), [here]);
  useEffect(() => {
    const close = (event) => event.key === "Escape" && setMenu(false);
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, []);
  const leave = () => logout().then(() => go(to(), { replace: true }));
  return html`<a class="skip" href="#main"
    onClick=${(e) => (e.preventDefault(), document.querySelector("#main").focus())}>Skip to content</a>
  <div class="shell">
    <div class="scrim ${menu ? "open" : ""}" onClick=${() => setMenu(false)}></div>
    <aside class="side ${menu ? "open" : ""}" id="side">
      <${Link} class="brand" href=${to()}><${Mark} />Waybill ${me.providerEnv && me.providerEnv !== "live"
        && html`<${Badge} plain tone="wait">${shown(me.providerEnv)}<//>`}<//>
      <${Navigation} />
      <div class="side-foot stack tight">
        <div class="nav"><${NavLink} parts=${["account"]} icon="account"><span>${shown(me.username)}</span>
          <//></div>
        <div class="row"><span>${shown(me.role)}</span><button class="btn quiet small" onClick=${leave}>
          Log out</button></div>
        <div>Waybill ${shown(me.version)} · <button class="btn quiet small" onClick=${showKeys}>Keys <kbd>?
          </kbd></button></div>
      </div>
    </aside>
    <div>
      <header class="top">
        <button class="btn quiet icon only-phone" aria-label="Menu" aria-expanded=${menu ? "true" : "false"}
          aria-controls="side"
          onClick=${() => setMenu(!menu)}><${Icon} name="menu" /></button>
        <${Lens} /><div class="top-tools"><${Fresh} /><${Tools} /></div>
      </header>
      <main class="main" id="main" tabindex="-1">${children}</main>
    </div>
  </div>`;
}
