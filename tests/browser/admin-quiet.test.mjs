// What the pages do when nobody asks: no request without a change, fewer and fewer tries at a line that is
// down, no row that moves under the cursor, and nothing personal in an address whatever is typed.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { picture, startBrowser } from "./browser.mjs";
import { answer, AWAY, dialog, go, HOME, onlyAway, openAs, settled } from "./dashboard.mjs";
import { startProgram } from "./program.mjs";
import { HASTY, makeUsers, startStory, until } from "./story.mjs";

/** How long nothing is touched. */
const IDLE = 10_000;

describe("the pages by themselves", () => {
  let program, browser, story, booked, refused;

  before(async () => {
    program = await startProgram(HASTY);
    await makeUsers(program);
    story = await startStory(program);
    booked = await story.order();
    await story.reaches(booked, "success");
    await story.script({ operation: "create", refuse: "Pincode 781071 is not serviceable by any courier" });
    refused = await story.order();
    await story.reaches(refused, "failed");
    for (const order of await story.orders(6)) await story.reaches(order, "success");
    browser = await startBrowser(program.url);
  });
  after(async () => {
    const code = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(code, 0);
  });

  /** When each request of a page was made, to the API alone. */
  const asked = (context) => {
    const all = [];
    context.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.startsWith("/admin/api/")) all.push({ path: pathname.slice(10), at: Date.now() });
    });
    return all;
  };

  test("without a change nothing is asked; a line that is down is tried less and less", async () => {
    const idle = async () => {
      const context = await browser.context();
      const all = asked(context);
      for (const path of ["", "/metrics", `/orders/${booked.id}`]) {
        const page = await openAs(context, program.url, "viewer", path);
        await page.locator(".fresh.live").waitFor();
        await settled(page);
      }
      // What the logins of this test tell is still heard.
      await until("silence", () => Date.now() - all.at(-1).at > 2500);
      all.length = 0;
      await sleep(IDLE);
      assert.deepEqual(all, []);
      await context.close();
    };
    const refusedLine = async () => {
      const context = await browser.context();
      const all = asked(context);
      await context.route("**/admin/api/events", (route) => route.fulfill(AWAY));
      const page = await openAs(context, program.url, "operator", "/orders");
      const tries = () => all.filter(({ path }) => path === "/events").map(({ at }) => at);
      await until("the fourth try", () => tries().length >= 4);
      const gaps = tries().slice(1).map((at, n) => at - tries()[n]);
      for (const [n, gap] of gaps.slice(0, 3).entries()) {
        // Half to the whole of 2, 4, 8 seconds.
        const longest = 2000 * 2 ** n;
        assert.ok(gap > longest / 2 - 50 && gap < longest + 2000, `pauses of ${gaps} ms`);
      }
      await page.locator(".fresh.waiting", { hasText: /Not live · \d+ s old/ }).waitFor();
      return page;
    };
    const [page] = await Promise.all([refusedLine(), idle()]);
    // What has happened is seen as soon as the line is there, which the network's return tries at once.
    await story.order();
    assert.equal(await page.locator("[data-shownew]").count(), 0);
    await page.context().unroute("**/admin/api/events");
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.locator(".fresh.live").waitFor();
    await page.locator("[data-shownew]").waitFor();
    await page.context().close();
    onlyAway(browser.complaints());
  });

  test("what happens while the line is not open yet is seen", async () => {
    const context = await browser.context();
    let open;
    const held = new Promise((done) => (open = done));
    await context.route("**/admin/api/events", async (route) => {
      await held;
      await route.continue();
    });
    const page = await openAs(context, program.url, "operator", "/orders?state=success");
    await settled(page);
    const order = await story.order();
    const headers = { authorization: `Bearer ${await program.token(order.merchant)}` };
    await until("the event", async () => {
      const answer = await fetch(`${program.url}/v1/orders/${order.id}/events`, { headers });
      return (await answer.json()).data.some(({ data }) => data.status === "booked");
    });
    const anew = page.locator("[data-shownew]");
    assert.equal(await anew.count(), 0);
    open();
    await page.locator(".fresh.live").waitFor();
    await anew.waitFor();
    await context.close();
  });

  test("what is only a matter of time can be done by itself when that has come", async () => {
    const context = await browser.context();
    let due;
    await context.route(`**/admin/api/orders/${refused.id}`, async (route) => {
      const response = await route.fetch();
      const { data } = await response.json();
      due ??= new Date(Date.now() + 2500);
      const why = `its call may still be under way until ${due.toISOString()}`;
      const actions = data.actions.map((act) =>
        (act.name === "resend" && Date.now() < due ? { ...act, allowed: false, why } : act));
      await route.fulfill({ response, json: { data: { ...data, actions } } });
    });
    const page = await openAs(context, program.url, "operator", `/orders/${refused.id}`);
    const button = page.getByRole("region", { name: "Actions" }).locator("button", { hasText: "Send again" });
    await button.waitFor({ state: "attached" });
    // When, in the time zone that one reads.
    assert.match(await button.getAttribute("title"), /under way until \d+ \w+ \d+, [\d:]+ IST$/);
    await until("its time", async () => (await button.getAttribute("aria-disabled")) === null, 15_000);
    assert.ok(Date.now() >= due);
    await context.close();
  });

  test("rows that come do not move the one under the cursor", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "viewer", "/orders");
    const row = page.locator("[data-row]").nth(2);
    await row.waitFor();
    await page.locator(".fresh.live").waitFor();
    await row.hover();
    const place = async () =>
      ({ ...(await row.boundingBox()), words: (await row.innerText()).split("\n")[0] });
    const [before, at] = [await place(), await page.evaluate(() => scrollY)];
    const first = await story.order();
    const offer = page.locator("[data-shownew]");
    await offer.getByText("Show 1 new row").waitFor();
    assert.deepEqual(await place(), before);
    await story.order();
    await offer.getByText("Show 2 new rows").waitFor();
    assert.deepEqual(await place(), before);
    assert.equal(await page.evaluate(() => scrollY), at);
    // The offer lies over no row and over no word of the table's head.
    const [box, head] = [await offer.boundingBox(), await page.locator("thead").boundingBox()];
    assert.ok(box.y + box.height <= head.y + head.height / 3, JSON.stringify([box, head]));
    await picture(page, "quiet-new-rows");
    await offer.click();
    await page.locator("[data-row]").nth(1).getByText(first.orderNumber).waitFor();
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("a name, an address and a phone are in no address, wherever they are typed", async () => {
    const context = await browser.context();
    const said = [];
    context.on("request", (request) => said.push(request.url(), request.headers().referer ?? ""));
    const page = await openAs(context, program.url, "super_admin");
    const telling = /farhan|khan|buyer5|example\.test|84514|87974/i;
    const isSilent = async (where) => {
      const page_ = await page.evaluate(() => [location.href, document.title, history.state,
        JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })]);
      const told = [...said, ...page_].map((text) => decodeURIComponent(String(text)).replaceAll("+", " "));
      assert.deepEqual(told.filter((text) => telling.test(text.replace(/[\s()-]/g, ""))), [], where);
    };
    const PERSONAL = ["Farhan Khan", "buyer5@example.test", "8451487974", "+91 84514 87974", "084514-87974"];
    for (const text of PERSONAL) {
      await page.fill("#lens", text);
      await page.keyboard.press("Enter");
      await dialog(page).or(page.getByText("Nothing found")).first().waitFor();
      if (await dialog(page).count()) {
        await answer(page, "the buyer called");
        await page.locator("main h1", { hasText: /orders$/ }).waitFor();
      }
      await isSilent(`${text} in the box above`);
      await go(page, "/orders");
      const field = page.getByLabel("Number", { exact: true });
      await field.fill(text);
      await page.getByText("Not an id or a number. A phone goes into the box above.").waitFor();
      await field.press("Enter");
      await page.locator("main h1").click(); // away from the field
      await isSilent(`${text} in Orders`);
      assert.equal(new URL(page.url()).search, "");
      await go(page, "/q/parcelx-orders-queue");
      if (text === PERSONAL[0]) continue; // words of an error may be any
      await page.getByLabel("In the error text").fill(text);
      await page.keyboard.press("Enter");
      await page.getByText("Neither a phone number nor an e-mail address.").waitFor();
      await isSilent(`${text} in a queue`);
      await go(page, "");
    }
    // A link with a number that somebody wrote by hand is taken out of the history, found or not.
    said.length = 0;
    await page.goto(`${program.url}${HOME}/find?q=8451487974`);
    await dialog(page).waitFor();
    await page.keyboard.press("Escape");
    await page.waitForURL(`${program.url}${HOME}/find`);
    // What may be shared is.
    await go(page, "/orders");
    await page.getByLabel("Number", { exact: true }).fill(booked.orderNumber);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${program.url}${HOME}/orders?q=${booked.orderNumber}`);
    await page.locator("[data-row]", { hasText: booked.orderNumber }).waitFor();
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("what was said is compared with the last call that went well", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "viewer", `/orders/${refused.id}`);
    const call = page.locator(".call-body");
    await call.getByRole("tab", { name: /^Compare ?\d+$/ }).click();
    await call.getByText(/Compared with the call of .* which went well\./).waitFor();
    const good = await call.getByRole("link").getAttribute("href");
    assert.match(good, /\/orders\/ord_\w+$/);
    assert.notEqual(good, `${HOME}/orders/${refused.id}`);
    const rows = (n) => call.locator("table.diff").nth(n).locator("tbody tr");
    await rows(0).filter({ hasText: "invoice_number" }).waitFor();
    const status = rows(1).filter({ has: page.getByRole("cell", { name: "status", exact: true }) });
    assert.deepEqual([await status.locator(".was").innerText(), await status.locator(".now").innerText()],
      ["true", "false"]);
    await rows(1).filter({ hasText: "data.awb_number" }).getByText("absent").waitFor();
    await call.getByRole("link").click();
    await page.locator(".page-head .badge", { hasText: "Booked" }).waitFor();
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("workers of two versions are told apart, and that a deploy is half done", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "viewer", "/workers");
    await page.getByText("Alive").waitFor();
    assert.equal(await page.getByText(/versions work side by side/).count(), 0);
    await context.route("**/admin/api/workers", async (route) => {
      const response = await route.fetch();
      const { data } = await response.json();
      const [worker] = data;
      const others = [{ ...worker, name: "older", pid: 1, version: "0.0.9" },
        { ...worker, name: "gone", pid: 2, version: "0.0.8", stale: true }];
      await route.fulfill({ response, json: { data: [...data, ...others] } });
    });
    await page.reload();
    await page.getByText("2 versions work side by side: a deploy is under way, or was left half").waitFor();
    const old = page.getByRole("region", { name: "Version 0.0.9" });
    await old.getByText("older").waitFor();
    await page.getByRole("region", { name: "Version 0.0.8" }).getByText("Not seen lately").waitFor();
    await context.close();
  });
});
