// The same history of operations through BullMQ and through us: what is in Redis then must be the same.
//
// Kept differences: our own fields (`x_…`) and keys (`x:…`); `marker`, which only wakes those that sleep and
// which we do not set when nothing waits; `metrics`, which BullMQ counts only if it is told to;
// `meta.version`; the entries of `stacktrace`, where BullMQ has stacks of Node and we have reasons; who
// processed a job; `opts.jobId` and `opts.delay`, which are fields of the job, too; a pause of what is paused
// and a resume of what is not, of which we say nothing.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startPort, startRedis, versions } from "./rig.mjs";

const STEPS = 200;
const HOUR = 3_600_000;
const { Queue, UnrecoverableError, Worker } = versions["BullMQ 6"];

let redis, port;
before(async () => {
  redis = await startRedis();
  port = startPort(redis);
});
after(async () => {
  await port.stop();
  await redis.stop();
});

/** Numbers that are the same for the same seed (mulberry32). */
function random(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** Each operation as BullMQ has it; `undefined` and errors are answers like any other. */
function throughBullmq(name) {
  const { connection } = redis;
  const queue = new Queue(name, { connection });
  const worker = new Worker(name, null, { connection, autorun: false, name: "of-the-history" });
  const held = new Map();
  const of = (id) => queue.getJob(id);
  const take = (id) => {
    const job = held.get(id);
    held.delete(id);
    return job;
  };
  const failure = (Kind, reason) => Object.assign(new Kind(reason), { stack: reason });
  return {
    close: async () => {
      await worker.close(true);
      await queue.close();
    },
    add: (id, delay) =>
      queue.add("create-order", { of: id }, {
        jobId: id,
        attempts: 3,
        backoff: { type: "fixed", delay: HOUR },
        ...(delay ? { delay } : {}),
      }),
    claim: async () => {
      const job = await worker.getNextJob("token", { block: false });
      if (job) held.set(job.id, job);
      return job?.id;
    },
    complete: (id) => take(id).moveToCompleted({ of: id }, "token", false),
    fail: (id) => take(id).moveToFailed(failure(UnrecoverableError, `no ${id}`), "token"),
    tryAgain: (id) => take(id).moveToFailed(failure(Error, `away ${id}`), "token"),
    putOff: (id) => take(id).moveToDelayed(Date.now() + HOUR, "token"),
    giveBack: (id) => take(id).moveToWait("token"),
    promote: async (id) => (await of(id)).promote(),
    retry: async (id) =>
      (await of(id)).retry("failed", { resetAttemptsMade: true, resetAttemptsStarted: true }),
    remove: async (id) => (await of(id)).remove(),
    log: async (id) => (await of(id)).log(`line of ${id}`),
    edit: async (id) => (await of(id)).updateData({ edited: id }),
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  };
}

function throughUs(name) {
  const made = new Map();
  return {
    close: async () => {},
    add: (id, delay) => port.add(name, { id, data: { of: id }, attempts: 3, backoff: HOUR, delay }),
    claim: async () => {
      const [job] = await port.claim(name);
      if (job) made.set(job.id, job.attemptsMade);
      return job?.id;
    },
    complete: (id) => port.end(id, "complete", { value: { of: id } }),
    fail: (id) => port.end(id, "fail", { reason: `no ${id}` }),
    // As the runner decides.
    tryAgain: (id) =>
      made.get(id) + 1 < 3
        ? port.end(id, "delay", { after: HOUR, counts: true, reason: `away ${id}` })
        : port.end(id, "fail", { reason: `away ${id}` }),
    putOff: (id) => port.end(id, "delay", { after: HOUR, reason: "later" }),
    giveBack: (id) => port.of("release", name, id),
    promote: (id) => port.of("promote", name, id),
    retry: (id) => port.of("retry", name, id),
    remove: (id) => port.of("remove", name, id),
    log: (id) => port.of("log", name, id, { line: `line of ${id}` }),
    edit: (id) => port.of("setData", name, id, { text: JSON.stringify({ edited: id }) }),
    pause: () => port.of("pause", name),
    resume: () => port.of("resume", name),
  };
}

const KINDS = ["add", "add", "claim", "claim", "claim", "complete", "fail", "tryAgain", "putOff", "giveBack"];
KINDS.push("promote", "retry", "remove", "log", "edit", "again", "pause", "resume", "resume");

/** A history that is possible: as a list of operations, made on the way with a small model of the queue. */
async function play(seed, side) {
  const next = random(seed);
  const states = new Map();
  const log = [];
  let ids = 0;
  const some = (state) => {
    const all = [...states].filter(([, of]) => of === state).map(([id]) => id);
    return all[next(Math.max(all.length, 1))];
  };
  const moves = {
    complete: ["active", "completed"],
    fail: ["active", "failed"],
    putOff: ["active", "delayed"],
    giveBack: ["active", "waiting"],
    promote: ["delayed", "waiting"],
    retry: ["failed", "waiting"],
  };
  const tries = new Map();
  for (let step = 0; step < STEPS; step++) {
    const what = KINDS[next(KINDS.length)];
    const waiting = [...states.values()].filter((state) => state === "waiting").length;
    if (what === "add" && waiting < 12) {
      const id = `job-${ids++}`;
      const delay = next(4) === 0 ? HOUR : 0;
      await side.add(id, delay);
      states.set(id, delay ? "delayed" : "waiting");
    } else if (what === "claim") {
      const id = await side.claim();
      log.push(`claimed ${id}`);
      if (id) states.set(id, "active");
    } else if (what === "tryAgain" && some("active")) {
      const id = some("active");
      await side.tryAgain(id);
      const made = (tries.get(id) ?? 0) + 1;
      tries.set(id, made);
      states.set(id, made < 3 ? "delayed" : "failed");
    } else if (what === "remove") {
      const id = some(["waiting", "delayed", "completed", "failed"][next(4)]);
      if (id) await side.remove(id);
      states.delete(id);
    } else if (what === "edit") {
      // Ours leaves those alone that run.
      const id = some(["waiting", "delayed", "completed", "failed"][next(4)]);
      if (id) await side.edit(id);
    } else if (what === "log" || what === "again") {
      const id = some(["waiting", "active", "delayed", "failed"][next(4)]);
      if (id) await (what === "log" ? side.log(id) : side.add(id, 0));
    } else if (what === "pause" || what === "resume") {
      await side[what]();
    } else if (moves[what]) {
      const [from, to] = moves[what];
      const id = some(from);
      if (!id) continue;
      await side[what](id);
      states.set(id, to);
      if (what === "retry") tries.delete(id);
    }
  }
  return log;
}

const OURS = /^x[_:]/;
const TIMES = ["timestamp", "processedOn", "finishedOn", "pb"];

function hash(fields) {
  const told = {};
  for (const [field, value] of Object.entries(fields)) {
    if (OURS.test(field) || field === "version") continue;
    if (TIMES.includes(field)) told[field] = value !== "";
    // BullMQ takes the time at which a delay ends, and asks the clock itself: milliseconds may be missing.
    else if (field === "delay") told[field] = `${Math.round(value / 60_000)} min`;
    else if (field === "stacktrace") told[field] = JSON.parse(value).length;
    else told[field] = ["data", "opts"].includes(field) ? JSON.parse(value) : value;
    if (field === "opts") {
      delete told.opts.jobId;
      delete told.opts.delay;
    }
  }
  return told;
}

/** What is in Redis, without times. */
async function dump(name) {
  const { raw } = redis;
  const start = `bull:${name}:`;
  const told = {};
  for (const key of (await raw.keys(`${start}*`)).sort()) {
    const short = key.slice(start.length);
    if (OURS.test(short) || short === "marker" || short.startsWith("metrics:")) continue;
    const type = await raw.type(key);
    if (short === "events") {
      const entries = await raw.xrange(key, "-", "+");
      told[short] = entries.map(([, fields]) => {
        const pairs = [];
        for (let i = 0; i < fields.length; i += 2) if (fields[i] !== "delay") pairs.push(fields[i + 1]);
        return pairs.join(" ");
      });
      let last = "resumed";
      told[short] = told[short].filter((event) => {
        if (event !== "paused" && event !== "resumed") return true;
        const changes = event !== last;
        last = event;
        return changes;
      });
    } else if (type === "hash") told[short] = hash(await raw.hgetall(key));
    else if (type === "list") told[short] = await raw.lrange(key, 0, -1);
    else if (type === "zset") {
      const members = await raw.zrange(key, 0, -1);
      // Those that finished in the same millisecond are in the order of their ids.
      told[short] = short === "delayed" ? members : members.sort();
    } else if (type === "string") told[short] = short.endsWith(":lock") ? "a token" : await raw.get(key);
    else told[short] = type;
  }
  return told;
}

describe("a history of operations", () => {
  // Those whose queue is not paused most of the time.
  for (const seed of [1, 3, 4, 5, 6, 8, 13, 34, 55]) {
    test(`leaves the same behind, whoever makes it (seed ${seed})`, async () => {
      const sides = { theirs: throughBullmq(`theirs-${seed}`), ours: throughUs(`ours-${seed}`) };
      const logs = {};
      for (const [which, side] of Object.entries(sides)) {
        logs[which] = await play(seed, side);
        await side.close();
      }
      assert.deepEqual(logs.ours, logs.theirs);
      assert.ok(logs.ours.filter((line) => line !== "claimed undefined").length > 10, "it did something");
      assert.deepEqual(await dump(`ours-${seed}`), await dump(`theirs-${seed}`));
    });
  }
});
