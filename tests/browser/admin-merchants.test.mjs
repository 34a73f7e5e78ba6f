// What the desk does for merchants beside their orders: decides on their KYC, and sends webhooks again that
// were given up.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { picture, PHONE, seriousFindings, startBrowser } from "./browser.mjs";
import { answer, dialog, openAs, saysWhy, settled, visit } from "./dashboard.mjs";
import { givenUp, merchant, startReceiver } from "./merchants.mjs";
import { startProgram } from "./program.mjs";
import { makeUsers, startStory, until } from "./story.mjs";

const HOSTILE = "Asha <img src=x onerror=alert(1)> & so\u200dns";

describe("KYC", () => {
  let program, browser, shop;

  before(async () => {
    program = await startProgram({});
    await makeUsers(program);
    shop = await merchant(program, "asha-crafts");
    await shop.handIn({ legalName: HOSTILE });
    await (await merchant(program, "teaworks")).handIn({ legalName: "Teaworks" });
    await (await merchant(program, "old/shop 7")).call("PUT", "/v1/kyc", { legalName: "Old Shop" });
    browser = await startBrowser(program.url);
  });
  after(async () => {
    const code = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(code, 0);
  });

  test("what was handed in first is first, and a name is text whatever it holds", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "super_admin", "/kyc");
    await settled(page);
    const rows = page.locator("tbody tr");
    assert.equal(await rows.count(), 2);
    assert.match(await rows.nth(0).innerText(), /asha-crafts/);
    assert.match(await rows.nth(0).innerText(), /<img src=x onerror=alert\(1\)>/);
    await rows.nth(0).locator(".hidden-char", { hasText: "ZWJ" }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    // By keyboard alone: the first row, and what it leads to.
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.locator("h1", { hasText: "Asha" }).waitFor();
    assert.equal(await page.locator("main img").count(), 0);

    await visit(page, program.url, "/kyc?state=draft");
    await page.getByRole("link", { name: "Old Shop" }).click();
    await page.getByText("There is nothing to decide until it is handed in.").waitFor();
    const standing = page.getByRole("region", { name: "Where it stands" });
    await standing.getByText(/PAN, GSTIN, bank account, address, PAN card/).waitFor();
    await saysWhy(page, page.getByRole("button", { name: "Approve…" }), "it is a draft");
    await visit(page, program.url, "/kyc?state=approved");
    await page.getByText("No merchant is approved yet").waitFor();
    await visit(page, program.url, "/kyc/nobody");
    await page.getByText("Not found").waitFor();
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("a document and the numbers are shown to whoever says why, and that is on record", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "super_admin", "/kyc/asha-crafts");
    await settled(page);
    const business = page.getByRole("region", { name: "Business" });
    await business.getByText("XXXXXX939F").waitFor();
    assert.doesNotMatch(await page.locator("main").innerText(), /AAPFU0939F|Sample Street/);

    const documents = page.getByRole("list", { name: "Documents" });
    await documents.getByRole("button", { name: "View… PAN card" }).click();
    assert.equal(await dialog(page).getByRole("button", { name: "View" }).isDisabled(), true, "without why");
    await answer(page, "the bank asks for the card");
    const card = documents.getByAltText("PAN card of the merchant");
    await card.waitFor();
    await until("the picture", () => card.evaluate((img) => img.complete && img.naturalWidth === 480));
    await documents.getByRole("button", { name: "View… GST certificate" }).click();
    await answer(page, "the bank asks for the certificate");
    const opened = documents.getByRole("link", { name: "Open in a new tab" });
    assert.match(await opened.getAttribute("href"), /^blob:/);
    assert.equal(await opened.getAttribute("rel"), "noopener");
    const download = page.waitForEvent("download");
    await documents.getByRole("link", { name: "Download" }).nth(1).click();
    assert.equal((await download).suggestedFilename(), "gst_certificate.pdf");

    await business.getByRole("button", { name: "Reveal…" }).click();
    await answer(page, "the bank asks for the number");
    await business.getByText("AAPFU0939F", { exact: true }).waitFor();
    await business.getByText(/12 Sample Street, Pune/).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await picture(page, "kyc-seen");
    await documents.getByRole("button", { name: "Hide again" }).first().click();
    await card.waitFor({ state: "detached" });

    await visit(page, program.url, "/audit");
    for (const [action, reason] of [["kyc.view.pan_card", "the bank asks for the card"],
      ["kyc.view.gst_certificate", "the bank asks for the certificate"],
      ["kyc.reveal", "the bank asks for the number"]]) {
      const line = page.locator("tbody tr", { hasText: action });
      await line.getByText(reason).waitFor();
      await line.getByText("asha", { exact: true }).waitFor();
    }
    // What was seen is gone with the page.
    await page.locator("tr", { hasText: "kyc.reveal" }).getByRole("link", { name: "asha-crafts" }).click();
    await business.getByText("XXXXXX939F").waitFor();
    assert.equal(await page.locator("main img").count(), 0);
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("who may only look sees no button that works, and reads why", async () => {
    const context = await browser.context(PHONE);
    const page = await openAs(context, program.url, "viewer", "/kyc/asha-crafts");
    await settled(page);
    const decision = page.getByRole("region", { name: "Decision" });
    await decision.getByText(/needs the right kyc\.decide/).first().waitFor();
    await page.getByText(/Documents cannot be viewed by you\. This needs the right reveal/).waitFor();
    assert.equal(await page.locator("main button:not([aria-disabled=true])").count(), 0);
    await saysWhy(page, page.getByRole("button", { name: "Approve…" }), "needs the right kyc.decide");
    await saysWhy(page, page.getByRole("button", { name: "View… PAN card" }), "needs the right reveal");
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("rejected with words that the merchant reads, handed in again, approved as it then is", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "admin", "/kyc/asha-crafts");
    await settled(page);
    const reject = async (reason) => {
      await page.getByRole("button", { name: "Reject…" }).click();
      await dialog(page).getByText(/The merchant reads your reason/).waitFor();
      await answer(page, reason);
    };
    const words = "The cheque is <b>blurred</b>: send a sharp one.";
    await reject(words);
    await page.getByText(`The merchant reads: ${words}`).waitFor();
    const kyc = await shop.kyc();
    assert.deepEqual([kyc.state, kyc.reason], ["rejected", words]);
    await saysWhy(page, page.getByRole("button", { name: "Approve…" }), "hands it in again first");

    // It appears by itself; while somebody writes why, another of the desk is quicker and the merchant, too.
    await shop.submit();
    await page.getByText("The merchant waits for your decision").waitFor();
    await page.getByRole("button", { name: "Approve…" }).click();
    await dialog(page).getByText(/this merchant's are taken from now on/).waitFor();
    const { version } = await shop.kyc();
    await program.run(["merchant", "kyc", "reject", shop.name, "--version", `${version}`, "--actor", "ravi",
      "--reason", "the address is another's"]);
    await shop.submit();
    await answer(page, "the papers fit");
    await page.getByText("Not decided: it was changed since you looked.").waitFor();
    await page.getByText("version-conflict").waitFor();
    assert.equal((await shop.kyc()).state, "submitted");
    await page.getByRole("region", { name: "History" }).getByText("the address is another's").waitFor();

    await page.getByRole("button", { name: "Approve…" }).click();
    await answer(page, "the papers fit");
    await page.getByText("Its live orders are taken.").waitFor();
    await page.getByText("Not decided").waitFor({ state: "detached" });
    assert.equal((await shop.kyc()).state, "approved");
    assert.deepEqual(await seriousFindings(page), []);
    await picture(page, "kyc-approved");
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });
});

describe("webhooks", () => {
  let program, browser, story, receiver;

  before(async () => {
    program = await startProgram({});
    await makeUsers(program);
    story = await startStory(program);
    receiver = await startReceiver(410);
    browser = await startBrowser(program.url);
  });
  after(async () => {
    const code = await program?.stop();
    await browser?.stop();
    await receiver?.stop();
    if (program) assert.equal(code, 0);
  });

  test("what was given up is listed, refused while its address is off, then sent again", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "operator", "/webhooks");
    await page.getByText("Nothing was given up").waitFor();

    const shop = await merchant(program, "kalamandir");
    const { endpoint, order } = await givenUp(program, story, shop, receiver);
    const row = page.locator("tbody tr", { hasText: order.id });
    await row.getByText("HTTP 410").waitFor(); // it appears by itself
    await row.getByText("kalamandir").waitFor();
    assert.equal(await row.getByRole("link", { name: order.id }).getAttribute("href"),
      `/admin/queues/orders/${order.id}`);
    assert.deepEqual(await seriousFindings(page), []);

    await row.getByRole("button", { name: "Send again…" }).click();
    await answer(page, "the shop says that it works");
    await row.getByText("Refused").waitFor();
    await row.getByText(/cannot be used/).waitFor();

    receiver.status = 200;
    await shop.call("POST", `/v1/webhook-endpoints/${endpoint.id}/resume`);
    const [first] = receiver.ids.splice(0);
    await row.getByRole("button", { name: "Send again…" }).click();
    await answer(page, "the shop has mended it");
    await row.getByText("Will be sent").waitFor();
    await until("the webhook", () => receiver.ids.includes(first));
    await picture(page, "webhooks-sent");
    await page.getByRole("button", { name: "Load again" }).click();
    await page.getByText("Nothing was given up").waitFor();
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("many are listed page by page, and those that are chosen are sent one after the other", async () => {
    const shops = [];
    receiver.status = 410;
    for (let n = 0; n < 6; n += 1) {
      const shop = await merchant(program, `shop-${n}`);
      shops.push({ shop, ...(await givenUp(program, story, shop, receiver, 9)) });
    }
    const context = await browser.context();
    const page = await openAs(context, program.url, "operator", "/webhooks");
    await settled(page);
    const rows = page.locator("tbody tr");
    assert.equal(await rows.count(), 50);
    await page.getByRole("button", { name: "Load more" }).click();
    await until("the second page", async () => (await rows.count()) === 54);
    await page.getByText("54 rows").waitFor();

    // Of two the one's address works again.
    receiver.status = 200;
    receiver.ids.length = 0;
    const [{ shop, endpoint, order, eventId }, other] = shops;
    await shop.call("POST", `/v1/webhook-endpoints/${endpoint.id}/resume`);
    for (const one of [order, other.order]) {
      for (const box of await page.locator("tbody tr", { hasText: one.id }).getByRole("checkbox").all()) {
        await box.check();
      }
    }
    await page.getByRole("region", { name: "Chosen webhooks" }).getByText("18 chosen").waitFor();
    await page.getByRole("button", { name: "Send again…" }).last().click();
    await dialog(page).getByText("Send 18 webhooks again").waitFor();
    await answer(page, "one of them has mended it");
    await page.getByText("1 of 18 will be sent again.").waitFor();
    assert.equal(await page.locator("tbody tr", { hasText: other.order.id }).getByText("Refused").count(), 9);
    await until("the webhook", () => receiver.ids.includes(eventId));
    await picture(page, "webhooks-many");
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("who may only look cannot send, and reads why", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "viewer", "/webhooks");
    await settled(page);
    const why = "needs the right job.manage";
    await saysWhy(page, page.getByRole("button", { name: "Send again…" }).first(), why);
    await page.locator("tbody").getByRole("checkbox").first().check();
    await saysWhy(page, page.getByRole("region", { name: "Chosen webhooks" })
      .getByRole("button", { name: "Send again…" }), why);
    await context.close();
  });

  test("an event that a consumer could not handle is retried with a reason", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "operator", "/kyc");
    const failed = { id: "notifications-evt_0000000000000007", consumer: "notifications",
      eventId: "evt_0000000000000007", why: "it does not read as an event", tries: 5,
      failedAt: "2026-01-31T09:30:00.000Z" };
    let [listed, body] = [[failed], null];
    await page.route("**/admin/api/event-failures*", (route) =>
      route.fulfill({ json: { data: listed, nextCursor: null } }));
    await page.route("**/admin/api/event-failures/*/retry", (route) => {
      [listed, body] = [[], route.request().postDataJSON()];
      return route.fulfill({ json: { data: failed } });
    });
    await page.getByRole("link", { name: "Webhooks" }).click();
    const panel = page.getByRole("region", { name: "Events that a consumer could not handle" });
    const row = panel.locator("tbody tr");
    await row.getByText("it does not read as an event").waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await row.getByRole("button", { name: "Retry…" }).click();
    await answer(page, "it is mended");
    await row.getByText("Handled").waitFor();
    assert.deepEqual(body, { reason: "it is mended" });
    await page.getByRole("button", { name: "Load again" }).click();
    await panel.getByText("Every event was handled").waitFor();
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("what fails on the way is said, and does not break the screen", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "operator", "/kyc");
    await page.route("**/admin/api/webhook-deliveries*", (route) =>
      route.fulfill({ status: 503, json: { code: "temporarily-unavailable", detail: "Not now." } }));
    await page.getByRole("link", { name: "Webhooks" }).click();
    await page.getByText("This could not be loaded").waitFor();
    await page.unroute("**/admin/api/webhook-deliveries*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator("tbody tr").first().waitFor();
    await page.route("**/resend", (route) =>
      route.fulfill({ status: 503, json: { code: "temporarily-unavailable", detail: "Not now." } }));
    const boxes = await page.locator("tbody").getByRole("checkbox").all();
    for (const box of boxes.slice(0, 3)) await box.check();
    const chosen = page.getByRole("region", { name: "Chosen webhooks" });
    await chosen.getByRole("button", { name: "Send again…" }).click();
    await answer(page, "they wait");
    await page.getByText("Stopped: Not now.").waitFor();
    await page.getByText("0 of 3 will be sent again.").waitFor();
    const refused = /^(console: Failed to load resource[^\n]* 503 [^\n]*\n?)+$/;
    assert.match(browser.complaints().join("\n"), refused);
    await context.close();
  });
});
