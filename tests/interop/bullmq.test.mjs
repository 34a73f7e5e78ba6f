// Queues shared with BullMQ: each side does what the other one must understand.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, follow, startPort, startRedis, versions } from "./rig.mjs";

let redis, port;
before(async () => {
  redis = await startRedis();
  port = startPort(redis);
});
after(async () => {
  await port.stop();
  await redis.stop();
});

/** A queue of the test's own, and what is closed when it ends. */
let count = 0;
function stage(t, bullmq) {
  const name = `queue-${++count}`;
  const { connection } = redis;
  const queue = new bullmq.Queue(name, { connection });
  const closing = [queue];
  t.after(async () => {
    await port.of("rest", name).catch(() => {});
    await Promise.all(closing.map((one) => one.close(true)));
  });
  return {
    name,
    queue,
    worker: (run, options = {}) => {
      const worker = new bullmq.Worker(name, run, { connection, ...options });
      worker.on("error", () => {});
      closing.push(worker);
      return worker;
    },
    follow: async () => {
      const followed = await follow(bullmq, name, connection);
      closing.push(followed.events);
      return followed;
    },
  };
}

const DATA = {
  unicode: "नमस्ते 🚚",
  nested: { empty: [], deep: [1, { a: null }] },
  big: 9007199254740991,
  "a/b": "/",
};

for (const [version, bullmq] of Object.entries(versions)) {
  describe(version, () => {
    test("its jobs are worked by us, and its events tell of it", async (t) => {
      const { name, queue, follow } = stage(t, bullmq);
      const { events, told, errors } = await follow();
      const jobs = await queue.addBulk([
        { name: "create-order", data: DATA },
        { name: "create-order", data: { n: 2 }, opts: { jobId: "own-id", attempts: 3 } },
        { name: "create-order", data: { n: 3 }, opts: { priority: 5 } },
        { name: "create-order", data: { n: 4 }, opts: { delay: 300 } },
        { name: "create-order", data: { n: 5 }, opts: { lifo: true } },
      ]);
      await port.of("work", name);
      const values = await Promise.all(jobs.map((job) => job.waitUntilFinished(events, 15_000)));
      assert.deepEqual(values[0], { by: "waybill", data: DATA });
      assert.deepEqual(values.slice(1).map(({ data }) => data.n), [2, 3, 4, 5]);
      const counts = await queue.getJobCounts();
      assert.equal(counts.completed, 5);
      assert.equal(counts.waiting + counts.active + counts.delayed + counts.prioritized, 0);
      const usual = ["added", "waiting", "active", "completed"];
      for (const job of jobs) {
        const later = job.opts.delay ? ["added", "delayed", ...usual.slice(1)] : usual;
        await eventually(() => told[job.id]?.includes("completed"));
        assert.deepEqual(told[job.id], later);
        assert.equal(await job.getState(), "completed");
      }
      assert.deepEqual(errors, []);
      const done = await queue.getJob("own-id");
      assert.deepEqual([done.attemptsMade, done.attemptsStarted, done.processedBy], [1, 1, "waybill-1"]);
      assert.ok(done.finishedOn >= done.processedOn && done.processedOn >= done.timestamp);
    });

    test("our jobs are read and worked by it", async (t) => {
      const { name, queue, worker, follow } = stage(t, bullmq);
      const { told, errors } = await follow();
      await port.add(name, { id: "a", data: DATA, attempts: 4, backoff: 250 }, { id: "later", delay: 400 });
      const read = await queue.getJob("a");
      assert.deepEqual(read.data, DATA);
      assert.deepEqual([read.opts.attempts, read.opts.backoff], [4, { type: "fixed", delay: 250 }]);
      assert.deepEqual([await read.getState(), (await queue.getDelayed())[0].id], ["waiting", "later"]);
      // More than wait in the list: those behind have a turn.
      const many = Array.from({ length: 40 }, (_, n) => ({ id: `job-${n}`, share: n % 2 ? "odd" : "even" }));
      await port.add(name, ...many);
      const { waiting, prioritized, delayed } = await queue.getJobCounts();
      assert.deepEqual({ waiting, prioritized, delayed }, { waiting: 16, prioritized: 25, delayed: 1 });
      const ran = [];
      worker(async (job) => {
        ran.push(job.id);
        return { of: job.id, text: "\"quoted\"\n" };
      });
      await eventually(async () => (await port.of("counts", name)).completed === 42);
      assert.deepEqual([...ran].sort(), ["a", "later", ...many.map(({ id }) => id)].sort());
      const seen = await port.of("get", name, "a");
      assert.deepEqual([seen.state, seen.attemptsMade], ["completed", 1]);
      assert.deepEqual(JSON.parse(seen.returnValue), { of: "a", text: "\"quoted\"\n" });
      assert.deepEqual(JSON.parse(seen.data), DATA);
      await eventually(() => told.later?.includes("completed"));
      assert.deepEqual(told.later, ["added", "delayed", "waiting", "active", "completed"]);
      assert.deepEqual(errors, []);
    });

    test("tries that fail here are seen and repeated there", async (t) => {
      const { name, queue, follow } = stage(t, bullmq);
      const { events } = await follow();
      const job = await queue.add("create-order", { fail: "no \"pin\"\ncode" }, {
        attempts: 3,
        backoff: { type: "exponential", delay: 50 },
      });
      await port.of("work", name);
      await assert.rejects(job.waitUntilFinished(events, 15_000), /no "pin"/);
      const failed = await queue.getJob(job.id);
      assert.deepEqual([failed.attemptsMade, failed.attemptsStarted], [3, 3]);
      assert.deepEqual(failed.stacktrace, Array(3).fill("no \"pin\"\ncode"));
      assert.equal(failed.failedReason, "no \"pin\"\ncode");
      assert.equal((await queue.getFailed()).length, 1);
      // By hand from there: changed, and retried.
      await failed.updateData({ mended: true });
      await failed.retry();
      await eventually(async () => (await failed.getState()) === "completed");
      assert.deepEqual((await queue.getJob(job.id)).returnvalue, { by: "waybill", data: { mended: true } });
    });

    test("tries that fail there are seen and repeated here", async (t) => {
      const { name, queue, worker } = stage(t, bullmq);
      await port.add(name, { id: "a", attempts: 2, backoff: 50 });
      let broken = true;
      worker(async () => {
        if (broken) throw new Error("provider away");
        return 1;
      });
      const seen = await eventually(async () => {
        const seen = await port.of("get", name, "a");
        return seen.state === "failed" && seen;
      });
      assert.deepEqual([seen.attemptsMade, seen.reason], [2, "provider away"]);
      broken = false;
      assert.equal(await port.of("retry", name, "a"), "done");
      await eventually(async () => (await port.of("get", name, "a")).state === "completed");
      assert.equal((await queue.getJob("a")).failedReason ?? null, null);
    });

    test("delayed jobs are promoted, changed and removed from either side", async (t) => {
      const { name, queue } = stage(t, bullmq);
      await port.add(name, { id: "ours", delay: 3_600_000 }, { id: "gone", delay: 3_600_000 });
      const theirs = await queue.add("create-order", {}, { delay: 3_600_000 });
      await (await queue.getJob("ours")).promote();
      assert.equal(await port.of("promote", name, theirs.id), "done");
      await (await queue.getJob("gone")).remove();
      assert.equal(await port.of("get", name, "gone"), null);
      assert.deepEqual((await port.claim(name, { max: 5 })).map(({ id }) => id), ["ours", theirs.id]);
      assert.equal(await (await queue.getJob("ours")).getState(), "active");
      assert.equal(await port.end("ours", "delay", { after: 3_600_000, reason: "held" }), true);
      const held = await queue.getJob("ours");
      const state = await held.getState();
      assert.deepEqual([state, held.attemptsMade, held.failedReason ?? null], ["delayed", 0, null]);
      await held.changeDelay(1);
      await eventually(async () => (await port.claim(name)).length === 1);
      assert.equal(await port.end("ours", "complete", { value: { ok: true } }), true);
      assert.equal(await port.of("remove", name, "ours"), "done");
      assert.equal((await queue.getJob("ours")) ?? null, null);
    });

    test("data that is changed here is what is read and run there", async (t) => {
      const { name, queue, worker } = stage(t, bullmq);
      const job = await queue.add("create-order", { old: true }, { delay: 3_600_000, priority: 3 });
      const text = JSON.stringify(DATA, null, 2);
      assert.equal(await port.of("setData", name, job.id, { text }), "done");
      assert.equal(await redis.raw.hget(`bull:${name}:${job.id}`, "data"), text);
      const read = await queue.getJob(job.id);
      assert.deepEqual([read.data, read.opts.priority, await read.getState()], [DATA, 3, "delayed"]);
      const ran = new Promise((resolve) => worker(async ({ data }) => resolve(data)));
      await read.promote();
      assert.deepEqual(await ran, DATA);
      await eventually(async () => (await read.getState()) === "completed");
      assert.equal(await port.of("setData", name, "nobody", { text }), "missing");
    });

    test("what a scheduler or a flow stands on stays, whoever asks for it to go", async (t) => {
      const { name, queue } = stage(t, bullmq);
      const next = await queue.upsertJobScheduler("nightly", { every: 3_600_000 });
      assert.match(await port.of("remove", name, next.id), /scheduler/);
      await queue.removeJobScheduler("nightly");
      const flow = new bullmq.FlowProducer({ connection: redis.connection });
      t.after(() => flow.close());
      const children = [{ name: "child", queueName: name, data: {} }];
      const tree = await flow.add({ name: "parent", queueName: `${name}-parents`, data: {}, children });
      const [{ job: child }] = tree.children;
      assert.match(await port.of("remove", name, child.id), /waits for this one/);
      assert.equal(await child.getState(), "waiting");
      assert.equal(await tree.job.getState(), "waiting-children");
      assert.equal(await port.of("remove", name, tree.job.id), "missing", "it is in another queue");
    });

    test("workers of both sides share a queue, and each job runs once", async (t) => {
      const { name, queue, worker } = stage(t, bullmq);
      const ran = [];
      worker(async (job) => {
        ran.push(job.id);
        await sleep(1);
        return { by: "bullmq" };
      }, { concurrency: 5 });
      await port.of("work", name);
      const ours = Array.from({ length: 300 }, (_, n) => ({ id: `ours-${n}` }));
      const theirs = Array.from({ length: 300 }, () => ({ name: "create-order", data: {} }));
      await Promise.all([port.add(name, ...ours), queue.addBulk(theirs)]);
      await eventually(async () => (await queue.getJobCounts()).completed === 600);
      const by = (await queue.getCompleted(0, 600)).map((job) => job.returnvalue.by);
      assert.equal(new Set(ran).size, ran.length, "none twice there");
      assert.equal(by.filter((who) => who === "bullmq").length, ran.length, "none there and here");
      assert.ok(ran.length > 0 && ran.length < 600, `${ran.length} ran there`);
      assert.equal(await redis.raw.llen(`bull:${name}:active`), 0);
      // Both are seen from either side.
      const workers = await queue.getWorkers();
      assert.equal(workers.filter(({ rawname }) => rawname?.endsWith(":w:waybill-1")).length, 1);
      assert.equal((await port.of("workers", name)).length, 2);
    });

    test("a pause of either side holds for both, and loses nothing", async (t) => {
      const { name, queue, worker } = stage(t, bullmq);
      const ran = [];
      worker(async (job) => void ran.push(job.id));
      await port.of("pause", name);
      assert.equal(await queue.isPaused(), true);
      await queue.add("create-order", {}, { jobId: "theirs-1" });
      await port.add(name, { id: "ours-1" });
      await sleep(300);
      assert.deepEqual(ran, []);
      assert.equal((await port.of("counts", name)).waiting, 2);
      await port.of("resume", name);
      await eventually(() => ran.length === 2);
      assert.deepEqual([...ran].sort(), ["ours-1", "theirs-1"]);

      await queue.pause();
      assert.equal((await port.of("counts", name)).paused, true);
      await queue.add("create-order", {}, { jobId: "theirs-2" });
      await port.add(name, { id: "ours-2" });
      assert.deepEqual(await port.claim(name), []);
      assert.equal((await port.of("counts", name)).waiting, 2, "also what BullMQ 5 puts aside");
      assert.equal((await port.of("list", name, "", { state: "waiting" })).length, 2);
      await port.of("resume", name);
      await eventually(() => ran.length === 4);
      assert.equal(await redis.raw.exists(`bull:${name}:paused`), 0);
    });

    test("a job whose worker vanished here is recovered there", async (t) => {
      const { name, queue, worker, follow } = stage(t, bullmq);
      const { told } = await follow();
      await port.add(name, { id: "a" });
      assert.equal((await port.claim(name, { lease: 300 })).length, 1);
      worker(async () => "recovered", { stalledInterval: 200 });
      await eventually(async () => (await queue.getJob("a")).returnvalue === "recovered");
      assert.equal(await port.end("a", "complete"), false, "it was taken away");
      const seen = await port.of("get", name, "a");
      assert.deepEqual([seen.stalled, seen.attemptsMade, seen.returnValue], [1, 1, '"recovered"']);
      await eventually(() => told.a?.includes("completed"));
      const order = ["added", "waiting", "active", "waiting", "stalled", "active", "completed"];
      assert.deepEqual(told.a, order);
    });

    test("a job whose worker vanished there is recovered here", async (t) => {
      const { name, queue, worker } = stage(t, bullmq);
      await queue.add("create-order", {}, { jobId: "a", attempts: 3 });
      const crashed = worker(null, { lockDuration: 300, autorun: false });
      for (const stalled of [1, 2]) {
        assert.equal((await crashed.getNextJob("token-of-theirs")).id, "a");
        assert.deepEqual(await port.of("sweep", name, "", { most: 1 }), [], "it has its lock");
        await sleep(400);
        await eventually(async () => (await port.of("sweep", name, "", { most: 1 })).includes("a"));
        assert.equal((await port.of("get", name, "a")).stalled, stalled);
      }
      const [doomed] = await port.claim(name);
      assert.match(doomed.doomed, /too often/);
      assert.equal(await port.end("a", "fail", { reason: doomed.doomed }), true);
      assert.equal(await (await queue.getJob("a")).getState(), "failed");
    });

    test("a job that stalled too often here is failed there", async (t) => {
      const { name, queue, worker } = stage(t, bullmq);
      await port.add(name, { id: "a" });
      assert.equal((await port.claim(name, { lease: 100 })).length, 1);
      await eventually(async () => (await port.of("sweep", name, "", { most: 0 })).includes("a"));
      worker(async () => assert.fail("it must not run"));
      const failed = await eventually(async () => {
        const job = await queue.getJob("a");
        return (await job.getState()) === "failed" && queue.getJob("a");
      });
      assert.match(failed.failedReason, /stalled more than allowable limit/);
    });

    test("an id is known to both, whoever added it", async (t) => {
      const { name, queue } = stage(t, bullmq);
      assert.deepEqual(await port.add(name, { id: "a", data: { first: true } }), ["New"]);
      await queue.add("create-order", { second: true }, { jobId: "a" });
      await queue.add("create-order", { first: true }, { jobId: "b" });
      assert.deepEqual(await port.add(name, { id: "b", data: { second: true } }), ["Known"]);
      const claimed = await port.claim(name, { max: 9 });
      assert.deepEqual(claimed.map(({ data }) => data), ['{"first":true}', '{"first":true}']);
      await Promise.all(Array.from({ length: 25 }, (_, n) => [
        port.add(name, { id: "c", data: { n } }),
        queue.add("create-order", { n }, { jobId: "c" }),
      ]).flat());
      assert.equal((await port.of("counts", name)).waiting, 1);
    });

    test("what is kept, is kept as its options say, and its logs and counts are the same", async (t) => {
      const { name, queue } = stage(t, bullmq);
      const [first, last] = await queue.addBulk([
        { name: "create-order", data: {}, opts: { removeOnComplete: true } },
        { name: "create-order", data: {}, opts: { removeOnFail: true } },
        { name: "create-order", data: {} },
      ]);
      for (const { id } of await port.claim(name, { max: 2 })) {
        await port.end(id, id === first.id ? "complete" : "fail", { reason: "no" });
        assert.equal((await queue.getJob(id)) ?? null, null);
      }
      assert.notEqual(first.id, last.id);
      const [{ id }] = await port.claim(name);
      const job = await queue.getJob(id);
      await job.log("from there");
      assert.equal(await port.of("log", name, id, { line: "from here" }), "done");
      assert.deepEqual((await queue.getJobLogs(id)).logs, ["from there", "from here"]);
      await port.end(id, "complete", { value: null });
      assert.equal((await queue.getJob(id)).returnvalue, null);
      const { meta } = await queue.getMetrics("completed");
      assert.equal(Number(meta.count), 2);
      await port.add(name, { id: "own" });
      assert.ok((await port.of("queues")).includes(name));
    });

    test("a sleeping worker of either side wakes at once", async (t) => {
      const { name, queue, worker } = stage(t, bullmq);
      await port.of("work", name);
      await sleep(100);
      for (let n = 0; n < 5; n++) {
        const begun = performance.now();
        const { id } = await queue.add("create-order", {});
        await eventually(async () => (await port.of("get", name, id)).state === "completed");
        assert.ok(performance.now() - begun < 1000, `${performance.now() - begun} ms`);
      }
      await port.of("rest", name);
      await sleep(5_500); // the block that is under way ends
      const done = new Promise((resolve) => worker(async (job) => resolve(job.id)));
      await sleep(200);
      const begun = performance.now();
      await port.add(name, { id: "woken" });
      assert.equal(await done, "woken");
      assert.ok(performance.now() - begun < 1000, `${performance.now() - begun} ms`);
    });

    test("jobs that could not be read harm nobody", async (t) => {
      const { name, queue } = stage(t, bullmq);
      const { raw } = redis;
      await raw.hset(`bull:${name}:bad`, "name", "create-order", "data", "{not json", "timestamp", "1");
      await raw.lpush(`bull:${name}:wait`, "bad", "ghost", "0:123");
      await queue.add("create-order", { n: 1 }, { jobId: "good" });
      const claimed = await port.claim(name, { max: 9 });
      const read = claimed.map(({ id, data }) => [id, data]);
      assert.deepEqual(read, [["bad", "{not json"], ["good", '{"n":1}']]);
      assert.equal(await port.end("bad", "fail", { reason: "its data does not read" }), true);
      assert.equal(await raw.exists(`bull:${name}:ghost`), 0);
      assert.equal((await port.of("counts", name)).active, 1);
    });
  });
}

test("what a resume of BullMQ 5 loses is found", async (t) => {
  const { "BullMQ 5": five, "BullMQ 6": six } = versions;
  const { name, queue } = stage(t, five);
  const other = new six.Queue(name, { connection: redis.connection });
  t.after(() => other.close());
  await queue.pause();
  await queue.add("create-order", {}, { jobId: "aside" });
  await other.add("create-order", {}, { jobId: "lost" });
  await queue.resume();
  assert.equal(await port.of("presence", name, "lost"), "[Adrift]");
  assert.equal(await port.of("presence", name, "aside"), "[Open]");

  // The same after a pause and an add of ours.
  await port.of("pause", name);
  await port.add(name, { id: "lost-of-ours" });
  await queue.add("create-order", {}, { jobId: "aside-again" });
  await queue.resume();
  assert.equal(await port.of("presence", name, "lost-of-ours"), "[Adrift]");

  // Resumed by us, nothing is lost, whoever paused and added.
  await queue.pause();
  await queue.add("create-order", {}, { jobId: "kept-5" });
  await other.add("create-order", {}, { jobId: "kept-6" });
  await port.add(name, { id: "kept" });
  await port.of("resume", name);
  for (const id of ["kept-5", "kept-6", "kept"]) {
    assert.equal(await port.of("presence", name, id), "[Open]");
  }
  const claimed = (await port.claim(name, { max: 9 })).map(({ id }) => id);
  for (const id of ["kept-5", "kept-6", "kept"]) assert.ok(claimed.includes(id), `${id}: ${claimed}`);
});
