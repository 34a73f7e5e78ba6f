// Starts the pages: who is signed in decides whether the login or a screen is shown; the address, which one.
import { html, render, useEffect, useErrorBoundary, useRef } from "./lib/ui.js";
import { place } from "./lib/router.js";
import { load, session } from "./lib/session.js";
import { prefs } from "./lib/prefs.js";
import { shown } from "./lib/text.js";
import "./lib/live.js";
import { Empty, Head, Loading } from "./parts/basics.js";
import { Dialogs } from "./parts/dialog.js";
import { startKeys } from "./parts/keys.js";
import { Shell } from "./parts/shell.js";
import { Toasts } from "./parts/toast.js";
import { Account } from "./screens/account.js";
import { Audit } from "./screens/audit.js";
import { Dossier } from "./screens/dossier.js";
import { Failures } from "./screens/failures.js";
import { Found } from "./screens/found.js";
import { Job } from "./screens/job.js";
import { Kyc } from "./screens/kyc.js";
import { Login } from "./screens/login.js";
import { Merchant } from "./screens/merchant.js";
import { Merchants } from "./screens/merchants.js";
import { Metrics } from "./screens/metrics.js";
import { Operation } from "./screens/operation.js";
import { Operations } from "./screens/operations.js";
import { OrderPage } from "./screens/order.js";
import { Orders } from "./screens/orders.js";
import { Overview } from "./screens/overview.js";
import { Queue } from "./screens/queue.js";
import { Review } from "./screens/review.js";
import { Users } from "./screens/users.js";
import { Webhooks } from "./screens/webhooks.js";
import { Workers } from "./screens/workers.js";

function screen([first, second, third, fourth]) {
  if (first === undefined) return html`<${Overview} />`;
  if (first === "q" && second && third === "jobs" && fourth) return html`<${Job} queue=${second} id=${fourth}
    />`;
  if (first === "q" && second) return html`<${Queue} key=${second} name=${second} />`;
  if (first === "orders" && second) return html`<${OrderPage} key=${second} id=${second} />`;
  if (first === "kyc" && second) return html`<${Dossier} key=${second} merchant=${second} />`;
  if (first === "merchants" && second) return html`<${Merchant} key=${second} id=${second} />`;
  if (first === "operations" && second) return html`<${Operation} key=${second} id=${second} />`;
  const one = {
    orders: Orders, review: Review, failures: Failures, operations: Operations, workers: Workers,
      metrics: Metrics,
    audit: Audit, users: Users, account: Account, find: Found, kyc: Kyc, webhooks: Webhooks,
      merchants: Merchants,
  }[first];
  if (one && !second) return html`<${one} />`;
  return html`<${Head} title="No such page" /><${Empty} title="There is no page at this address">
    The link may be old or cut off.<//>`;
}

function Screen() {
  const { parts } = place.use();
  const path = parts.join("/");
  const first = useRef(true);
  // A new screen starts at its head, also for those who hear it.
  useEffect(() => {
    if (first.current) first.current = false;
    else document.querySelector("main h1")?.focus({ preventScroll: true });
  }, [path]);
  return html`<${Guard} key=${path}>${screen(parts)}<//>`;
}

/** A screen that breaks says so; the others go on. */
function Guard({ children }) {
  const [error, reset] = useErrorBoundary((problem) => console.error(problem));
  if (!error) return html`<div class="page">${children}</div>`;
  return html`<div class="state" role="alert"><strong>This screen broke</strong>
    <p>It is a fault in the page, not in your orders. ${shown(String(error.message ?? error))}</p>
    <div class="row"><button class="btn" onClick=${reset}>Try again</button></div></div>`;
}

function App() {
  prefs.use();
  const { state, error } = session.use();
  if (state === "unknown") return html`<${Loading} />`;
  if (state === "unreachable") {
    return html`<div class="state" role="alert"><strong>Waybill cannot be reached</strong><p>
      ${shown(error.message)}</p>
      <div class="row"><button class="btn" onClick=${load}>Try again</button></div></div>`;
  }
  if (state === "out") return html`<${Login} /><${Toasts} />`;
  return html`<${Shell}><${Screen} /><//><${Dialogs} /><${Toasts} />`;
}

startKeys();
load();
const root = document.querySelector("#app");
root.replaceChildren();
render(html`<${App} />`, root);
