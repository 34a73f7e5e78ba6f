// Pictures of each screen, for people who judge how it looks: `scripts/screenshots`. The data is a bad
// afternoon: calls broke off, merchants sent wrong pincodes, a queue is paused, bulk work is under way, and
// the wallet has run empty.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DESK, PHONE, startBrowser } from "./browser.mjs";
import { answer, dialog, HOME, openAs, settled, visit } from "./dashboard.mjs";
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
    if (!wanted.length || wanted.includes("bulk")) {
      await visit(view, program.url, "/review?code=outcome-unknown");
      await view.getByRole("button", { name: "Book again…" }).click();
      await dialog(view).locator(".sample").waitFor();
      await answer(view, "ParcelX is back, ticket 4421", { press: false });
      await view.screenshot({ path: file("bulk") });
    }
    await context.close();
  }
  for (const words of browser.complaints()) console.error(words);
} finally {
  await browser.stop();
  await program.stop();
}
