// The links of mails as people open them: they confirm an address, set a new password, accept an invitation.
// The code of a link is in no address that the browser asks for, and not in the one that it shows.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DESK, PHONE, picture, seriousFindings, startBrowser } from "./browser.mjs";
import { startProgram } from "./program.mjs";
import { until } from "./story.mjs";

const PASSWORD = "a long sentence of mine";
const DARK_PHONE = { ...PHONE, colorScheme: "dark" };

describe("links of mails", () => {
  let program, browser;

  const post = (path, body, token) => fetch(program.url + path, {
    method: "POST", body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
  });
  const asked = async (...call) => {
    const response = await post(...call);
    assert.ok(response.ok, `${call[0]}: ${response.status}`);
    return response.json();
  };
  const register = (email, password = PASSWORD) =>
    asked("/auth/register", { email, password, name: "Asha Example", shop: "Asha Crafts" });
  const signIn = (email, password = PASSWORD) => post("/auth/login", { email, password });

  /** The link of the last mail to an address that is about this. */
  const link = (email, about) => until(`a mail to ${email}`, async () => {
    const mails = await program.text("mails.txt").catch(() => "");
    const at = mails.lastIndexOf(` to ${email}: ${about}`);
    return at < 0 ? null : /^http:\S+#token=[0-9a-f]{64}$/m.exec(mails.slice(at))?.[0];
  });

  /** Opens a link; `close()` fails if its code was in an address. */
  async function open(url, options = DESK) {
    const [address, code] = url.split("#token=");
    const context = await browser.context(options);
    const page = await context.newPage();
    const requests = [];
    context.on("request", (request) => requests.push({ url: request.url(), headers: request.headers() }));
    await page.goto(url);
    return {
      page,
      button: page.getByRole("button"),
      problem: page.getByRole("alert"),
      done: page.locator("#done"),
      posts: () => requests.filter(({ headers }) => headers["content-type"] === "application/json").length,
      async close() {
        assert.equal(page.url(), address);
        assert.ok(requests.length >= 1);
        for (const request of requests) {
          assert.equal(request.url, address);
          if (code) assert.ok(!JSON.stringify(request).includes(code), request.url);
        }
        assert.deepEqual(browser.complaints(), []);
        await context.close();
      },
    };
  }

  before(async () => {
    program = await startProgram();
    browser = await startBrowser(program.url);
  });
  after(async () => {
    const code = await program?.stop();
    await browser?.stop();
    if (program) assert.equal(code, 0);
  });

  test("an address is confirmed by one press of a key, and then its owner signs in", async () => {
    await register("asha@example.com");
    assert.equal((await signIn("asha@example.com")).status, 401, "not before");
    const url = await link("asha@example.com", "Confirm your address");
    const opened = await open(url);
    const { page } = opened;
    await page.getByRole("heading", { name: "Confirm your address" }).waitFor();
    assert.equal(await page.title(), "Confirm your address · Waybill");
    assert.equal(await page.locator("input:visible").count(), 0);
    assert.deepEqual(await seriousFindings(page), []);
    await picture(page, "mailed-link");
    assert.equal(opened.posts(), 0, "to open the page uses nothing");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Confirm my address");
    await page.keyboard.press("Enter");
    await opened.done.waitFor();
    assert.match(await opened.done.innerText(), /^Your address is confirmed/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "done");
    assert.equal(await opened.button.count(), 0);
    assert.deepEqual(await seriousFindings(page), []);
    await opened.close();
    assert.equal((await signIn("asha@example.com")).status, 200);

    const again = await open(url);
    await again.button.click();
    await again.problem.getByText("The code is wrong, was used, or is too old.").waitFor();
    await again.page.getByLabel("Code of the mail").waitFor();
    await again.close();
  });

  test("a code that was pasted counts, too", async () => {
    await register("ravi@example.com");
    const url = await link("ravi@example.com", "Confirm your address");
    const opened = await open(`${program.url}/auth/verify`);
    const field = opened.page.getByLabel("Code of the mail");
    await opened.button.click();
    assert.equal(opened.posts(), 0, "nothing was told yet");
    await field.fill("0".repeat(64));
    await opened.button.click();
    await opened.problem.getByText("The code is wrong").waitFor();
    await field.fill(` ${url} `);
    await opened.button.click();
    await opened.done.waitFor();
    await opened.close();
    assert.equal((await signIn("ravi@example.com")).status, 200);
  });

  test("a new password is set on a phone, once it is typed twice and good enough", async () => {
    await register("meera@example.com");
    await asked("/auth/verify", { token: (await link("meera@example.com", "Confirm")).split("=").pop() });
    await asked("/auth/forgot", { email: "meera@example.com" });
    const opened = await open(await link("meera@example.com", "Set a new password"), DARK_PHONE);
    const { page, button, problem } = opened;
    const type = async (password, again = password) => {
      await page.getByLabel("New password").fill(password);
      await page.getByLabel("The same again").fill(again);
      await button.click();
    };
    await type("another long sentence", "another long sentense");
    await problem.getByText("The two passwords differ.").waitFor();
    assert.equal(opened.posts(), 0);
    await type("1qaz2wsx3edc");
    await problem.getByText(/^The password is one of those that are tried first/).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await picture(page, "mailed-link-phone");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
    await type("another long sentence");
    await opened.done.waitFor();
    assert.equal(opened.posts(), 2);
    await opened.close();
    assert.equal((await signIn("meera@example.com")).status, 401);
    assert.equal((await signIn("meera@example.com", "another long sentence")).status, 200);
  });

  test("an invitation is accepted with a name and a password", async () => {
    await register("owner@example.com");
    await asked("/auth/verify", { token: (await link("owner@example.com", "Confirm")).split("=").pop() });
    const { data } = await (await signIn("owner@example.com")).json();
    await asked("/v1/members/invitations", { email: "devi@example.com", role: "staff" }, data.accessToken);
    const opened = await open(await link("devi@example.com", "You are invited"));
    const { page } = opened;
    await page.getByLabel("Your name").fill("<img src=x>");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await opened.done.waitFor();
    assert.equal(await page.locator("img").count(), 0);
    await opened.close();
    const signedIn = await (await signIn("devi@example.com")).json();
    assert.equal(signedIn.data.user.role, "staff");
    assert.equal(signedIn.data.user.merchantId, data.user.merchantId);
  });

  test("another link in the same tab takes the place of the first", async () => {
    await register("tara@example.com");
    const url = await link("tara@example.com", "Confirm your address");
    const opened = await open(`${program.url}/auth/verify#token=${"0".repeat(64)}`);
    await opened.button.click();
    await opened.problem.getByText("The code is wrong").waitFor();
    await opened.page.goto(url);
    await opened.problem.getByText("The code is wrong").waitFor({ state: "detached" });
    await opened.button.click();
    await opened.done.waitFor();
    await opened.close();
  });

  test("without JavaScript a page says what the code can do", async () => {
    for (const path of ["/auth/verify", "/auth/reset", "/auth/accept"]) {
      const context = await browser.context({ ...DESK, javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(program.url + path);
      assert.match(await page.locator("main").innerText(), new RegExp(`POST ${path}`));
      assert.equal(await page.locator("form").isVisible(), false);
      await context.close();
    }
  });
});
