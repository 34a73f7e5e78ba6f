// What is done with many at once, to the account, and to people: jobs and failed orders in bulk, an operation
// paused and resumed, a hold that is lifted, a second factor reset, one's own password and sessions.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { picture, startBrowser } from "./browser.mjs";
import { answer, dialog, go, HOME, openAs, signIn } from "./dashboard.mjs";
import { startProgram } from "./program.mjs";
import { HASTY, makeUsers, PASSWORD, startStory, until } from "./story.mjs";
import { code } from "./totp.mjs";

const QUEUE = "/q/parcelx-orders-queue";
const REFUSAL = "Pincode 781071 is not serviceable by any courier";
const NEW_PASSWORD = "another battery, correct horse";
/** An accepted cancel is soon waited for in vain, and its call has had its time after seconds. */
const QUICK = { ...HASTY, WAYBILL_PARCELX__CONFIRM_CANCEL: "100ms,200ms", WAYBILL_PARCELX__TIMEOUT: "2s",
  WAYBILL_PARCELX__SEND_WITHIN: "2s", WAYBILL_PARCELX__SETTLE_WITHIN: "500ms" };

describe("many at once, and people", () => {
  let program, browser, story, page, failed, waiting, unconfirmed;

  before(async () => {
    program = await startProgram(QUICK);
    await makeUsers(program);
    await program.run(["admin", "add", "kiran", "--role", "viewer", "--reason", "joins the desk"],
      `${PASSWORD}\n`);
    story = await startStory(program);
    await story.script([
      { operation: "create", refuse: REFUSAL, times: 4 },
      { operation: "create", answer: { status: { code: 429, retryAfter: "600" } }, times: 2 },
    ]);
    failed = await story.orders(4);
    for (const order of failed) await story.reaches(order, "failed");
    waiting = await story.orders(2);
    for (const order of waiting) await story.reaches(order, "retrying");
    await story.doubtful(3);
    await story.faults({ cancelEffect: "never" });
    unconfirmed = await story.orders(2);
    for (const order of unconfirmed) {
      await story.reaches(order, "success");
      await story.cancel(order);
    }
    const state = async (order) => (await story.look(order)).cancellation.state;
    for (const order of unconfirmed) {
      await until("a person to have its cancellation", async () => (await state(order)) === "review");
    }
    await story.asAtTheStart();
    browser = await startBrowser(program.url);
    page = await openAs(await browser.context(), program.url, "admin");
  });
  after(async () => {
    await picture(page, "many-last");
    const ended = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(ended, 0);
  });

  const badge = (words) => page.locator(".page-head .badge", { hasText: words }).waitFor();
  /** Starts bulk work by its button, and is then on its page. */
  const start = async (button, { effect, typed, pace, choice, reason }) => {
    await button.click();
    const box = dialog(page);
    if (choice) await box.getByLabel(choice).check();
    await box.locator(".effect", { hasText: effect }).waitFor();
    assert.equal(await box.getByLabel(/^Type /).count(), typed ? 1 : 0);
    if (typed) await box.getByText(`Type ${typed} to start`).waitFor();
    if (pace) await box.getByLabel("At most per minute").fill(String(pace));
    await answer(page, reason);
    await page.waitForURL(/operations\/[^/]+$/);
    await page.getByText(reason).first().waitFor();
  };
  const ended = async (count) => {
    await badge(/^Done$/);
    const told = new RegExp(`${count}\\s+of ${count}\\s+${count} done\\s+0 refused\\s+0 failed`);
    assert.match(await page.locator(".progress-head").innerText(), told);
  };
  /** The results of all: those that came after the first ones wait until they are asked for. */
  const results = (count) => until("a result of each", async () => {
    await page.keyboard.press(".");
    return (await page.locator("tbody .badge.ok", { hasText: "Done" }).count()) === count;
  });
  const bar = (name) => page.getByRole("region", { name: "Bulk actions" }).getByRole("button", { name });

  test("all failed jobs of a queue are tried again", async () => {
    await go(page, `${QUEUE}?state=failed`);
    // Those of orders in review are among them.
    await page.getByRole("region", { name: "Bulk actions" }).getByText("All 7 failed").waitFor();
    await start(bar("Retry…"), { effect: "Each failed job waits again.", reason: "the pincodes are known" });
    await ended(7);
    await results(7);
  });

  test("all delayed jobs of a queue are due now", async () => {
    await go(page, `${QUEUE}?state=delayed`);
    await page.locator("[data-row]").nth(1).waitFor();
    await start(bar("Run now…"), { effect: "Each delayed job is due now.", reason: "ParcelX has time" });
    await ended(2);
    // Their orders still wait for their time, and say so.
    await go(page, `/orders/${waiting[0].id}`);
    await badge("Retrying");
  });

  test("chosen jobs are removed, and the others stay", async () => {
    await go(page, `${QUEUE}?state=failed`);
    const rows = page.locator("[data-row]");
    await until("the failed jobs", async () => (await rows.count()) >= 4);
    for (const n of [0, 1]) await rows.nth(n).getByRole("checkbox").check();
    const before = await rows.count();
    await page.getByText("2 chosen").waitFor();
    const effect = "Each job is taken out of its queue.";
    await start(bar("Remove…"), { effect, typed: 2, reason: "cleared" });
    await ended(2);
    await go(page, `${QUEUE}?state=failed`);
    await until("two jobs less", async () => (await rows.count()) === before - 2);
  });

  test("all orders that failed for one cause are sent again", async () => {
    await go(page, "/failures");
    const group = page.locator("[data-row]", { hasText: "is not serviceable" });
    await start(group.getByRole("button", { name: "Send again…" }), {
      effect: "Each failed order is sent to ParcelX again as it is.", typed: 4, pace: 6000,
      reason: "ParcelX serves it now",
    });
    await ended(4);
    for (const order of failed) await story.reaches(order, "success");
    await results(4);
    await page.locator("tbody a", { hasText: failed[0].id }).click();
    await badge("Booked");
  });

  test("shipments whose cancel never showed are closed as they ended", async () => {
    // Not while a call of it may be under way.
    const closable = (order) => page.evaluate(async (id) => {
      const { data } = await (await fetch(`/admin/api/orders/${id}`)).json();
      return data.actions.find(({ name }) => name === "close-shipment").allowed;
    }, order.id);
    for (const order of unconfirmed) await until("its calls to be over", () => closable(order));
    await go(page, "/review?code=cancel-unconfirmed");
    await page.getByRole("region", { name: "Bulk actions" }).getByText("All 2 that match").waitFor();
    assert.equal(await bar("Book again…").count(), 0, "it is not about bookings");
    await bar("Cancel again…").waitFor();
    await start(bar("Close…"), {
      effect: "written down as live", typed: 2, choice: "They travel", reason: "the courier has them",
    });
    await ended(2);
    await page.locator(".facts", { hasText: "They travel" }).waitFor();
    for (const order of unconfirmed) {
      assert.equal((await story.look(order)).cancellation.state, "refused");
    }
  });

  test("an operation is paused, goes on, and stops where one says so", async () => {
    await go(page, "/review?code=outcome-unknown");
    await start(bar("Adopt what ParcelX has…"), {
      effect: "what it shows becomes the order's shipment", pace: 1, reason: "slowly",
    });
    const press = async (name, reason) => {
      await page.getByRole("button", { name, exact: true }).click();
      await answer(page, reason);
      await dialog(page).waitFor({ state: "detached" });
    };
    await badge("Running");
    await press("Pause…", "ParcelX is slow");
    await badge("Paused");
    assert.equal(await page.getByRole("button", { name: "Pause…" }).count(), 0);
    await press("Resume…", "ParcelX is quick again");
    await badge(/^(Running|Waiting)$/);
    // What was told can be taken back where one was told of it.
    await press("Pause…", "by mistake");
    await badge("Paused");
    await page.locator(".toast", { hasText: "Pause: told." }).last().getByRole("button", { name: "Undo" })
      .click();
    await badge(/^(Running|Waiting)$/);
    await press("Cancel…", "enough");
    await badge("Cancelled");
    await page.locator(".progress-head", { hasText: /of 3/ }).waitFor();
    await go(page, "/audit");
    for (const reason of ["ParcelX is slow", "ParcelX is quick again", "enough"]) {
      await page.locator("tbody tr", { hasText: reason }).getByText("ravi").waitFor();
    }
  });

  test("one that has stopped by itself can go on", async () => {
    // As it stands after failures in a row: these would take ParcelX's or our own breaking down.
    await page.route("**/admin/api/operations/*", async (route) => {
      const response = await route.fetch();
      const { data } = await response.json();
      const stopped = { ...data, state: "stopped", stopped: "5 failed in a row" };
      await route.fulfill({ response, json: { data: stopped } });
    });
    await go(page, "/operations");
    await page.locator("[data-rowfocus]").first().click();
    await page.getByText("Stopped by itself:").waitFor();
    await page.getByRole("button", { name: "Resume…" }).click();
    await dialog(page).getByText("It goes on with the next item.").waitFor();
    await page.keyboard.press("Escape");
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

  test("a hold is lifted by typing it, and the orders that waited are sent", async () => {
    await story.faults({ walletPaise: 0 });
    const order = await story.order();
    await go(page, "");
    const hold = page.locator("section.hold");
    await hold.locator("blockquote", { hasText: /balance/i }).waitFor();
    await story.asAtTheStart();
    await hold.getByRole("button", { name: "Lift…" }).click();
    await dialog(page).getByText(/are sent at the queue's usual pace, without a test before/).waitFor();
    await answer(page, "the wallet is filled up", { press: false });
    await dialog(page).getByLabel(/^Type/).fill("lft");
    assert.equal(await dialog(page).locator("footer .main-action").isDisabled(), true);
    await dialog(page).getByLabel(/^Type/).fill("lift");
    await dialog(page).locator("footer .main-action").click();
    await page.locator(".toast", { hasText: "The hold is lifted." }).waitFor();
    await hold.waitFor({ state: "detached" });
    await story.reaches(order, "success");
    // It stays marked where the numbers are drawn, and so does who ended it.
    await go(page, "/metrics?span=1h");
    const marks = page.getByRole("region", { name: "What changed" }).locator("li");
    await marks.filter({ hasText: "was held: wallet" }).waitFor();
    await marks.filter({ hasText: "by ravi" }).waitFor();
    assert.equal(await marks.filter({ hasText: "works again" }).count(), 0, "it is told once");
    assert.deepEqual(browser.complaints(), []);
  });

  test("a second factor is reset for somebody who has lost the phone", async () => {
    const theirs = await openAs(await browser.context(), program.url, "operator", "/account");
    const panel = theirs.getByRole("region", { name: "Second factor" });
    await panel.getByLabel("Password").fill(PASSWORD);
    await panel.getByRole("button", { name: "Set up…" }).click();
    const secret = (await panel.locator(".secret").innerText()).replace(/\s/g, "");
    await panel.getByLabel("Code").fill(code(secret));
    await panel.getByRole("button", { name: "Switch on" }).click();
    await panel.getByText("on", { exact: true }).waitFor();

    const asha = await openAs(await browser.context(), program.url, "super_admin", "/users");
    const row = asha.locator("tr", { hasText: "meera" });
    await row.getByText("on", { exact: true }).waitFor();
    await row.getByRole("button", { name: "Reset second factor…" }).click();
    await dialog(asha).getByText(/logs in with the password alone/).waitFor();
    await answer(asha, "the phone is lost");
    await asha.locator(".toast", { hasText: "The second factor is reset." }).waitFor();
    await row.getByText("off", { exact: true }).waitFor();
    assert.equal(await row.getByRole("button", { name: "Reset second factor…" }).count(), 0);

    const anew = await (await browser.context()).newPage();
    await anew.goto(program.url + HOME);
    await signIn(anew, "meera");
    await anew.locator(".shell h1").waitFor();
    for (const one of [theirs, asha, anew]) await one.context().close();
  });

  test("one ends a session of one's own, and with a new password all others", async () => {
    const [here, there] = [await kiran(), await kiran()];
    await go(here, "/account");
    const sessions = here.getByRole("region", { name: "Your sessions" });
    const left = (count) => until(`${count} sessions`, async () =>
      (await sessions.locator(".line-item").count()) === count);
    await left(2);
    await sessions.getByText("this one").waitFor();
    await sessions.getByRole("button", { name: "End", exact: true }).click();
    await left(1);
    await there.getByText("Your session has ended").waitFor();
    await signIn(there, "kiran", PASSWORD);
    await there.locator(".shell h1").waitFor();

    const panel = here.getByRole("region", { name: "Password" });
    const change = async (now, next, again) => {
      await panel.getByLabel("Password now").fill(now);
      await panel.getByLabel("New password", { exact: true }).fill(next);
      await panel.getByLabel("New password again").fill(again);
      await panel.getByRole("button", { name: "Change password" }).click();
    };
    await change(PASSWORD, NEW_PASSWORD, "something else");
    await panel.getByText("The two new passwords differ.").waitFor();
    await change("not my password", NEW_PASSWORD, NEW_PASSWORD);
    await panel.getByText(/is not your password/).first().waitFor();
    await change(PASSWORD, NEW_PASSWORD, NEW_PASSWORD);
    await here.locator(".toast", { hasText: "your other sessions have ended" }).waitFor();
    await there.getByText("Your session has ended").waitFor();
    await left(1);
    await signIn(there, "kiran", PASSWORD);
    await there.locator(".note.bad", { hasText: "is wrong" }).waitFor();
    await signIn(there, "kiran", NEW_PASSWORD);
    await there.locator(".shell h1").waitFor();
    assert.deepEqual(browser.complaints(), []);
    await there.context().close();
    await here.context().close();
  });

  /** A viewer, in a browser of their own. */
  const kiran = async () => {
    const their = await (await browser.context()).newPage();
    await their.goto(program.url + HOME);
    await signIn(their, "kiran", PASSWORD);
    await their.locator(".shell h1").waitFor();
    return their;
  };
});
