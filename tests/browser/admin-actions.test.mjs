// What a person does with one order and with one job: the dialog says what will happen, the page what came of
// it. And what each role may not do: no button of it works, and each says why.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { picture, startBrowser } from "./browser.mjs";
import { answer, dialog, go, loadAgain, openAs, saysWhy, settled, visit } from "./dashboard.mjs";
import { startProgram } from "./program.mjs";
import { HASTY, makeUsers, startStory, until } from "./story.mjs";

const QUEUE = "parcelx-orders-queue";
const NO = { refuse: "Pincode 781071 is not serviceable by any courier" };
const BUSY = { answer: { status: { code: 429, retryAfter: "600" } } };
/** A call has had its time after a few seconds, and an accepted cancel is soon waited for in vain. */
const QUICK = { ...HASTY, WAYBILL_PARCELX__CONFIRM_CANCEL: "100ms,200ms", WAYBILL_PARCELX__TIMEOUT: "2s",
  WAYBILL_PARCELX__SEND_WITHIN: "2s", WAYBILL_PARCELX__SETTLE_WITHIN: "500ms" };
const job = ({ id }) => `/q/${QUEUE}/jobs/create-order-${id}-1`;

const head = (page, words) => page.locator(".page-head .badge", { hasText: words }).first().waitFor();
const said = (page, words) =>
  page.getByRole("region", { name: "Timeline" }).getByText(words).first().waitFor();
const choose = (label) => (box) => box.getByLabel(label).check();

/** Of each action: the order it is taken on and how that stands, what the dialog says, what came of it. */
const ON_ORDERS = {
  "Cancel order": {
    on: "waits", stands: "Retrying", effect: /cancelled here and now, and never sent/,
    done: "Cancelled, or on its way to it.", then: (page) => head(page, "Cancelled"),
  },
  "Try now": {
    on: "tried", stands: "Retrying", effect: /sent to ParcelX now instead of later/, done: "Due now.",
    then: (page) => head(page, "Booked"),
  },
  "Cancel shipment": {
    on: "unconfirmed", stands: "Booked", effect: /The cancel of the shipment \S+ is sent to ParcelX/,
    done: "Cancellation sent.", then: (page) => head(page, "Cancelled"),
  },
  "Close shipment": {
    on: "travelling", stands: "Booked", effect: /What you found out about the shipment is written down/,
    fill: choose("It travels"), done: "Closed.",
    then: (page) => said(page, "an operator saw the shipment live: it stays"),
  },
  "Amend and resend": {
    on: "wrong", stands: "Failed", effect: /gets the payload that you send in place of its own/, costs: true,
    fill: (box, { body }) => box.getByLabel(/^The whole order/).fill(JSON.stringify({
      ...body, invoiceNumber: "INV-AMENDED",
    })),
    done: "Amended.", then: (page) => page.getByText("INV-AMENDED").first().waitFor(),
  },
  "Send again": {
    on: "refused", stands: "Failed", effect: /if not, it is sent again as it is/, costs: true,
    done: "Will be sent again.", then: (page) => head(page, "Booked"),
  },
  "Fail order": {
    on: "doubtful", stands: "Needs a person", effect: /given up, and its merchant reads your reason/,
    done: "Failed.", then: (page) => head(page, "Failed"),
  },
  "Erase personal data": {
    by: "super_admin", on: "old", stands: "Failed", effect: /are taken out, for good/, done: "Erased.",
    then: (page) => said(page, /consignee were taken out/),
  },
};

const ON_JOBS = {
  Retry: {
    on: "again", stands: "Failed", effect: /the order was refused; amend it, or send it again/,
    done: "Waits again.",
    // The run is written down a moment after it has ended, of which no event tells.
    then: (page) => until("its second try", async () => {
      await loadAgain(page);
      return (await page.getByRole("region", { name: "Tries" }).locator("tbody tr").count()) === 2;
    }),
  },
  "Run now": {
    on: "due", stands: "Delayed", effect: /Nothing before .+: the job waits again/, done: "Due now.",
    then: (page) => head(page, "Delayed"),
  },
};

/** Of each button the right that it needs, by the page it is on. */
const BUTTONS = {
  order: {
    at: ({ old }) => `/orders/${old.id}`,
    "order.resolve": ["Adopt AWB", "Book again", "Fail order", "Cancel shipment", "Close shipment",
      "Amend and resend", "Send again", "Try now"],
    "order.cancel": ["Cancel order"], reveal: ["Erase personal data", "Reveal…"],
  },
  job: { at: ({ old }) => job(old), "job.manage": ["Retry", "Run now", "Remove"] },
  "failed jobs": {
    at: () => `/q/${QUEUE}?state=failed`, "queue.pause": ["Pause…"], "operation.run": ["Retry…", "Remove…"],
  },
  "delayed jobs": { at: () => `/q/${QUEUE}?state=delayed`, "operation.run": ["Run now…", "Remove…"] },
  "review desk": {
    at: () => "/review?code=outcome-unknown",
    "operation.run": ["Book again…", "Adopt what ParcelX has…", "Fail…"],
  },
  failures: { at: () => "/failures", "operation.run": ["Send again…"] },
  "failed orders": {
    at: () => "/orders?providerSyncStatus=failed", "operation.run": ["Send again…"],
    prepare: (page) => page.getByLabel("Choose all on this page").check(),
  },
  "an operation": { at: (all) => `/operations/${all.operation}`, "operation.run": ["Pause…", "Cancel…"] },
  "a held account": { at: () => "", "account.lift": ["Try now…", "Lift…"] },
  audit: { at: () => "/audit", "audit.export": ["Export( CSV)?"], needs: "audit.read" },
  users: { at: () => "/users", "users.manage": ["New user…"], needs: "users.manage" },
  "your account": { at: () => "/account", read: ["Change password", "Set up…"] },
};
const ROLES = {
  viewer: ["read"], operator: ["read", "job.manage", "order.resolve", "order.cancel"],
  admin: ["read", "job.manage", "order.resolve", "order.cancel", "queue.pause", "account.lift",
    "operation.run", "audit.read", "audit.export"],
};

describe("actions on one order or job", () => {
  let program, browser, story;
  const pages = {};
  const orders = {};

  /** An order that ParcelX answers like this, when it has come to the state. */
  const met = async (rule, state, invoiceNumber) => {
    await story.script({ operation: "create", invoiceNumber, ...rule });
    const order = await story.order({ invoiceNumber });
    await story.reaches(order, state);
    return order;
  };
  /** A booked order whose cancel ParcelX took, and never showed. */
  const unconfirmed = async () => {
    const order = await story.order();
    await story.reaches(order, "success");
    await story.cancel(order);
    await until("the review of its cancellation", async () =>
      (await story.look(order)).cancellation.state === "review");
    return order;
  };

  before(async () => {
    program = await startProgram(QUICK);
    await makeUsers(program);
    story = await startStory(program);
    await story.faults({ cancelEffect: "never" });
    [orders.unconfirmed, orders.travelling] = [await unconfirmed(), await unconfirmed()];
    await story.asAtTheStart();
    // It has carried the one out after all.
    await story.shows(orders.unconfirmed, 227);
    for (const name of ["waits", "tried", "due"]) orders[name] = await met(BUSY, "retrying", name);
    for (const name of ["wrong", "refused", "old", "again"]) orders[name] = await met(NO, "failed", name);
    [orders.doubtful] = await story.doubtful(3);
    browser = await startBrowser(program.url);
    for (const role of ["operator", "super_admin"]) {
      pages[role] = await openAs(await browser.context(), program.url, role);
    }
  });
  after(async () => {
    await picture(pages.operator, "actions-last");
    const code = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(code, 0);
  });

  /** Takes an action as the table says, and waits for what came of it. */
  const take = async (name, path, { by = "operator", on, stands, effect, costs, fill, done, then }) => {
    const page = pages[by];
    await go(page, path);
    await settled(page);
    await head(page, stands);
    await page.getByRole("button", { name, exact: true }).click();
    const box = dialog(page);
    await box.locator(".effect", { hasText: effect }).waitFor();
    assert.equal(await box.getByText(/may book shipments, which ParcelX bills/).count(), costs ? 1 : 0);
    assert.equal(await box.locator("footer .main-action").isDisabled(), true, "without why");
    await fill?.(box, orders[on]);
    await answer(page, `because of ${name}`);
    await box.waitFor({ state: "detached" });
    await page.locator(".toast", { hasText: done }).first().waitFor();
    await page.getByRole("region", { name: "Actions" }).getByText(done, { exact: true }).waitFor();
    await then(page);
    return page;
  };

  for (const [name, action] of Object.entries(ON_ORDERS)) {
    test(`order: ${name}`, async () => {
      const page = await take(name, `/orders/${orders[action.on].id}`, action);
      // Who did it and why is on the order's own line of time.
      await page.getByRole("region", { name: "Timeline" }).getByText(`because of ${name}`).first().waitFor();
      assert.deepEqual(browser.complaints(), []);
    });
  }

  for (const [name, action] of Object.entries(ON_JOBS)) {
    test(`job: ${name}`, async () => {
      await take(name, job(orders[action.on]), action);
      const page = pages.super_admin;
      await go(page, `/audit?action=job.${name === "Retry" ? "retry" : "promote"}`);
      await page.locator("tbody tr", { hasText: `because of ${name}` }).getByText("meera").waitFor();
      assert.deepEqual(browser.complaints(), []);
    });
  }

  test("personal data of an order and of a call is shown to whoever says why, until the page is left",
    async () => {
    const page = pages.super_admin;
    const { consignee } = orders.waits.body;
    const order = orders.refused;
    await visit(page, program.url, `/orders/${order.id}`);
    await settled(page);
    const panel = page.getByRole("region", { name: "Order", exact: true });
    const hidden = async () => assert.doesNotMatch(await page.locator("main").innerText(),
      new RegExp(`${consignee.name}|${consignee.mobile}`));
    await hidden();
    await panel.getByRole("button", { name: "Reveal…" }).click();
    await dialog(page).getByText(/The audit log keeps that you looked and why/).waitFor();
    await answer(page, "the courier asks for the house");
    await panel.getByText(consignee.mobile).waitFor();
    await panel.getByText(consignee.name).waitFor();
    await panel.getByRole("button", { name: "Hide again" }).click();
    await hidden();

    const entry = page.locator(".timeline li", { hasText: "Booking asked for" }).first();
    if (!(await entry.locator(".call-body").count())) {
      await entry.getByRole("button", { name: "What was said" }).click();
    }
    const call = entry.locator(".call-body");
    await call.getByRole("tab", { name: "Request" }).click();
    await call.locator("pre").waitFor();
    await hidden();
    await call.getByRole("button", { name: "Reveal…" }).click();
    await answer(page, "ParcelX asks what we sent");
    await call.getByText("Shown to you alone until you leave this page.").waitFor();
    await call.locator("pre", { hasText: consignee.mobile }).waitFor();

    await visit(page, program.url, "/audit?action=order.reveal");
    for (const reason of ["the courier asks for the house", "ParcelX asks what we sent"]) {
      await page.locator("tbody tr", { hasText: reason }).getByText("asha").waitFor();
    }
    await visit(page, program.url, `/orders/${order.id}`);
    await settled(page);
    await hidden();
    assert.deepEqual(browser.complaints(), []);
  });

  test("what a role may not do says why, on every page", async () => {
    const { operation } = await startHeld();
    for (const [role, rights] of Object.entries(ROLES)) {
      const context = await browser.context();
      const page = await openAs(context, program.url, role);
      for (const [where, { at, needs, prepare, ...buttons }] of Object.entries(BUTTONS)) {
        await go(page, at({ ...orders, operation }));
        await settled(page);
        if (needs && !rights.includes(needs)) {
          await page.getByText("You may not see this").waitFor();
          await page.getByText(`needs the right ${needs} `).waitFor();
          continue;
        }
        await prepare?.(page);
        for (const [right, names] of Object.entries(buttons)) {
          for (const name of names) await check({ page, role, where, name, right }, rights.includes(right));
        }
      }
      assert.deepEqual(browser.complaints(), []);
      await context.close();
    }
  });

  /** An operation that waits for a minute between two orders, and an account that is held. */
  const startHeld = async () => {
    const page = pages.super_admin;
    const slowly = { kind: "review.adopt-found", filter: { code: "outcome-unknown" }, ratePerMinute: 1,
      reason: "slowly" };
    const started = await page.evaluate(async (body) => {
      const headers = { "content-type": "application/json", "x-waybill-admin": "1" };
      const response = await fetch("/admin/api/operations",
        { method: "POST", headers, body: JSON.stringify(body) });
      return (await response.json()).data;
    }, slowly);
    await story.faults({ walletPaise: 0 });
    await story.order();
    await go(page, "");
    await page.locator("section.hold").waitFor();
    return { operation: started.id };
  };

  /** A button works, or says which right it needs. */
  const check = async ({ page, role, where, name, right }, may) => {
    const what = `${role}: ${name} on ${where}`;
    const label = new RegExp(`^\\s*${name}\\s*$`);
    const button = page.locator("main button, main a.btn", { hasText: label }).first();
    await button.waitFor({ state: "attached" });
    const why = await button.getAttribute("title");
    if (may) {
      assert.doesNotMatch(why ?? "", /needs the right/, what);
      return;
    }
    assert.equal(await button.getAttribute("aria-disabled"), "true", what);
    assert.match(why, new RegExp(`^This needs the right ${right} \\(the role \\w+\\); you are signed in as `
      + `${role}\\.$`), what);
    // Those of the panel of actions stand beside their reason; the others say it when they are clicked.
    if (await button.evaluate((b) => b.closest(".not-now") === null)) await saysWhy(page, button, why);
    else await page.locator(".not-now p", { hasText: why }).first().waitFor({ state: "attached" });
  };
});
