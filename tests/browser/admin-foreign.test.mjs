// Queues of another program beside ours: what its jobs carry is changed, what waits is drained and what has
// ended is cleaned; and our own queues say why they are not.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { picture, seriousFindings, startBrowser } from "./browser.mjs";
import { answer, dialog, go, openAs, saysWhy, settled, visit } from "./dashboard.mjs";
import { startProgram } from "./program.mjs";
import { makeUsers, startStory, until } from "./story.mjs";

const BINARY = resolve(process.env.WAYBILL_BIN ?? "target/debug/waybill");
const PORT_PROGRAM = resolve(process.env.QUEUE_PORT ?? join(dirname(BINARY), "examples", "queue-port"));
const THEIRS = "of-others";
const OURS = "parcelx-orders-queue";
const CARRIED = { status: "new", mobile: "9000000001", consignee: { name: "Asha Example" } };

/** A program that shares the queue; each order is answered. */
function startOther(url) {
  const child = spawn(PORT_PROGRAM, [url], { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { done, failed } = waiting.shift();
    const { ok, error } = JSON.parse(line);
    if (error === undefined) done(ok);
    else failed(new Error(error));
  });
  const order = (what) => new Promise((done, failed) => {
    waiting.push({ done, failed });
    child.stdin.write(`${JSON.stringify({ queue: THEIRS, ...what })}\n`);
  });
  const stop = async () => {
    child.kill();
    await once(child, "exit");
  };
  return { order, stop };
}

describe("queues of others", () => {
  let folder, program, browser, story, other, page;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waybill-queue-"));
    const url = `sqlite:${join(folder, "queue.db")}`;
    program = await startProgram({ WAYBILL_QUEUE__URL: url });
    await makeUsers(program);
    story = await startStory(program);
    other = startOther(url);
    browser = await startBrowser(program.url);
    page = await openAs(await browser.context(), program.url, "admin");
  });
  after(async () => {
    await picture(page, "foreign-last");
    await other?.stop();
    const ended = await program?.stop();
    await browser?.stop();
    await rm(folder, { recursive: true, force: true });
    if (program) assert.equal(ended, 0);
  });

  const button = (name, on = page) => on.locator(".page-head").getByRole("button", { name, exact: true });
  const add = (...jobs) => other.order({ do: "add", jobs });
  const counts = async () => {
    const { waiting, active, delayed, completed, failed } = await other.order({ do: "counts" });
    return { waiting, active, delayed, completed, failed };
  };
  /** The dialog that a button opens, which says how many jobs it is about. */
  const open = async (name, many) => {
    await button(name).click();
    const box = dialog(page);
    await box.getByRole("status").filter({ hasText: many }).waitFor();
    return box;
  };
  const ended = async (many) => {
    await page.waitForURL(/operations\/[^/]+$/);
    await page.locator(".page-head .badge", { hasText: /^Done$/ }).waitFor();
    const told = new RegExp(`${many}\\s+of ${many}\\s+${many} done\\s+0 refused\\s+0 failed`);
    assert.match(await page.locator(".progress-head").innerText(), told);
  };

  test("what a job carries is edited, and what is hidden in it stays", async () => {
    await add({ id: "job-1", data: CARRIED });
    await go(page, `/q/${THEIRS}/jobs/job-1`);
    await settled(page);
    await button("Edit data…").click();
    const box = dialog(page);
    await box.locator(".effect", { hasText: "The job carries other data." }).waitFor();
    const field = box.getByLabel("Data (JSON)");
    const shown = JSON.parse(await field.inputValue());
    assert.deepEqual(shown, { status: "new", mobile: "******", consignee: { name: "******" } });
    assert.deepEqual(await seriousFindings(page), []);
    const change = box.locator("footer .main-action");
    await answer(page, "the parcel has left", { press: false });
    assert.equal(await change.isDisabled(), true, "nothing is changed yet");
    await field.fill("{");
    await box.getByText("This is not JSON.").waitFor();
    assert.equal(await change.isDisabled(), true);
    // What is hidden cannot be put anywhere else.
    await field.fill(JSON.stringify({ ...shown, phone: shown.mobile }));
    await change.click();
    await box.locator(".field .error", { hasText: "stands for hidden data" }).waitFor();
    await field.fill(JSON.stringify({ ...shown, status: "sent" }, null, 2));
    await change.click();
    await page.locator(".toast", { hasText: "job-1: Changed." }).waitFor();
    await page.getByLabel("Job data").filter({ hasText: "\"sent\"" }).waitFor();
    const { data } = await other.order({ do: "get", id: "job-1" });
    assert.deepEqual(JSON.parse(data), { ...CARRIED, status: "sent" });
    await go(page, "/audit?action=job.edit");
    const line = page.locator("tbody tr", { hasText: "the parcel has left" });
    await line.getByText("ravi").waitFor();
    assert.doesNotMatch(await page.locator("main").innerText(), /9000000001|Asha Example/);
    assert.deepEqual(browser.complaints(), []);
  });

  test("a queue is drained by those who type its name", async () => {
    await add(...Array.from({ length: 24 }, (_, n) => ({ id: `more-${n}` })),
      ...Array.from({ length: 3 }, (_, n) => ({ id: `later-${n}`, delay: 3_600_000 })));
    await go(page, `/q/${THEIRS}?state=waiting`);
    const box = await open("Drain…", "25 jobs");
    await box.locator(".effect", { hasText: "never run" }).waitFor();
    assert.deepEqual(await seriousFindings(page), []);
    await box.getByLabel("Delayed").check();
    await box.getByRole("status").filter({ hasText: "28 jobs" }).waitFor();
    await box.getByLabel(/^Reason/).fill("that program is gone");
    const press = box.locator("footer .main-action");
    await box.getByLabel(/^Type/).fill("of-other");
    assert.equal(await press.isDisabled(), true);
    await answer(page, "that program is gone");
    await page.locator(".toast", { hasText: "Drain of-others: started." }).waitFor();
    await ended(28);
    assert.deepEqual(await counts(), { waiting: 0, active: 0, delayed: 0, completed: 0, failed: 0 });
    assert.deepEqual(browser.complaints(), []);
  });

  test("finished jobs are cleaned by their state and age", async () => {
    await add({ id: "done-1" }, { id: "done-2" }, { id: "no" });
    await other.order({ do: "claim", max: 3 });
    for (const id of ["done-1", "done-2"]) await other.order({ do: "end", id, how: "complete" });
    await other.order({ do: "end", id: "no", how: "fail", reason: "no" });
    await visit(page, program.url, `/q/${THEIRS}`);
    await saysWhy(page, button("Drain…"), "no job waits, and none is delayed");
    await button("Clean…").click();
    const box = dialog(page);
    // None of them is a day old.
    await box.getByText("Nothing matches now.").waitFor();
    await box.getByLabel("Finished").selectOption({ label: "at any time" });
    await box.getByRole("status").filter({ hasText: "2 jobs" }).waitFor();
    await box.getByLabel("Completed").uncheck();
    await box.getByText("Choose what is taken out.").waitFor();
    assert.equal(await box.locator("footer .main-action").isDisabled(), true);
    await box.getByLabel("Failed").check();
    await box.getByRole("status").filter({ hasText: "1 job" }).waitFor();
    await answer(page, "it was looked into");
    await ended(1);
    assert.deepEqual(await counts(), { waiting: 0, active: 0, delayed: 0, completed: 2, failed: 0 });
    assert.deepEqual(browser.complaints(), []);
  });

  test("our own queues say why they are not drained nor edited, and are cleaned", async () => {
    const order = await story.order();
    await story.reaches(order, "success");
    await until("the end of its job", async () =>
      (await other.order({ do: "counts", queue: OURS })).completed === 1);
    await go(page, `/q/${OURS}?state=completed`);
    await saysWhy(page, button("Drain…"), "its jobs stand for orders and mails");
    await go(page, `/q/${OURS}/jobs/create-order-${order.id}-1`);
    await settled(page);
    await page.locator(".not-now p", { hasText: "what is sent is the order's, which is amended" })
      .waitFor({ state: "attached" });
    assert.equal(await button("Edit data…").count(), 0);
    await go(page, `/q/${OURS}?state=completed`);
    await button("Clean…").click();
    const box = dialog(page);
    await box.locator(".effect", { hasText: "Orders and mails stay as they are." }).waitFor();
    await box.getByLabel("Finished").selectOption({ label: "at any time" });
    await box.getByRole("status").filter({ hasText: "1 job" }).waitFor();
    assert.equal(await box.getByLabel(/^Type/).count(), 0);
    await answer(page, "less to look at");
    await ended(1);
    await go(page, `/orders/${order.id}`);
    await page.locator(".page-head .badge", { hasText: "Booked" }).waitFor();
    assert.deepEqual(browser.complaints(), []);
  });

  test("who may not do it reads which right that takes", async () => {
    await add({ id: "job-2", data: CARRIED });
    const theirs = await openAs(await browser.context(), program.url, "viewer", `/q/${THEIRS}`);
    await saysWhy(theirs, button("Drain…", theirs), "needs the right operation.run");
    await go(theirs, `/q/${THEIRS}/jobs/job-2`);
    await saysWhy(theirs, button("Edit data…", theirs), "needs the right job.manage");
    await theirs.context().close();
    assert.deepEqual(browser.complaints(), []);
  });
});
