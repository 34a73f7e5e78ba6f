// Each screen while it loads, when it is empty, when the server cannot answer or says that one may not, and
// when what it shows has become old.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { picture, startBrowser } from "./browser.mjs";
import { AWAY, go, loadAgain, onlyAway, openAs, settled, visit } from "./dashboard.mjs";
import { merchant } from "./merchants.mjs";
import { startProgram } from "./program.mjs";
import { HASTY, makeUsers, startStory, until } from "./story.mjs";

const QUEUE = "parcelx-orders-queue";
const NO_RIGHT = { status: 403, json: { code: "forbidden", detail: "Your role may not." } };
const NONE = { json: { data: [], nextCursor: null } };
const GONE = { status: 404, json: { code: "not-found", detail: "There is none." } };
const NOTHING_YET = { json: { data: { account: null, queues: [], orders: [], failures: [], operations: [],
  workers: 0, oldestOpen: null, review: { total: 0, byReason: [] }, outbox: { waiting: 0 } } } };

let asked = 0;

/** Of each screen: where it is, what it asks, and what it says when there is nothing. */
const SCREENS = {
  overview: { at: "", api: "/overview", empty: NOTHING_YET, words: ["No queues yet", "Nothing needs a person",
    "No failures in the last day", "none: nothing is booked"] },
  "review desk": { at: "/review", api: "/review", words: ["Nothing needs a person"] },
  orders: { at: "/orders", api: "/orders", words: ["No orders yet"] },
  "orders that match": { at: "/orders?status=booked", api: "/orders", words: ["No order matches"] },
  order: { at: ({ order }) => `/orders/${order}`, api: /\/orders\/\w+$/, empty: GONE, words: ["Not found"] },
  timeline: { at: ({ order }) => `/orders/${order}`, api: /\/timeline$/,
    words: ["Nothing has happened yet"] },
  call: { at: ({ order }) => `/orders/${order}`, api: /\/calls\//, empty: GONE, words: ["Not found"] },
  messages: { at: ({ order }) => `/orders/${order}`, api: /\/messages$/,
    words: ["Nobody has written about this order."] },
  failures: { at: "/failures", api: "/failures", words: ["Nothing failed in the last 24 hours"] },
  operations: { at: "/operations", api: "/operations", words: ["No operation yet"] },
  operation: { at: ({ operation }) => `/operations/${operation}`, api: /\/operations\/\w+$/, empty: GONE,
    words: ["Not found"] },
  results: { at: ({ operation }) => `/operations/${operation}`, api: /\/items$/, words: ["No results yet"] },
  queue: { at: `/q/${QUEUE}`, api: `/queues/${QUEUE}`, empty: GONE, words: ["Not found"] },
  jobs: { at: `/q/${QUEUE}`, api: `/queues/${QUEUE}/jobs`, words: ["No failed jobs"] },
  job: { at: ({ order }) => `/q/${QUEUE}/jobs/create-order-${order}-1`, api: /\/jobs\/[\w-]+$/, empty: GONE,
    words: ["Not found"] },
  workers: { at: "/workers", api: "/workers", words: ["No worker is alive"] },
  metrics: { at: "/metrics", api: "/metrics",
    empty: { json: { data: { points: [], markers: [], step: 60 } } },
    words: ["Nothing measured yet", "No deploy, pause or hold in this time."] },
  provider: { at: "/metrics", api: "/provider",
    empty: { json: { data: { account: null, workers: 0, breakers: [], operations: [] } } },
    words: ["No call to ParcelX in this time", "0 alive", "Not held"] },
  audit: { at: "/audit", api: "/audit", words: ["Nobody has done anything yet"] },
  users: { at: "/users", api: "/users" },
  "your account": { at: "/account", api: "/sessions" },
  // What was found last is kept, so each is asked for once.
  found: { at: () => `/find?q=A-${asked += 1}`, api: "/find", words: ["Nothing found"], stays: false },
  "KYC desk": { at: "/kyc", api: "/kyc", words: ["Nothing waits for a decision"] },
  "a merchant's KYC": { at: "/kyc/teaworks", api: /\/kyc\/teaworks$/, empty: GONE, words: ["Not found"] },
  webhooks: { at: "/webhooks", api: "/webhook-deliveries", words: ["Nothing was given up"] },
  merchants: { at: "/merchants", api: "/merchants", words: ["No merchants yet"] },
  merchant: { at: "/merchants/teaworks", api: /\/merchants\/teaworks$/, empty: GONE,
    words: ["Never named here"] },
};

/** So many screens at the same time, each in a browser of its own. */
const BROWSERS = 2;

describe("states", { concurrency: BROWSERS }, () => {
  let program, browser;
  const known = {};
  const free = [];

  before(async () => {
    program = await startProgram(HASTY);
    await makeUsers(program);
    const story = await startStory(program);
    await story.script({ operation: "create", refuse: "Pincode is not serviceable" });
    const order = await story.order();
    await story.reaches(order, "failed");
    await (await merchant(program, "teaworks")).handIn({ legalName: "Teaworks" });
    await program.run(["merchant", "add", "Teaworks", "--id", "teaworks"]);
    known.order = order.id;
    browser = await startBrowser(program.url);
    for (let n = 0; n < BROWSERS; n += 1) {
      free.push(await openAs(await browser.context(), program.url, "super_admin"));
    }
    known.operation = await free[0].evaluate(async (ids) => {
      const headers = { "content-type": "application/json", "x-waybill-admin": "1" };
      const body = { kind: "orders.resend", ids, reason: "it fits now" };
      const response = await fetch("/admin/api/operations",
        { method: "POST", headers, body: JSON.stringify(body) });
      return (await response.json()).data.id;
    }, [order.id]);
  });
  after(async () => {
    if (free.length) await picture(free[0], "states-last");
    const code = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(code, 0);
  });

  const main = (page) => page.locator("main");
  const tryAgain = (page) => main(page).getByRole("button", { name: "Try again" });
  /** From now on what the screen asks is answered like this: null as by the server, undefined never. */
  const answers = async (page, api, answer) => {
    await page.unrouteAll({ behavior: "ignoreErrors" });
    if (answer === null) return;
    const about = ({ pathname }) => {
      const path = pathname.replace(/^\/admin\/api/, "");
      return path !== pathname && (typeof api === "string" ? path === api : api.test(path));
    };
    await page.route(about, (route) => answer && route.fulfill(answer));
  };
  /** Opens the screen anew; the frame has what the overview shows. */
  const open = async (page, at) => {
    const address = typeof at === "function" ? at(known) : at;
    if (address === "") return visit(page, program.url, address);
    await go(page, "/none");
    return go(page, address);
  };
  /** By its own buttons, as often as there are any. */
  const recovers = (page) => until("it to load again", async () => {
    if ((await tryAgain(page).count()) === 0) return true;
    await tryAgain(page).first().click({ timeout: 500 }).catch(() => {});
    return false;
  });
  /** How much data is shown. */
  const data = (page) =>
    main(page).locator("[data-row], .line-item, .facts, .chart, .timeline li, pre").count();

  const states = async (page, { at, api, empty = NONE, words, stays = true }) => {
    await answers(page, api, AWAY);
    await open(page, at);
    const failed = main(page).getByRole("alert").filter({ hasText: "This could not be loaded" });
    await failed.first().waitFor();
    assert.match(await failed.first().innerText(), /Not now\.\s+temporarily-unavailable/);
    await answers(page, api, null);
    await recovers(page);
    await settled(page);

    if (stays) {
      const before = await data(page);
      await answers(page, api, AWAY);
      await loadAgain(page);
      const old = main(page).locator(".note.wait", { hasText: "Stale: this is from" }).first();
      await old.waitFor();
      assert.match(await old.innerText(), /(now|\d+ s ago)\.\s+Not now\./);
      assert.ok((await data(page)) >= before, "what was there stays");
      await answers(page, api, null);
      await recovers(page);
      await old.waitFor({ state: "detached" });
    }

    await answers(page, api, NO_RIGHT);
    await open(page, at);
    await main(page).getByText("You may not see this").first().waitFor();
    assert.match(await main(page).innerText(), /Your role may not\. Ask an administrator/);
    assert.equal(await tryAgain(page).count(), 0, "trying again does not help");

    await answers(page, api, undefined);
    await open(page, at);
    const loading = main(page).locator(".skeleton .sr", { hasText: "Loading" });
    await loading.first().waitFor({ state: "attached" });

    await answers(page, api, empty);
    if (words) await open(page, at);
    for (const each of words ?? []) await main(page).getByText(each).first().waitFor();
    await answers(page, api, null);
  };

  for (const [name, screen] of Object.entries(SCREENS)) {
    test(name, async () => {
      const page = free.pop();
      await states(page, screen).finally(() => free.push(page));
      onlyAway(browser.complaints());
    });
  }
});
