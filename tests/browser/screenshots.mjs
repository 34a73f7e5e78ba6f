// Pictures of each screen, for people who judge how it looks: `scripts/screenshots`. The data is a bad
// afternoon: calls broke off, merchants sent wrong pincodes, a queue is paused, bulk work is under way, and
// the wallet has run empty.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DESK, PHONE, startBrowser } from "./browser.mjs";
import { answer, AWAY, dialog, HOME, loadAgain, openAs, settled, visit } from "./dashboard.mjs";
import { givenUp, merchant as shop, startReceiver } from "./merchants.mjs";
import { OUT, startProgram } from "./program.mjs";
import { HASTY, makeUsers, PASSWORD, startStory, until } from "./story.mjs";

const MERCHANTS = ["kalamandir", "teaworks", "sole-and-co", "readnest"];
const REFUSALS = [
  ["Pincode 781071 is not serviceable by any courier", 9], ["Consignee mobile is not valid", 5],
  ["Invoice value above 50000 needs an e-way bill", 3],
];
const merchant = (n) => ({ merchant: MERCHANTS[n % MERCHANTS.length] });

/** One who is signed in, without a browser. */
async function session(program, username) {
  const call = async (method, path, body, cookie) => {
    const headers = { "content-type": "application/json", "x-waybill-admin": "1", ...(cookie && { cookie }) };
    const response = await fetch(`${program.url}/admin/api${path}`, {
      method, headers, body: method === "GET" ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const response = await call("POST", "/login", { username, password: PASSWORD });
  const cookie = response.headers.getSetCookie()[0].split(";")[0];
  const data = async (method, path, body) => (await (await call(method, path, body, cookie)).json()).data;
  return { get: (path) => data("GET", path), post: (path, body) => data("POST", path, body) };
}

/** A shop and the desk about an order. */
async function talk(story, asha, order) {
  const shop = (text) => story.write(order, text);
  await shop("The buyer has moved: can the parcel still be sent to her new house?");
  await asha.post(`/orders/${order.id}/messages`, { text: "It is with the courier. We have asked them." });
  await shop("Thank you. She will be at home all day.\nHer name at the door is \u201cKhan & Sons\u201d.");
}

async function tell(program) {
  await makeUsers(program);
  const story = await startStory(program);
  const asha = await session(program, "asha");

  const booked = await story.orders(48, merchant);
  for (const order of booked) await story.reaches(order, "success");
  const failed = [];
  for (const [words, times] of REFUSALS) {
    await story.script({ operation: "create", refuse: words, times });
    const made = await story.orders(times, merchant);
    for (const order of made) await story.reaches(order, "failed");
    failed.push(...made);
  }
  await story.script({ operation: "create", refuse: "Name \u202egnp.exe is not valid" });
  const hostile = await story.order({ clientOrderId: "<img src=x onerror=alert(1)>" });
  await story.reaches(hostile, "failed");

  await story.faults({ answer: "lostAfterBooking", answerFor: ["create"], lookup: "withoutAwb" });
  const withoutAwb = await story.orders(4, merchant);
  for (const order of withoutAwb) await story.reaches(order, "needs_review");
  await story.asAtTheStart();
  const doubtful = await story.doubtful(96, merchant);

  const names = ["Kalamandir Sarees", "Teaworks LLP", "Sole & Co", "Readnest Books"];
  for (const [n, legalName] of names.entries()) {
    await program.run(["merchant", "add", legalName, "--id", MERCHANTS[n]]);
    await (await shop(program, MERCHANTS[n])).handIn({ legalName });
  }
  const receiver = await startReceiver(410);
  for (const name of MERCHANTS) await givenUp(program, story, await shop(program, name), receiver, 2);
  await receiver.stop();

  const by = (who, reason) => ["--actor", who, "--reason", reason];
  const reason = "ParcelX asked for no cancellations until 18:00, ticket 4417";
  await program.run(["queue", "pause", "parcelx-order-cancellation-queue", ...by("ravi", reason)]);

  const work = {
    kind: "review.rebook", filter: { code: "outcome-unknown" }, ratePerMinute: 40, stopAfter: 5,
    reason: "ParcelX is back, ticket 4421",
  };
  const operation = await asha.post("/operations", work);
  await until("the first results", async () => (await asha.get(`/operations/${operation.id}`)).done >= 8);

  await story.script({ operation: "create", answer: "lostBeforeBooking" });
  await story.faults({ lookup: "never" });
  const open = await story.order(merchant(1));
  await story.reaches(open, "reconciling", "needs_review");
  await story.faults({ walletPaise: 0 });
  await story.orders(14, merchant);
  await until("the hold", async () => (await asha.get("/overview")).account?.hold);
  await talk(story, asha, booked[0]);
  return { failed: failed[0], hostile, doubtful: doubtful.at(-1), booked: booked[0], operation };
}

function screens({ failed, hostile, doubtful, booked, operation }) {
  const queue = "/q/parcelx-orders-queue";
  return {
    overview: "", review: "/review?code=outcome-unknown", "order-failed": `/orders/${failed.id}`,
    "order-review": `/orders/${doubtful.id}`, "order-booked": `/orders/${booked.id}`,
    "order-hostile": `/orders/${hostile.id}`, orders: "/orders?providerSyncStatus=failed",
      failures: "/failures",
    operations: "/operations", operation: `/operations/${operation.id}`, queue: `${queue}?state=failed`,
    "queue-paused": "/q/parcelx-order-cancellation-queue?state=waiting",
      job: `${queue}/jobs/create-order-${failed.id}-1`,
    workers: "/workers", metrics: "/metrics?span=1h", audit: "/audit", users: "/users", account: "/account",
    found: "/find?q=nothing-like-it", kyc: "/kyc", "kyc-merchant": `/kyc/${MERCHANTS[0]}`,
      webhooks: "/webhooks", merchants: "/merchants", merchant: `/merchants/${MERCHANTS[0]}`,
  };
}

/** What is not the same for all: a dialog, a right that is missing, a server that is away. */
const MOMENTS = {
  bulk: async ({ view, origin }) => {
    await visit(view, origin, "/review?code=outcome-unknown");
    await view.getByRole("button", { name: "Book again…" }).click();
    await dialog(view).locator(".sample").waitFor();
    await answer(view, "ParcelX is back, ticket 4421", { press: false });
  },
  confirm: async ({ view, origin, all }) => {
    await visit(view, origin, all["order-review"]);
    await view.getByRole("button", { name: "Fail order", exact: true }).click();
    await answer(view, "the merchant gave up, ticket 4422", { press: false });
  },
  refusal: async ({ view, origin, all }) => {
    await visit(view, origin, all["order-review"]);
    await view.getByRole("button", { name: "Adopt AWB", exact: true }).click();
    await answer(view, "looks as if it were booked");
    await dialog(view).locator(".note.bad").waitFor();
  },
  "reveal-ask": async ({ view, origin, all }) => {
    await visit(view, origin, all["order-failed"]);
    await view.getByRole("region", { name: "Order", exact: true }).getByRole("button", { name: "Reveal…" })
      .click();
    await answer(view, "the courier asks for the house", { press: false });
  },
  reveal: async ({ view, origin, all }) => {
    await MOMENTS["reveal-ask"]({ view, origin, all });
    await dialog(view).locator("footer .main-action").click();
    const note = view.getByText("Shown to you alone until you leave this page").first();
    await note.waitFor();
    await note.scrollIntoViewIfNeeded();
  },
  messages: async ({ view, origin, all }) => {
    await visit(view, origin, all["order-booked"]);
    await view.locator(".message").nth(2).scrollIntoViewIfNeeded();
  },
  stale: async ({ view, origin }) => {
    await visit(view, origin, "/orders");
    await settled(view);
    await view.route("**/admin/api/orders*", (route) => route.fulfill(AWAY));
    await loadAgain(view);
    await view.getByText("Stale: this is from").waitFor();
    await view.unroute("**/admin/api/orders*");
  },
  keys: async ({ view, origin }) => {
    await visit(view, origin, "");
    await view.keyboard.press("?");
    await dialog(view).waitFor();
  },
};

const MODES = {
  light: { ...DESK, colorScheme: "light" }, dark: { ...DESK, colorScheme: "dark" },
    phone: { ...PHONE, colorScheme: "light" },
};

/** The whole screen: a window as high as it, so that what sticks to an edge stands where it would. */
async function shoot(page, options, file) {
  const full = await page.evaluate(() => document.documentElement.scrollHeight);
  const { width, height } = options.viewport;
  await page.setViewportSize({ width, height: Math.min(2600, Math.max(full, height)) });
  await page.screenshot({ path: file, animations: "disabled" });
  await page.setViewportSize({ width, height });
}

const wanted = process.argv.slice(2);
mkdirSync(OUT, { recursive: true });
// Many merchants are refused alike here, which would hold the account before its time.
const program = await startProgram({ ...HASTY, WAYBILL_PARCELX__REFUSALS_IN_A_ROW: "0" });
const browser = await startBrowser(program.url);
try {
  const all = screens(await tell(program));
  for (const [mode, options] of Object.entries(MODES)) {
    const context = await browser.context(options);
    const file = (name) => join(OUT, `${name}-${mode}.png`);
    const page = await context.newPage();
    await page.goto(program.url + HOME);
    await page.locator("[name=username]").waitFor();
    if (!wanted.length || wanted.includes("login")) await shoot(page, options, file("login"));
    await page.close();
    const view = await openAs(context, program.url, "super_admin");
    for (const [name, path] of Object.entries(all)) {
      if (wanted.length && !wanted.includes(name)) continue;
      await visit(view, program.url, path);
      await settled(view);
      await shoot(view, options, file(name));
    }
    for (const [name, come] of Object.entries(MOMENTS)) {
      if (wanted.length && !wanted.includes(name)) continue;
      await come({ view, origin: program.url, all });
      await view.screenshot({ path: file(name), animations: "disabled" });
    }
    await context.close();
    if (wanted.length && !wanted.includes("no-right")) continue;
    const lesser = await browser.context(options);
    const theirs = await openAs(lesser, program.url, "viewer", "/audit");
    await shoot(theirs, options, file("no-right"));
    await visit(theirs, program.url, all["order-failed"]);
    await settled(theirs);
    await shoot(theirs, options, file("no-right-order"));
    await lesser.close();
  }
  // One picture is of a server that cannot answer.
  for (const words of browser.complaints()) if (!/ 503 /.test(words)) console.error(words);
} finally {
  await browser.stop();
  await program.stop();
}
