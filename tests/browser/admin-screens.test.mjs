// Each screen with data in it: light, dark and on a phone; what axe-core finds, what the policy refuses, what
// hostile data does.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DESK, PHONE, picture, seriousFindings, startBrowser } from "./browser.mjs";
import { HOME, openAs, settled, visit } from "./dashboard.mjs";
import { givenUp, merchant, startReceiver } from "./merchants.mjs";
import { startProgram } from "./program.mjs";
import { HASTY, makeUsers, startStory } from "./story.mjs";

const HOSTILE = [
  "<img src=x onerror=alert(1)>",
  "<script>alert(1)</script>",
  "\"><svg onload=alert(1)>",
  "javascript:alert(1)",
  "{{constructor.constructor('alert(1)')()}}",
  "\u202egnp.exe\u202c",
  "zero\u200bwidth\u2060joined\ufeff",
  "z\u0310\u0310\u0310\u0310\u0310\u0310\u0310\u0310algo",
];

describe("screens", () => {
  let program, browser, story, screens, receiver;
  const orders = [];

  before(async () => {
    program = await startProgram(HASTY);
    await makeUsers(program);
    story = await startStory(program);
    for (const [n, words] of HOSTILE.entries()) {
      await story.script({ operation: "create", refuse: `refused ${words}` });
      // What hides is refused in orders: only the provider's words may hold it.
      const seen = words.replace(/\p{Cf}/gu, "");
      const order = await story.order({
        clientOrderId: `x${n} ${seen}`.slice(0, 60),
          items: [{ sku: "S1", name: seen, quantity: 1, unitPrice: 150 }],
      });
      orders.push(order);
      await story.reaches(order, "failed");
    }
    const [doubtful] = await story.doubtful(3);
    const booked = await story.order();
    await story.reaches(booked, "success");
    for (const [n, words] of HOSTILE.entries()) {
      await program.run(["merchant", "add", words, ...(n ? [] : ["--id", "old/shop 7"])]);
    }
    await (await merchant(program, "asha-crafts")).handIn({ legalName: HOSTILE[0] });
    receiver = await startReceiver(410);
    await givenUp(program, story, await merchant(program, "teaworks"), receiver, 2);
    const queue = "/q/parcelx-orders-queue";
    screens = {
      overview: "", review: "/review", orders: "/orders", "order-failed": `/orders/${orders[0].id}`,
      "order-in-review": `/orders/${doubtful.id}`, "order-booked": `/orders/${booked.id}`,
        failures: "/failures",
      operations: "/operations", "queue-failed": `${queue}?state=failed`,
        "queue-completed": `${queue}?state=completed`,
      "queue-waiting": `${queue}?state=waiting`, job: `${queue}/jobs/create-order-${orders[0].id}-1`,
        workers: "/workers",
      metrics: "/metrics", audit: "/audit", users: "/users", account: "/account",
        found: "/find?q=nothing-like-it",
      kyc: "/kyc", "kyc-none": "/kyc?state=rejected", "kyc-merchant": "/kyc/asha-crafts",
        "kyc-nobody": "/kyc/nobody", webhooks: "/webhooks",
      merchants: "/merchants", "merchants-none": "/merchants?state=suspended",
        merchant: "/merchants/old%2Fshop%207", "merchant-unnamed": "/merchants/asha-crafts",
      nowhere: "/no/such/view", "no-order": "/orders/ord_none", "no-queue": "/q/no-such-queue",
    };
    browser = await startBrowser(program.url);
  });
  after(async () => {
    // The program ends whatever the pages did: nothing is left running.
    const code = await program?.stop();
    await browser?.stop();
    await receiver?.stop();
    if (program) assert.equal(code, 0);
  });

  for (const [mode, options] of Object.entries({
    light: { ...DESK, colorScheme: "light" }, dark: { ...DESK, colorScheme: "dark" },
      phone: { ...PHONE, colorScheme: "light" },
  })) {
    test(`each screen, ${mode}: nothing serious found, nothing wider than the window`, async () => {
      const context = await browser.context(options);
      const page = await openAs(context, program.url, "super_admin");
      for (const [name, path] of Object.entries(screens)) {
        await visit(page, program.url, path);
        await settled(page);
        assert.equal(await page.getByText("This screen broke").count(), 0, name);
        assert.deepEqual(await seriousFindings(page), [], name);
        const over = await page.evaluate(() =>
          document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(over <= 0, `${name} is ${over} px too wide`);
        assert.match(await page.title(), /Waybill/, name);
        await picture(page, `screen-${name}-${mode}`);
      }
      assert.deepEqual(browser.complaints(), []);
      await context.close();
    });
  }

  test("hostile text is shown as text, and what hides is made visible", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "super_admin");
    for (const [n, order] of orders.entries()) {
      for (const path of [`/orders/${order.id}`, `/q/parcelx-orders-queue/jobs/create-order-${order.id}-1`]) {
        await visit(page, program.url, path);
        await settled(page);
        await page.locator("main").getByText(order.orderNumber).first().waitFor();
        const strange = await page.evaluate(() => document.querySelectorAll(
          "main img, main script, main iframe, main object, main [onerror], main [onload], main "
            + "a[href^='javascript']").length);
        assert.equal(strange, 0, HOSTILE[n]);
        const raw = await page.evaluate(() => document.querySelector("main").innerText);
        assert.doesNotMatch(raw, /[\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff]/, HOSTILE[n]);
      }
    }
    // ParcelX's words come without what hides; names of merchants as they were told.
    await visit(page, program.url, "/merchants");
    await page.locator(".hidden-char", { hasText: "RLO" }).first().waitFor();
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("the policy is strict, and holds against what gets into the page", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "viewer");
    const response = await page.goto(program.url + HOME);
    const policy = response.headers()["content-security-policy"];
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    const ran = await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "globalThis.ran = true";
      document.body.append(script);
      return globalThis.ran === true;
    });
    assert.equal(ran, false);
    assert.match(browser.complaints().join(), /Content Security Policy/, "and Chromium says so");
    await context.close();
  });

  test("theme and time zone are chosen by key, kept, and hold in the next tab", async () => {
    const context = await browser.context({ ...DESK, colorScheme: "light" });
    const page = await openAs(context, program.url, "viewer", `/orders/${orders[0].id}`);
    await settled(page);
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const time = () => page.locator(".timeline time").first().innerText();
    const [light, ist] = [await background(), await time()];
    await page.keyboard.press("t");
    assert.equal(await background(), light, "light by choice");
    await page.keyboard.press("t");
    assert.notEqual(await background(), light);
    await page.keyboard.press("z");
    await page.getByRole("button", { name: "UTC", pressed: true }).waitFor();
    assert.notEqual(await time(), ist);
    await page.reload();
    await page.locator(".shell h1").waitFor();
    assert.notEqual(await background(), light);
    await page.getByRole("button", { name: "UTC", pressed: true }).waitFor();
    await context.close();
  });

  test("keys lead to each place, and ? shows them", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "super_admin");
    for (const [key, title] of Object.entries({ r: "Review desk", s: "Orders", f: "Failures", p: "Operations",
      w: "Workers",
      m: "Metrics", a: "Audit", c: "Your account", h: "Webhooks", k: "KYC desk", e: "Merchants",
      o: "Overview" })) {
      await page.keyboard.press("g");
      await page.keyboard.press(key);
      await page.locator("h1", { hasText: title }).waitFor();
    }
    await page.keyboard.press("?");
    await page.locator("dialog[open]").getByText("Next and previous row").waitFor();
    await page.locator("dialog[open]").getByText("To what you can do here, and on").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    // Typing is no command.
    await page.keyboard.press("/");
    await page.keyboard.type("gr?t");
    assert.equal(await page.inputValue("#lens"), "gr?t");
    await context.close();
  });

  test("the menu of a phone opens, leads on and closes", async () => {
    const context = await browser.context(PHONE);
    const page = await openAs(context, program.url, "viewer");
    await page.getByRole("button", { name: "Menu" }).click();
    await page.locator("nav.nav").getByText("Failures").click();
    await page.locator("h1", { hasText: "Failures" }).waitFor();
    assert.equal(await page.locator(".side.open").count(), 0);
    await context.close();
  });

  test("all that is loaded stays below 150 KB", async () => {
    const context = await browser.context();
    const page = await context.newPage();
    const sizes = [];
    page.on("requestfinished", (request) => {
      if (/\/admin\/(assets|queues)/.test(request.url())) sizes.push(request.sizes());
    });
    await page.goto(program.url + HOME);
    await page.locator("[name=username]").waitFor();
    await page.waitForLoadState("networkidle");
    const total = (await Promise.all(sizes)).reduce((sum, { responseBodySize }) => sum + responseBodySize, 0);
    assert.ok(sizes.length > 40, `${sizes.length} files`);
    assert.ok(total > 20_000 && total < 150_000, `${total} bytes`);
    await context.close();
  });
});
