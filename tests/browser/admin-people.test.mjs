// Who gets in and what they may: login, throttling, the second factor, roles, a session that ends.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { PHONE, picture, seriousFindings, startBrowser } from "./browser.mjs";
import { answer, dialog, HOME, openAs, settled, signIn, visit } from "./dashboard.mjs";
import { startProgram } from "./program.mjs";
import { HASTY, makeUsers, PASSWORD, startStory } from "./story.mjs";
import { code } from "./totp.mjs";

describe("people", () => {
  let program, browser, story, failed;

  before(async () => {
    program = await startProgram(HASTY);
    await makeUsers(program);
    story = await startStory(program);
    await story.script({ operation: "create", refuse: "Pincode is not serviceable" });
    failed = await story.order();
    await story.reaches(failed, "failed");
    browser = await startBrowser(program.url);
  });
  after(async () => {
    // The program ends whatever the pages did: nothing is left running.
    const code = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(code, 0,
      "open event streams do not keep the program from ending");
  });

  test("the first start writes down who may sign in, and that works", async () => {
    const words = await program.text("first-login.txt");
    const context = await browser.context();
    const page = await context.newPage();
    await page.goto(program.url + HOME);
    const [name, password] = [/admin/.exec(words)[0], /[a-z0-9]+(-[a-z0-9]+){4}/i.exec(words)[0]];
    await signIn(page, name, password);
    await page.locator(".shell h1").waitFor();
    await context.close();
  });

  test("a wrong password and an unknown name get the same words, and the page stays", async () => {
    const context = await browser.context();
    const page = await context.newPage();
    await page.goto(`${program.url}${HOME}/review?code=poison`);
    const words = [];
    for (const [name, password] of [["leela", "wrong password"], ["nobody-at-all", "wrong password"]]) {
      await page.locator("[name=username]").waitFor();
      await signIn(page, name, password);
      words.push(await page.locator(".note.bad").innerText());
      await page.reload();
    }
    assert.equal(words[0], words[1]);
    assert.deepEqual(await seriousFindings(page), []);
    // The link is kept over the login.
    await signIn(page, "leela");
    await page.locator("h1", { hasText: "Review desk" }).waitFor();
    assert.match(page.url(), /review\?code=poison$/);
    await context.close();
  });

  test("many wrong passwords have to wait, and the page counts down", async () => {
    const context = await browser.context();
    const page = await context.newPage();
    await page.goto(program.url + HOME);
    await page.locator("[name=username]").waitFor();
    for (let n = 0; n < 12 && !(await page.getByText("Too many tries").isVisible()); n += 1) {
      await signIn(page, "throttled", "wrong password");
      await page.locator(".note").first().waitFor();
      await page.locator("button", { hasText: "Checking" }).waitFor({ state: "detached" });
    }
    await page.getByText("Too many tries").waitFor();
    assert.equal(await page.locator(".main-action").isDisabled(), true);
    await picture(page, "login-throttled");
    await page.locator(".main-action:enabled").waitFor({ timeout: 90_000 });
    await context.close();
  });

  test("a second factor is set up, asked for, and switched off", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "operator", "/account");
    await settled(page);
    const panel = () => page.locator("section.panel", { hasText: "Second factor" });
    await panel().getByLabel("Password").fill(PASSWORD);
    await panel().getByRole("button", { name: "Set up…" }).click();
    const secret = (await panel().locator(".secret").innerText()).replace(/\s/g, "");
    await panel().getByLabel("Code").fill(code(secret));
    await panel().getByRole("button", { name: "Switch on" }).click();
    await panel().getByText("on", { exact: true }).waitFor();

    await page.getByRole("button", { name: "Log out" }).first().click();
    await page.locator("[name=username]").waitFor();
    await signIn(page, "meera");
    await page.locator("[name=totp]").waitFor();
    await page.fill("[name=totp]", "000000");
    await page.keyboard.press("Enter");
    await page.locator(".note.bad").waitFor();
    // A code is good for one login: the next step's is taken, which a clock may run ahead by.
    await page.fill("[name=totp]", code(secret, Date.now() / 1000 + 30));
    await page.keyboard.press("Enter");
    await page.locator(".shell h1").waitFor();

    await visit(page, program.url, "/account");
    await panel().getByLabel("Password").fill(PASSWORD);
    await panel().getByRole("button", { name: "Switch off" }).click();
    await panel().getByText("off", { exact: true }).waitFor();
    await context.close();
  });

  test("a viewer sees what an order waits for, and no action works", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "viewer", `/orders/${failed.id}`);
    await page.getByText("Pincode is not serviceable").first().waitFor();
    const actions = page.locator("section.panel", { hasText: "Actions" }).first();
    assert.equal(await actions.locator("button:not([aria-disabled=true])").count(), 0);
    await actions.getByText(/needs the right order\.resolve/).first().waitFor();
    await page.goto(`${program.url}${HOME}/q/parcelx-orders-queue`);
    const pause = page.getByRole("button", { name: "Pause…" });
    await pause.click({ force: true }); // it looks and says disabled, and a click says why
    await page.getByText(/needs the right queue\.pause/).first().waitFor();
    assert.equal(await dialog(page).count(), 0);
    for (const [path, right] of [["/audit", "audit.read"], ["/users", "users.manage"]]) {
      await visit(page, program.url, path);
      await page.getByText(`needs the right ${right}`).waitFor();
    }
    // Nor does it help to ask the API: what the page hides, the server refuses.
    const refused = await page.evaluate(async (path) => {
      const headers = { "content-type": "application/json" };
      const response = await fetch(path,
        { method: "POST", headers, body: JSON.stringify({ reason: "because" }) });
      return response.status;
    }, "/admin/api/queues/parcelx-orders-queue/pause");
    assert.equal(refused, 403);
    await context.close();
  });

  test("a phone number is found by those alone who may reveal, and is never in an address", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "admin");
    await page.keyboard.press("/");
    await page.keyboard.type("8451487974");
    await page.keyboard.press("Enter");
    await page.getByText(/Finding by phone reveals/).waitFor();
    assert.equal(await dialog(page).count(), 0);
    assert.doesNotMatch(page.url(), /8451487974/);
    await context.close();
  });

  test("a new user logs in, and is gone at once when disabled", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "super_admin", "/users");
    await page.getByRole("button", { name: "New user…" }).click();
    await dialog(page).getByLabel("User name").fill("kiran");
    await dialog(page).getByLabel("First password").fill("a password of kiran");
    await answer(page, "joins the support desk");
    await page.locator("tr", { hasText: "kiran" }).waitFor();

    const other = await browser.context();
    const hers = await other.newPage();
    await hers.goto(program.url + HOME);
    await hers.locator("[name=username]").waitFor();
    await signIn(hers, "kiran", "a password of kiran");
    await hers.locator(".shell h1").waitFor();

    await page.locator("tr", { hasText: "kiran" }).getByRole("button", { name: "Change…" }).click();
    await dialog(page).getByLabel("Disabled: may not log in").check();
    await answer(page, "has left");
    await page.locator("tr", { hasText: "kiran" }).getByText("Disabled").waitFor();
    // Her page needs no touch: its stream ends, and it asks who she is.
    await hers.getByText("Your session has ended").waitFor();
    await Promise.all([context.close(), other.close()]);
  });

  test("a session that ends keeps the place, in every tab", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "viewer", "/failures");
    const second = await openAs(context, program.url, "viewer", "/workers");
    await page.getByRole("button", { name: "Log out" }).click();
    await page.locator("[name=username]").waitFor();
    await second.locator("[name=username]").waitFor();
    await signIn(second, "leela");
    await second.locator("h1", { hasText: "Workers" }).waitFor();
    await page.locator(".shell h1").waitFor();
    // Gone behind the page's back: noticed at the next call.
    await context.clearCookies();
    await page.goto(`${program.url}${HOME}/orders/${failed.id}`);
    await page.locator("[name=username]").waitFor();
    await signIn(page, "leela");
    await page.getByText("Pincode is not serviceable").first().waitFor();
    await context.close();
  });

  test("the login fits a phone, light and dark, without serious findings", async () => {
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.context({ ...PHONE, colorScheme });
      const page = await context.newPage();
      await page.goto(program.url + HOME);
      await page.locator("[name=username]").waitFor();
      assert.deepEqual(await seriousFindings(page), []);
      await picture(page, `login-phone-${colorScheme}`);
      await context.close();
    }
  });
});
