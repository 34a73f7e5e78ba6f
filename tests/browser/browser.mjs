// A real Chromium for the tests of the dashboard, and what each page of it must hold to: nothing that the
// policy refuses, nothing uncaught, no word to another host.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { OUT } from "./program.mjs";

export const CHROMIUM_ARGS = [
  "--no-sandbox", // CI runs as root, where Chromium's sandbox does not start; the page is our own
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
// Refusals are answers, and Chromium reports each as an error: those of the API are expected here and there.
const EXPECTED = /^Failed to load resource: the server responded with a status of (401|403|404|409|422|429) /;

// What a page says whose server was stopped.
const GONE = /net::ERR_(CONNECTION_REFUSED|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET)/;

export const DESK = { viewport: { width: 1360, height: 900 } };
export const PHONE = { viewport: { width: 360, height: 780 }, isMobile: true, hasTouch: true };

/** A browser for pages of these origins; `stop()` fails if a page complained. */
export async function startBrowser(...origins) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: CHROMIUM_ARGS,
  });
  const complaints = [];
  const strangers = [];

  const context = async (options = DESK) => {
    const made = await browser.newContext({ locale: "en-GB", timezoneId: "Asia/Kolkata", ...options });
    made.setDefaultTimeout(20_000);
    made.on("request", (request) => {
      const url = new URL(request.url());
      const asked = ["http:", "https:", "ws:", "wss:"].includes(url.protocol);
      if (asked && !origins.includes(url.origin)) strangers.push(url.href);
    });
    made.on("weberror", (error) => complaints.push(`uncaught: ${error.error().stack}`));
    made.on("console", (message) => {
      if (message.type() === "error" && !EXPECTED.test(message.text())) complaints.push(
        `console: ${message.text()}`);
    });
    made.on("dialog", (dialog) => {
      complaints.push(`a dialog of the browser: ${dialog.message()}`);
      dialog.dismiss();
    });
    return made;
  };

  return {
    context,
    /** What was complained of so far, and forgets it. */
    complaints: () => [...complaints.splice(0), ...strangers.splice(0).map((url) => `another host: ${url}`)],
    async stop() {
      await browser.close();
      assert.deepEqual([...complaints, ...strangers].filter((words) => !GONE.test(words)), []);
    },
  };
}

/** Findings of axe-core that are serious or critical, in words. */
export async function seriousFindings(page) {
  await page.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ target, failureSummary }) =>
      `${target} ${failureSummary}`).join(" | ")}`);
}

/** The whole screen as a picture, for people. */
export const picture = (page, name) => page.screenshot({ path: join(OUT, `${name}.png`) }).catch(() => {});
