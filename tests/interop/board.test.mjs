// Bull Board, as it is published, on our queues: what it shows of our jobs, and what its buttons do to them.
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startPort, startRedis, versions } from "./rig.mjs";

const NAME = "parcelx-orders-queue";
const { Queue } = versions["BullMQ 6"];
let redis, port, queue, board;

/** What a web framework would do: it looks the route up, and calls its handler. */
function serve(adapter) {
  const kept = {};
  const server = new Proxy({}, {
    get: (_, name) => (value) => {
      kept[name] = value;
      return server;
    },
  });
  createBullBoard({ queues: [adapter], serverAdapter: server, options: { uiBasePath: "/" } });
  const { setQueues: queues, setApiRoutes: routes } = kept;
  return async (method, path, params = {}, query = {}) => {
    const found = routes.find((one) => one.method === method && [one.route].flat().includes(path));
    assert.ok(found, `${method} ${path}`);
    const usual = { page: "1", jobsPerPage: "10" };
    const request = { queues, params, query: { ...usual, ...query }, body: {}, headers: {}, uiConfig: {} };
    const { status = 200, body } = await found.handler(request);
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  };
}

before(async () => {
  redis = await startRedis();
  port = startPort(redis);
  queue = new Queue(NAME, { connection: redis.connection });
  await queue.waitUntilReady();
  board = serve(new BullMQAdapter(queue));
});
after(async () => {
  await queue.close();
  await port.stop();
  await redis.stop();
});

/** Its page of one state. */
async function page(status) {
  const { queues } = await board("get", "/api/queues", {}, { activeQueue: NAME, status });
  return queues[0];
}

/** What it shows of one job. */
const shown = (jobId) => board("get", "/api/queues/:queueName/:jobId", { queueName: NAME, jobId });
const press = (path, params = {}) =>
  board("put", `/api/queues/:queueName/${path}`, { queueName: NAME, ...params });
const state = async (id) => (await port.of("get", NAME, id))?.state ?? null;

test("jobs of ours are shown as what they are", async () => {
  await port.add(NAME, { id: "done" }, { id: "refused" }, { id: "tried", attempts: 3 }, { id: "held" });
  await port.claim(NAME, { max: 4 });
  await port.end("done", "complete", { value: { awb: "AWB-1" } });
  await port.end("refused", "fail", { reason: "pincode not served" });
  await port.end("tried", "delay", { after: 3_600_000, counts: true, reason: "store away" });
  await port.end("held", "delay", { after: 3_600_000, reason: "the account is held" });
  await port.of("log", NAME, "done", { line: "booked" });
  const many = Array.from({ length: 20 }, (_, n) => ({ id: `job-${n}`, data: { n } }));
  await port.add(NAME, { id: "runs" }, ...many);
  await port.claim(NAME);

  const { counts, isPaused } = await page("latest");
  const { active, waiting, prioritized, delayed, completed, failed } = counts;
  const seen = { active, waiting, prioritized, delayed, completed, failed, isPaused };
  const expected = { active: 1, waiting: 15, prioritized: 5, delayed: 2, completed: 1, failed: 1 };
  assert.deepEqual(seen, { ...expected, isPaused: false });
  const ids = async (status) => (await page(status)).jobs.map(({ id }) => id).sort();
  assert.deepEqual(await ids("active"), ["runs"]);
  assert.deepEqual(await ids("delayed"), ["held", "tried"]);
  assert.equal((await ids("prioritized")).length, 5);

  const done = await shown("done");
  assert.equal(done.status, "completed");
  assert.deepEqual(done.job.returnValue, { awb: "AWB-1" });
  assert.ok(done.job.finishedOn >= done.job.processedOn && done.job.processedBy);
  const failure = await shown("refused");
  assert.deepEqual([failure.status, failure.job.failedReason], ["failed", "pincode not served"]);
  assert.deepEqual(failure.job.stacktrace, ["pincode not served"]);
  const tried = await shown("tried");
  assert.deepEqual([tried.job.attempts, tried.job.isFailed], [1, true]);
  const held = await shown("held");
  assert.deepEqual([held.job.attempts, held.job.isFailed], [0, false], "a job that waits did not fail");
  const logs = await board("get", "/api/queues/:queueName/:jobId/logs", { queueName: NAME, jobId: "done" });
  assert.deepEqual(logs, ["booked"]);
  const metrics = await board("get", "/api/queues/:queueName/metrics", { queueName: NAME });
  assert.equal(Number(metrics.completed?.meta?.count ?? metrics.metrics?.completed?.meta?.count), 1);
});

test("its buttons do to our jobs what they say", async () => {
  await press(":jobId/retry", { jobId: "refused" });
  assert.equal(await state("refused"), "waiting");
  await press(":jobId/promote", { jobId: "held" });
  assert.equal(await state("held"), "waiting");
  await press(":jobId/clean", { jobId: "job-3" });
  assert.equal(await state("job-3"), null);
  await press("promote");
  assert.equal(await state("tried"), "waiting");

  await press("pause");
  assert.equal((await port.of("counts", NAME)).paused, true);
  assert.deepEqual(await port.claim(NAME, { max: 99 }), []);
  assert.equal((await page("latest")).isPaused, true);
  await press("resume");
  const claimed = (await port.claim(NAME, { max: 99 })).map(({ id }) => id);
  assert.equal(claimed.length, 22);
  for (const id of ["refused", "held", "tried"]) assert.ok(claimed.includes(id), id);
  for (const id of claimed) await port.end(id, "fail", { reason: "no" });
  await press("retry/:queueStatus", { queueStatus: "failed" });
  assert.equal((await port.of("counts", NAME)).waiting, 22);

  // What is older than five seconds.
  const { raw } = redis;
  for (const { id } of await port.claim(NAME, { max: 22 })) await port.end(id, "complete");
  const old = await raw.zrange(`bull:${NAME}:completed`, 0, 9);
  await raw.zadd(`bull:${NAME}:completed`, ...old.flatMap((id) => [1, id]));
  await press("clean/:queueStatus", { queueStatus: "completed" });
  assert.equal((await port.of("counts", NAME)).completed, 13);
  assert.equal(await state(old[0]), null);
  assert.equal(await raw.exists(`bull:${NAME}:${old[0]}`), 0);
});
