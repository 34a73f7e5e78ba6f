// The dashboard as a person uses it.
import assert from "node:assert/strict";
import { PASSWORD, PEOPLE } from "./story.mjs";

export const HOME = "/admin/queues";

/** Opens a view as somebody who is signed in; the login is typed. */
export async function openAs(context, origin, role, path = "") {
  const page = await context.newPage();
  await page.goto(origin + HOME + path);
  await page.locator("[name=username]").or(page.locator(".shell")).first().waitFor();
  if (await page.locator("[name=username]").isVisible()) await signIn(page, PEOPLE[role]);
  await page.locator(".shell h1").first().waitFor();
  return page;
}

export async function signIn(page, name, password = PASSWORD) {
  await page.fill("[name=username]", name);
  await page.fill("[name=password]", password);
  await page.keyboard.press("Enter");
}

/** Goes to a view by the pages' own router, as a link would. */
export async function visit(page, origin, path) {
  await page.goto(origin + HOME + path);
  await page.locator(".shell h1").first().waitFor();
}

/** Goes there within the pages, as a link does: only the view is loaded. It is drawn, maybe still empty. */
export const go = (page, path) => page.evaluate(async (address) => {
  history.pushState(null, "", address);
  dispatchEvent(new PopStateEvent("popstate"));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}, HOME + path);

/** Has every view that is open load again, as they do after a line that was down. */
export const loadAgain = (page) => page.evaluate(() => {
  const channel = new BroadcastChannel("waybill.live");
  channel.postMessage({ type: "again" });
  channel.close();
});

/** The answer of a server that cannot; the pages say `Not now.` */
export const AWAY = { status: 503, json: { code: "temporarily-unavailable", detail: "Not now." } };

/** Chromium reports answers of a server that cannot, which were asked for; nothing else may be reported. */
export const onlyAway = (complaints) => assert.deepEqual(complaints.filter((words) =>
  !/^console: Failed to load resource[^\n]* 503 /.test(words)), []);

export const dialog = (page) => page.locator("dialog[open]");

/** Fills the open dialog and sends it: the reason, and what has to be typed. */
export async function answer(page, reason, { press = true } = {}) {
  const box = dialog(page);
  await box.getByLabel(/^Reason/).fill(reason);
  const typed = box.getByLabel(/^Type /);
  if (await typed.count()) {
    const [, word] = /^Type (\S+) to/.exec(await box.locator("label", { hasText: /^Type / }).innerText());
    await typed.fill(word);
  }
  if (press) await box.locator("footer .main-action").click();
}

/** Waits until all of a view is there: nothing that loads is left. */
export async function settled(page) {
  await page.locator("main .skeleton").first().waitFor({ state: "detached" });
}

/** A button that the role or the state does not allow says why when it is clicked, and does nothing. */
export async function saysWhy(page, button, why) {
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  await button.click({ force: true }); // it looks and says disabled
  await page.locator(".toast", { hasText: why }).first().waitFor();
  assert.equal(await dialog(page).count(), 0);
}
