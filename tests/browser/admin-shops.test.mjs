// The shops themselves: taken on with an owner who is invited, suspended and resumed, and what is said when
// that does not work.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { picture, PHONE, seriousFindings, startBrowser } from "./browser.mjs";
import { answer, dialog, openAs, saysWhy, settled, visit } from "./dashboard.mjs";
import { startProgram } from "./program.mjs";
import { makeUsers, until } from "./story.mjs";

const HOSTILE = "Asha <img src=x onerror=alert(1)> & so\u200dns";
const ADDRESS = "asha@example.com";
const PASSWORD = "a long sentence of mine";

describe("merchants", () => {
  let program, browser;

  before(async () => {
    program = await startProgram({});
    await makeUsers(program);
    browser = await startBrowser(program.url);
  });
  after(async () => {
    const code = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(code, 0);
  });

  const standing = (page) => page.getByRole("region", { name: "Where it stands" });
  const send = async (path, body, token) => {
    const headers = { "content-type": "application/json",
      ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(program.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    assert.ok(response.ok, `${path}: ${response.status}`);
    return response.json();
  };
  /** What the shop gets when it asks for its orders. */
  const asks = async (token) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${program.url}/v1/orders`, { headers })).status;
  };
  const fill = async (page, fields) => {
    for (const [label, text] of Object.entries(fields)) {
      await dialog(page).getByLabel(label).fill(text);
    }
  };

  test("a shop is taken on, and its owner makes the account with the mail", async () => {
    const context = await browser.context();
    const urls = [];
    context.on("request", (request) => urls.push(request.url()));
    const page = await openAs(context, program.url, "admin", "/merchants");
    await page.getByText("No merchants yet").waitFor();
    await page.getByRole("button", { name: "Take on…" }).click();
    await dialog(page).getByText(/under a new id\. Nobody is invited/).waitFor();
    await fill(page, { "Name of the shop": HOSTILE, "E-mail address": ADDRESS });
    await dialog(page).getByText(/Its first owner gets a mail with a link/).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await answer(page, "signed today");

    // Its page is opened.
    await page.locator("h1", { hasText: "Asha <img src=x onerror=alert(1)>" }).waitFor();
    await page.getByText("The mail to its owner is on its way.").waitFor();
    const merchant = /\/merchants\/(mer_\w+)$/.exec(page.url())[1];
    const invitations = page.getByRole("region", { name: "Invitations" });
    await invitations.locator("tbody tr").getByText("Owner").waitFor();
    await page.getByText("Nobody can sign in for it.").waitFor();
    await standing(page).getByText("KYC not approved").waitFor();

    const token = await until("the mail", async () =>
      /#token=(\S+)/.exec(await program.text("mails.txt").catch(() => ""))?.[1]);
    await send("/auth/accept", { token, name: "Asha Example", password: PASSWORD });
    await page.getByRole("button", { name: "Load again" }).click();
    const members = page.getByRole("region", { name: "Members" });
    await members.getByText("1 owner").waitFor();
    await invitations.getByText("No invitation waits.").waitFor();

    // Her key appears by itself, with its use.
    const { data } = await send("/auth/login", { email: ADDRESS, password: PASSWORD });
    const made = await send("/v1/api-keys", { name: HOSTILE.replace("\u200d", ""), scopes: ["orders:read"] },
      data.accessToken);
    const key = page.getByRole("region", { name: "Keys" }).locator("tbody tr");
    await key.getByText("never").waitFor();
    assert.equal(await asks(made.key), 200);
    await until("the use of the key", async () => {
      await page.getByRole("button", { name: "Load again" }).click();
      return (await key.getByText("never").count()) === 0;
    });
    assert.deepEqual(await seriousFindings(page), []);
    await picture(page, "merchant-taken-on");

    // Suspending stops all three: her session, her key, and tokens.
    await page.getByRole("button", { name: "Suspend…" }).click();
    await answer(page, "unpaid");
    await page.getByText("ns is suspended.").waitFor();
    assert.deepEqual([await asks(made.key), await asks(data.accessToken),
      await asks(await program.token(merchant))], [403, 403, 403]);

    // Nobody's name or address is anywhere but in the mail.
    const kept = await page.evaluate(() => JSON.stringify([document.documentElement.innerHTML,
      { ...localStorage }, { ...sessionStorage }, history.state, location.href]));
    assert.doesNotMatch(kept, /asha@|Asha Example/);
    assert.deepEqual(urls.filter((url) => /example\.com|asha(@|%40)/i.test(url)), []);
    assert.equal(await page.locator("main img").count(), 0);
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("a notice is written to all, and the people of the shop find it", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "admin", "/merchants");
    // The one shop that is there was suspended.
    await page.locator("tbody a").first().click();
    const merchant = page.url();
    await page.getByRole("button", { name: "Resume…" }).click();
    await answer(page, "paid");
    await standing(page).getByText("Active", { exact: true }).waitFor();
    await visit(page, program.url, "/merchants");
    await page.getByRole("button", { name: "Write to all…" }).click();
    await fill(page, { "Notice": `No pickups on Friday ${HOSTILE}` });
    assert.deepEqual(await seriousFindings(page), []);
    await answer(page, "a holiday");
    await page.getByRole("heading", { name: "Notice to merchants" }).waitFor();
    await page.getByText("1 done").waitFor();
    await page.getByText(/No pickups on Friday Asha <img/).waitFor();
    const { data } = await send("/auth/login", { email: ADDRESS, password: PASSWORD });
    const headers = { authorization: `Bearer ${data.accessToken}` };
    const inbox = await (await fetch(`${program.url}/v1/notifications`, { headers })).json();
    assert.deepEqual(inbox.data.map((one) => one.kind), ["serviceNotice"]);
    assert.ok(inbox.data[0].detail.startsWith("No pickups on Friday"));
    await page.goto(merchant);
    await page.getByRole("button", { name: "Suspend…" }).click();
    await answer(page, "unpaid again");
    await standing(page).getByText("Suspended", { exact: true }).waitFor();
    await context.close();
  });

  test("what does not fit is told at its field, and nothing is made", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "admin", "/merchants");
    await settled(page);
    const before = await page.locator("tbody tr").count();
    await page.getByRole("button", { name: "Take on…" }).click();
    const box = dialog(page);
    assert.equal(await box.getByRole("button", { name: "Take on" }).isDisabled(), true, "without a name");
    await fill(page, { "Name of the shop": "Old Shop", "Id of the old system": "old/shop 7",
      "E-mail address": "asha" });
    await answer(page, "moves in");
    const email = page.getByLabel("E-mail address");
    await box.locator(".field", { has: email }).getByText("is not an e-mail address").waitFor();
    assert.equal(await email.getAttribute("aria-invalid"), "true");
    assert.equal(await email.evaluate((field) => field === document.activeElement), true);
    assert.equal(await box.locator(".note.bad").count(), 0, "it is said once");
    assert.deepEqual(await seriousFindings(page), []);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Load again" }).click();
    await settled(page);
    assert.equal(await page.locator("tbody tr").count(), before);

    // One that is there already, as another has just taken it on.
    await program.run(["merchant", "add", "Old Shop", "--id", "old/shop 7", "--reason", "moves in"]);
    await page.getByRole("button", { name: "Take on…" }).click();
    await fill(page, { "Name of the shop": "Another", "Id of the old system": "old/shop 7" });
    await dialog(page).getByText(/under the id old\/shop 7/).waitFor();
    await answer(page, "moves in");
    await box.locator(".field", { has: page.getByLabel("Id of the old system") })
      .getByText("There is a merchant with this id already").waitFor();

    // An answer that is lost: nobody knows whether it was done.
    await page.route("**/admin/api/merchants", (route) =>
      route.fulfill({ status: 503, json: { code: "temporarily-unavailable", detail: "Not now." } }));
    await box.getByLabel("Id of the old system").fill("");
    await box.getByRole("button", { name: "Take on" }).click();
    await box.getByText(/Not now\. It may have been done all the same/).waitFor();
    assert.match(browser.complaints().join("\n"), /^console: Failed to load resource[^\n]* 503 /);
    await context.close();
  });

  test("suspended on the page, taken back by undo; who is too late reads how it stands", async () => {
    const context = await browser.context();
    // Never named here: one of the old system.
    const token = await program.token("kalamandir");
    assert.equal(await asks(token), 200);
    const page = await openAs(context, program.url, "admin", "/merchants/kalamandir");
    await page.getByText("Never named here").waitFor();
    await page.getByRole("button", { name: "Suspend…" }).click();
    await dialog(page).getByText(/stop within a second, everywhere\. Orders that were taken go on/).waitFor();
    const button = dialog(page).getByRole("button", { name: "Suspend" });
    assert.equal(await button.isDisabled(), true, "without why");
    await answer(page, "unpaid since May");
    const told = page.locator(".toast", { hasText: "kalamandir is suspended." });
    await told.waitFor();
    await standing(page).getByText("Suspended", { exact: true }).waitFor();
    assert.equal(await asks(token), 403);
    await saysWhy(page, page.getByRole("button", { name: "Suspend…" }), "it is suspended already");
    await told.getByRole("button", { name: "Undo" }).click();
    await page.getByText("Taken back.").waitFor();
    await standing(page).getByText("Active", { exact: true }).waitFor();
    assert.equal(await asks(token), 200);

    // While somebody writes why, another of the desk is quicker.
    await page.getByRole("button", { name: "Suspend…" }).click();
    await program.run(["merchant", "suspend", "kalamandir", "--actor", "asha", "--reason", "unpaid"]);
    await answer(page, "unpaid since May");
    await page.getByText("Nothing was changed: somebody else was quicker.").waitFor();
    await standing(page).getByText("Suspended", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Resume…" }).click();
    await answer(page, "has paid");
    await page.getByText("kalamandir is active.").waitFor();
    await standing(page).getByText("Active", { exact: true }).waitFor();
    await page.getByText("somebody else was quicker").waitFor({ state: "detached" });
    await until("the shop's answer", async () => (await asks(token)) === 200);

    const invite = page.getByRole("button", { name: "Invite an owner…" });
    await invite.click();
    await fill(page, { "E-mail address": "ravi@" });
    await answer(page, "called us");
    await dialog(page).locator(".field").getByText("is not an e-mail address").waitFor();
    await fill(page, { "E-mail address": "ravi@example.com" });
    await dialog(page).getByRole("button", { name: "Invite" }).click();
    await page.getByRole("region", { name: "Invitations" }).locator("tbody tr").waitFor();

    // All of it is on record, and leads back.
    await page.getByRole("link", { name: "Audit log" }).click();
    for (const reason of ["unpaid since May", "taken back", "has paid"]) {
      await page.locator("tbody tr", { hasText: reason }).first().waitFor();
    }
    await page.locator("tbody").getByRole("link", { name: "kalamandir" }).first().click();
    await page.getByRole("region", { name: "More of it" }).getByRole("link", { name: "Orders" }).click();
    await page.getByText("No order matches").waitFor();
    assert.match(page.url(), /orders\?userId=kalamandir$/);
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("many are listed page by page and by state; what fails is said, what is old is marked", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "admin", "/merchants?state=suspended");
    await settled(page);
    for (let n = 0; n < 60; n += 1) {
      const made = await page.evaluate(async (name) => {
        const headers = { "content-type": "application/json", "x-waybill-admin": "1" };
        const body = JSON.stringify({ name, reason: "moves in" });
        return (await fetch("/admin/api/merchants", { method: "POST", headers, body })).status;
      }, `Shop ${n}`);
      assert.equal(made, 201);
    }
    assert.equal(await page.locator("tbody tr").count(), 1, "the one of the first test");
    await page.getByRole("link", { name: "Active", exact: true }).click();
    const rows = page.locator("tbody tr");
    await until("the first page", async () => (await rows.count()) === 50);
    await page.getByRole("button", { name: "Load more" }).click();
    await page.getByText("62 rows").waitFor();
    await page.getByRole("link", { name: "All", exact: true }).click();
    await rows.first().locator(".hidden-char", { hasText: "ZWJ" }).waitFor();
    await rows.first().getByText("Suspended").waitFor();

    const away = { status: 503, json: { code: "temporarily-unavailable", detail: "Not now." } };
    await page.route("**/admin/api/merchants*", (route) => route.fulfill(away));
    await page.getByRole("button", { name: "Load again" }).click();
    await page.getByText(/Stale: this is from/).waitFor();
    assert.equal(await rows.count(), 50);
    await page.getByRole("link", { name: "Suspended", exact: true }).click();
    await page.getByText("This could not be loaded").waitFor();
    await page.unroute("**/admin/api/merchants*");
    await page.getByRole("button", { name: "Try again" }).click();
    await until("the suspended one", async () => (await rows.count()) === 1);
    const refused = /^(console: Failed to load resource[^\n]* 503 [^\n]*\n?)+$/;
    assert.match(browser.complaints().join("\n"), refused);
    await context.close();
  });

  test("the longest name fits a phone, also where it is asked and taken back", async () => {
    await program.run(["merchant", "add", "x".repeat(100), "--id", "y".repeat(128)]);
    const context = await browser.context({ ...PHONE, colorScheme: "dark" });
    const page = await openAs(context, program.url, "admin", `/merchants/${"y".repeat(128)}`);
    const inside = async (button) => {
      const { x, width } = await button.boundingBox();
      assert.ok(x > 0 && x + width < PHONE.viewport.width, `${x} + ${width}`);
    };
    await page.getByRole("button", { name: "Suspend…" }).click();
    await inside(dialog(page).getByRole("button", { name: "Suspend" }));
    assert.deepEqual(await seriousFindings(page), []);
    await answer(page, "unpaid");
    const undo = page.getByRole("button", { name: "Undo" });
    await undo.waitFor();
    await inside(undo);
    await undo.click();
    await standing(page).getByText("Active", { exact: true }).waitFor();
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("who may only look reads why nothing can be done", async () => {
    const context = await browser.context(PHONE);
    const page = await openAs(context, program.url, "viewer", "/merchants");
    await settled(page);
    const why = "needs the right merchant.manage (the role admin)";
    await saysWhy(page, page.getByRole("button", { name: "Take on…" }), why);
    await page.locator("tbody tr").first().getByRole("link").click();
    const actions = page.getByRole("region", { name: "Actions" });
    await actions.getByText(why).first().waitFor();
    assert.equal(await actions.getByText(why).count(), 3);
    assert.equal(await actions.locator("button:not([aria-disabled=true])").count(), 0);
    await saysWhy(page, actions.getByRole("button", { name: "Suspend…" }), why);
    await page.getByText("needs the right audit.read").waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await visit(page, program.url, "/merchants/nobody");
    await page.locator("main").getByText(why).waitFor();
    await saysWhy(page, page.getByRole("button", { name: "Take on…" }), why);
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });
});
