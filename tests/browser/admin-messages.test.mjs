// The thread of an order at the desk: what a shop writes appears by itself, is text whatever it holds, and is
// answered, by whoever may.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { picture, seriousFindings, startBrowser } from "./browser.mjs";
import { openAs, settled } from "./dashboard.mjs";
import { startProgram } from "./program.mjs";
import { makeUsers, startStory, until } from "./story.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>\n<script>alert(1)</script>";

describe("messages", () => {
  let program, browser, story, order, token;

  const api = async (path, body) => {
    const response = await fetch(`${program.url}/v1/orders/${order.id}/messages${path}`, {
      method: body ? (path === "/read" ? "PUT" : "POST") : "GET",
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, text);
    return text ? JSON.parse(text) : null;
  };

  before(async () => {
    program = await startProgram({});
    await makeUsers(program);
    story = await startStory(program);
    order = await story.order();
    await story.reaches(order, "success");
    token = await program.token(order.merchant);
    browser = await startBrowser(program.url);
  });
  after(async () => {
    const code = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(code, 0);
  });

  test("what the shop writes appears by itself, as text, and is answered", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "operator", `/orders/${order.id}`);
    await settled(page);
    const panel = page.getByRole("region", { name: "Messages" });
    await panel.getByText("Nobody has written about this order.").waitFor();

    await api("/typing", {});
    await panel.getByText("The shop is typing").waitFor();
    await api("", { text: HOSTILE });
    const message = panel.locator(".message.shop");
    await message.waitFor();
    assert.equal(await message.locator("p").innerText(), HOSTILE);
    assert.equal(await panel.locator("img, script").count(), 0);
    await message.getByText("new", { exact: true }).waitFor();
    await panel.getByRole("button", { name: "Mark as read" }).click();
    await message.getByText("new", { exact: true }).waitFor({ state: "detached" });
    assert.equal((await api("")).thread.readToBySupport, 1);

    const field = panel.getByLabel("Write to the shop");
    await field.fill("It comes tomorrow.\nPlease wait.");
    await panel.getByRole("button", { name: "Send" }).click();
    await panel.locator(".message.support").waitFor();
    assert.equal(await field.inputValue(), "");
    const seen = await api("");
    assert.deepEqual(seen.data.map(({ author, text }) => [author, text]).at(-1),
      ["Support", "It comes tomorrow.\nPlease wait."]);
    // At the desk people know who wrote it.
    await panel.locator(".message.support").getByText("meera").waitFor();
    await api("/read", { messageId: seen.data.at(-1).id });
    await page.reload();
    await panel.getByText("Read by the shop").waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await picture(page, "messages");
    assert.deepEqual(browser.complaints(), []);
    await context.close();
  });

  test("a refusal is told, and what was typed stays", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "operator", `/orders/${order.id}`);
    const panel = page.getByRole("region", { name: "Messages" });
    const field = panel.getByLabel("Write to the shop");
    await field.fill("zero\u200bwidth");
    await panel.getByRole("button", { name: "Send" }).click();
    await panel.getByText(/holds an invisible character/).first().waitFor();
    assert.equal(await field.inputValue(), "zero\u200bwidth");
    await context.close();
  });

  test("who may only look reads and cannot write", async () => {
    const context = await browser.context();
    const page = await openAs(context, program.url, "viewer", `/orders/${order.id}`);
    const panel = page.getByRole("region", { name: "Messages" });
    await panel.locator(".message").first().waitFor();
    assert.equal(await panel.getByLabel("Write to the shop").count(), 0);
    await panel.getByText(/needs the right order.message/).waitFor();
    await api("", { text: "Are you there?" });
    await until("the new message", async () => (await panel.locator(".message.shop").count()) === 2);
    await context.close();
  });
});
