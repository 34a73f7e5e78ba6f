// The interactive documentation as a newcomer uses it: open it, authorize, try an order out, see it in the
// list. And what a security reviewer would look for meanwhile: a strict policy that nothing on the page
// breaks, and no word to any other host.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { OUT, startProgram } from "./program.mjs";

const CHROMIUM_ARGS = [
  "--no-sandbox", // CI runs as root, where Chromium's sandbox does not start; the page is our own
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

describe("the interactive documentation", () => {
  let program, context, profile, page, opened, token;
  const complaints = [];
  const strangers = [];

  before(async () => {
    program = await startProgram();
    token = await program.token();
    profile = await mkdtemp(join(tmpdir(), "waybill-chromium-"));
    context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: CHROMIUM_ARGS,
      viewport: { width: 1280, height: 1600 },
    });
    page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(20_000);

    // Chromium reports everything that the policy refuses as a console error.
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
    page.on("requestfailed", (request) => {
      complaints.push(`no answer: ${request.url()} (${request.failure()?.errorText})`);
    });
    context.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (["http:", "https:", "ws:", "wss:"].includes(protocol) && origin !== program.url) {
        strangers.push(request.url());
      }
    });
  });

  after(async () => {
    await page?.screenshot({ path: join(OUT, "last.png"), fullPage: true }).catch(() => {});
    await context?.close();
    if (profile) await rm(profile, { recursive: true, force: true });
    // Run here too when a test before it failed: nothing is left running.
    if (program) assert.equal(await program.stop(), 0, "SIGTERM drains and exits with 0");
  });

  const operation = (method, path) => {
    const summary = page.locator(`.opblock-summary-path[data-path="${path}"]`);
    return page.locator(`.opblock-${method}`, { has: summary });
  };

  /**
   * Opens an operation, which is ready to be tried out, presses "Execute", and gives the answer as the
   * network saw it.
   */
  async function tryOut(method, path) {
    const block = operation(method, path);
    await block.locator(".opblock-summary-control").click();
    const answered = page.waitForResponse(
      (r) => new URL(r.url()).pathname === path && r.request().method() === method.toUpperCase(),
    );
    await block.locator(".execute").click();
    const response = await answered;
    const statuses = block.locator(".live-responses-table .response-col_status");
    const shown = statuses.filter({ hasText: /^\s*\d{3}/ });
    await shown.first().waitFor();
    return { block, response, shown: (await shown.first().innerText()).trim().slice(0, 3) };
  }

  test("opens under a strict policy", async () => {
    opened = await page.goto(`${program.url}/docs`);
    assert.equal(opened.status(), 200);
    await operation("post", "/orders/create").waitFor();
    await page.screenshot({ path: join(OUT, "docs.png") });

    const policy = (await opened.allHeaders())["content-security-policy"] ?? "";
    assert.match(policy, /(default|script)-src /, "the page has a content security policy");
    assert.doesNotMatch(policy, /'unsafe-(inline|eval)'/);
    assert.doesNotMatch(policy, /(^|[\s;])(\*|https?:)(?=[\s;]|$)/, "the policy names no foreign source");
  });

  test("authorizes with a merchant's token", async () => {
    await page.locator(".auth-wrapper .btn.authorize").first().click();
    const dialog = page.locator(".dialog-ux .modal-ux");
    await dialog.locator(".auth-container input").first().fill(token);
    await dialog.locator(".auth-btn-wrapper button.authorize").first().click();
    await dialog.getByText("Authorized", { exact: true }).first().waitFor();
    await dialog.locator(".auth-btn-wrapper .btn-done").first().click();
    await dialog.waitFor({ state: "detached" });
    await page.locator(".auth-wrapper .btn.authorize.locked").first().waitFor();
  });

  test("creates an order from the example as it stands there", async () => {
    const { block, response, shown } = await tryOut("post", "/orders/create");
    await block.screenshot({ path: join(OUT, "create.png") });
    assert.equal(response.status(), 201, await response.text());
    assert.equal(shown, "201", "the page shows the answer");
    assert.equal(await response.request().headerValue("authorization"), `Bearer ${token}`);
    assert.match((await response.json()).data.id, /^ord_/);
  });

  test("lists the order", async () => {
    const { block, response, shown } = await tryOut("get", "/v1/orders");
    await block.screenshot({ path: join(OUT, "list.png") });
    assert.equal(response.status(), 200, await response.text());
    assert.equal(shown, "200", "the page shows the answer");
    assert.match(await response.text(), /"ord_/);
  });

  test("nothing was refused, failed or asked of another host", () => {
    assert.deepEqual(complaints, []);
    assert.deepEqual(strangers, []);
  });
});
