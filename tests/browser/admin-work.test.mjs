// The day's work: from a phone number to ParcelX's words, the review desk, bulk work and its end half way, a
// held account, queues, and changes that appear by themselves. All of it by keyboard where that is promised.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { picture, startBrowser } from "./browser.mjs";
import { answer, dialog, HOME, openAs, settled, visit } from "./dashboard.mjs";
import { startProgram } from "./program.mjs";
import { HASTY, makeUsers, startStory, until } from "./story.mjs";

const MANY = 312;
/** Of the bulk work, in a minute. */
const PACE = 300;

describe("the day's work", () => {
  let program, browser, story, refused, doubtful, context, page;

  before(async () => {
    program = await startProgram(HASTY);
    await makeUsers(program);
    story = await startStory(program);
    await story.script({ operation: "create", refuse: "Pincode 781071 is not serviceable by any courier" });
    refused = await story.order({ consignee: { mobile: "9812345670" } });
    await story.reaches(refused, "failed");
    doubtful = await story.doubtful(MANY);
    browser = await startBrowser(program.url);
    context = await browser.context();
    page = await openAs(context, program.url, "super_admin");
  });
  after(async () => {
    await picture(page, "work-last");
    // The program ends whatever the pages did: nothing is left running.
    const code = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(code, 0);
  });

  test("from a phone number to ParcelX's words in three steps, by keyboard, and never in a link",
    async () => {
    const told = [];
    page.on("request", (request) => told.push(request.url()));
    await page.keyboard.press("/");
    await page.keyboard.type("9812345670");
    await page.keyboard.press("Enter"); // 1: asked
    await dialog(page).waitFor();
    await page.keyboard.type("the merchant called, ticket 4417");
    await page.keyboard.press("Enter"); // 2: with a reason
    await page.locator("h1", { hasText: refused.orderNumber }).waitFor();
    await page.getByText(/is not serviceable by any courier/).first().waitFor();
    await settled(page);
    // The call that went wrong is open: its verdict, and what was sent and answered.
    await page.locator(".call-body").getByText("refused", { exact: true }).waitFor();
    await page.locator(".timeline .detail",
      { hasText: /is not serviceable by any courier/ }).first().waitFor();
    assert.ok(!told.some((url) => url.includes("9812345670")),
      "no request carries the number in its address");
    await visit(page, program.url, "/audit");
    await page.getByText("the merchant called, ticket 4417").first().waitFor();
  });

  test("any other number of an order leads to it in one step", async () => {
    for (const word of [refused.id, refused.orderNumber, refused.clientOrderId,
      `create-order-${refused.id}-1`]) {
      await visit(page, program.url, "");
      await page.keyboard.press("/");
      await page.keyboard.type(word);
      await page.keyboard.press("Enter");
      await page.locator("h1", { hasText: refused.orderNumber }).waitFor();
    }
    await page.fill("#lens", "ORD-NOSUCHNUMBER");
    await page.keyboard.press("Enter");
    await page.getByText(/Nothing found/).first().waitFor();
  });

  test("an order is booked again by one person, and refused what does not fit its state", async () => {
    const [one] = doubtful;
    await visit(page, program.url, `/orders/${one.id}`);
    await settled(page);
    const button = (name) => page.getByRole("button", { name, exact: true });
    // ParcelX does not have it: to adopt it is refused, and the dialog says why.
    await button("Adopt AWB").click();
    await answer(page, "looks as if it were booked");
    await dialog(page).locator(".note.bad").waitFor();
    await page.keyboard.press("Escape");
    await button("Book again").click();
    await answer(page, "ParcelX says it never came");
    await dialog(page).waitFor({ state: "detached" });
    const booked = await story.reaches(one, "success");
    // The page sees it by itself.
    await page.locator(".wait-why.ok").waitFor();
    await page.getByText(booked.awb).first().waitFor();
    await page.locator(".timeline").getByText("asha").first().waitFor();
    await page.getByText(/^Not possible now/).click();
    assert.equal(await button("Book again").getAttribute("aria-disabled"), "true");
  });

  test("ParcelX is back: a throttled rebook in five steps by keyboard, cancelled half way", async () => {
    await visit(page, program.url, "");
    const on = (part) => part.evaluate((one) => one === document.activeElement);
    /** Presses a key until it has led there, as somebody does who looks. */
    const lead = async (key, part, most) => {
      await part.waitFor();
      for (let n = 0; n < most; n += 1) {
        await page.keyboard.press(key);
        if (await on(part)) return;
      }
      assert.fail(`${key} does not lead to ${part} within ${most}`);
    };
    await lead("j", page.locator("a.line-item[href$='review?code=outcome-unknown']"), 10);
    await page.keyboard.press("Enter"); // 1: those orders
    await page.locator("h1", { hasText: "Review desk" }).waitFor();
    // Fifty rows lie before the buttons for all of them.
    await lead("b", page.locator(".selection").getByRole("button", { name: "Book again…" }), 1);
    await page.keyboard.press("Enter"); // 2: all of them
    await dialog(page).locator(".sample").waitFor();
    await dialog(page).getByText(`Type ${MANY - 1} to start`).waitFor();
    await page.keyboard.type("ParcelX is back, ticket 4421"); // 3: why
    await page.keyboard.press("Tab");
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type(String(PACE)); // its pace
    await lead("Tab", dialog(page).getByLabel(/^Type/), 3);
    await page.keyboard.type(String(MANY - 1)); // 4: so many
    await picture(page, "work-bulk");
    await page.keyboard.press("Enter"); // 5: go
    await page.waitForURL(/operations\/[^/]+$/);
    const done = page.locator(".progress-head .badge.ok");
    await until("the first results", async () => Number((await done.innerText()).replace(/\D/g, "")) >= 15);
    await picture(page, "work-operation");
    await lead("b", page.getByRole("button", { name: "Cancel…" }), 2);
    await page.keyboard.press("Enter");
    await dialog(page).waitFor();
    await page.keyboard.type("enough for today");
    await page.keyboard.press("Enter");
    await page.locator(".badge", { hasText: "Cancelled" }).first().waitFor();
    const handled = Number((await done.innerText()).replace(/\D/g, ""));
    assert.ok(handled > 0 && handled < MANY - 1, `${handled} of ${MANY - 1} were done`);
    await page.locator("table .badge.ok").first().waitFor();
    await keepsPace(page.url().split("/").at(-1));
    // None is booked twice, whenever it was cancelled.
    const { shipments } = await story.ledger();
    const live = shipments.filter((shipment) => shipment.live).map((shipment) => shipment.reference
      ?? shipment.clientOrderId);
    assert.equal(new Set(live).size, live.length);
  });

  /** In no second of it more were done than its pace allows, and half a second's on top. */
  const keepsPace = async (operation) => {
    const { data } = await page.evaluate(async (id) =>
      (await fetch(`/admin/api/operations/${id}/items?limit=200`)).json(), operation);
    const times = data.map(({ at }) => Date.parse(at)).sort((a, b) => a - b);
    assert.ok(times.length >= 15, `${times.length} results`);
    for (const [n, from] of times.entries()) {
      for (const [m, to] of times.entries()) {
        const most = (PACE / 60) * ((to - from) / 1000 + 0.5) + 2;
        assert.ok(m <= n || m - n + 1 <= most, `${m - n + 1} in ${to - from} ms`);
      }
    }
  };

  test("chosen rows alone are failed, and the count has to be typed", async () => {
    await visit(page, program.url, "/review?code=outcome-unknown");
    await page.locator("[data-row]").nth(1).waitFor();
    // From the end, where the cancelled operation has not come to.
    await page.keyboard.press("k");
    await page.keyboard.press("x");
    await page.keyboard.press("k");
    await page.keyboard.press("x");
    await page.getByText("2 chosen").waitFor();
    await page.getByRole("button", { name: "Fail…" }).click();
    await dialog(page).getByText("Type 2 to start").waitFor();
    const go = dialog(page).locator("footer .main-action");
    await answer(page, "the merchant gave up", { press: false });
    await dialog(page).getByLabel(/^Type/).fill("3");
    assert.equal(await go.isDisabled(), true);
    await dialog(page).getByLabel(/^Type/).fill("2");
    await go.click();
    await page.waitForURL(/operations\/[^/]+$/);
    await page.locator(".page-head .badge", { hasText: /^Done$/ }).waitFor();
    assert.match(await page.locator(".progress-head").innerText(), /2\s+of 2\s+2 done/);
  });

  test("a queue is paused with a reason, from another process resumed, and the page sees it live",
    async () => {
    await visit(page, program.url, "/q/parcelx-labels-queue");
    await page.getByRole("button", { name: "Pause…" }).click();
    await answer(page, "labels are broken, ticket 4419");
    await page.getByText("labels are broken, ticket 4419").first().waitFor();
    await page.locator(".badge", { hasText: "Paused" }).waitFor();
    await page.locator(".fresh.live").waitFor();
    await program.run(["queue", "resume", "parcelx-labels-queue", "--reason", "they work again"]);
    const ended = Date.now();
    await page.locator(".badge", { hasText: "Running" }).waitFor();
    const took = Date.now() - ended;
    assert.ok(took < 3000, `seen after ${took} ms`);
  });

  test("a pause is taken back where one is told of it, by its name in the audit log", async () => {
    await visit(page, program.url, "/q/parcelx-labels-queue");
    await page.getByRole("button", { name: "Pause…" }).click();
    await answer(page, "the wrong queue");
    await page.locator(".badge", { hasText: "Paused" }).waitFor();
    await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
    await page.locator(".badge", { hasText: "Running" }).waitFor();
    await page.locator(".toast", { hasText: "Taken back." }).waitFor();
    await visit(page, program.url, "/audit");
    await page.getByText("taken back: pause by mistake").first().waitFor();
  });

  test("a held account says so in ParcelX's words, and is tried by hand", async () => {
    await story.faults({ walletPaise: 0 });
    await visit(page, program.url, "");
    const waiting = await story.order();
    await page.locator("section.hold").waitFor();
    await page.locator("section.hold blockquote", { hasText: /balance/i }).waitFor();
    await story.asAtTheStart();
    await page.locator("section.hold").getByRole("button", { name: "Try now…" }).click();
    await answer(page, "the wallet is filled up");
    await story.reaches(waiting, "success");
    await page.locator("section.hold").waitFor({ state: "detached" });
  });

  test("a new order is counted, and does not move the row that one looks at", async () => {
    await visit(page, program.url, "/orders");
    const first = page.locator("[data-row]").first();
    await first.waitFor();
    await page.locator(".fresh.live").waitFor();
    const before = await first.innerText();
    const made = await story.order();
    const offer = page.locator("[data-shownew]");
    await offer.waitFor();
    assert.equal((await first.innerText()).split("\n")[0], before.split("\n")[0]);
    await page.keyboard.press(".");
    await page.locator("[data-row]").first().getByText(made.orderNumber).waitFor();
    assert.equal(await offer.count(), 0);
  });

  test("eight tabs share one stream, and hear of the same change", async () => {
    const streams = [];
    context.on("request", (request) => request.url().endsWith("/admin/api/events") && streams.push(request));
    const tabs = await Promise.all(Array.from({ length: 7 }, () => openAs(context, program.url, "super_admin",
      "/orders")));
    for (const tab of tabs) await tab.locator(".fresh.live").waitFor();
    assert.equal(streams.length, 0, "the first tab holds the stream");
    const made = await story.order();
    for (const tab of tabs) await tab.locator("[data-shownew]").waitFor();
    // The tab with the stream goes: another takes over, and nothing is missed.
    await page.close();
    page = tabs[0];
    await page.locator("[data-shownew]").click();
    await page.getByText(made.orderNumber).waitFor();
    await page.locator(".fresh.live").waitFor();
    await story.order();
    await page.locator("[data-shownew]").waitFor();
    assert.equal(streams.length, 1, "one tab has taken over");
    await Promise.all(tabs.slice(1).map((tab) => tab.close()));
  });

  test("without the server the page says how old it is, and catches up", async () => {
    await visit(page, program.url, "/orders");
    await page.locator(".fresh.live").waitFor();
    await context.setOffline(true);
    await page.locator(".fresh.offline, .fresh.waiting").waitFor();
    const made = await story.order();
    await context.setOffline(false);
    await page.locator(".fresh.live").waitFor();
    await page.locator("[data-shownew]").click();
    await page.getByText(made.orderNumber).waitFor();
    browser.complaints(); // the broken line itself is reported by Chromium
  });

  test("a failed job is searched by its error, and the page says how far it looked", async () => {
    await visit(page, program.url, "/q/parcelx-orders-queue?state=failed&q=serviceable");
    await page.locator("[data-row]").first().waitFor();
    await page.getByText(/Looked at/).first().waitFor();
    await page.locator("[data-rowfocus]").first().click();
    await page.locator("h1", { hasText: `create-order-${refused.id}-1` }).waitFor();
    await page.getByRole("link", { name: refused.orderNumber }).waitFor();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await answer(page, "not needed any more");
    await page.locator("h1", { hasText: /^parcelx-orders-queue$/ }).waitFor();
  });

  test("all that was done is in the audit log, and can be taken along", async () => {
    await visit(page, program.url, "/audit?action=queue.pause");
    await page.getByText("labels are broken, ticket 4419").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"), page.getByRole("link", { name: "Export CSV" }).click(),
    ]);
    const file = await download.path();
    assert.match(await readFile(file, "utf8"), /labels are broken, ticket 4419/);
    assert.equal(page.url(), `${program.url}${HOME}/audit?action=queue.pause`);
  });
});
