// Measures our queue on Redis beside BullMQ 6, in turn, on one server: `scripts/bench queue`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "./rig.mjs";

const JOBS = Number(process.env.BENCH_JOBS ?? 20_000);
const RUNS = Number(process.env.BENCH_RUNS ?? 5);
const SLOTS = 50;
const CALLERS = 64;
const SINGLE = 200;

const redis = await startRedis();
const url = `redis://127.0.0.1:${redis.port}`;
const theirs = fileURLToPath(new URL("bullmq-bench.mjs", import.meta.url));
const sides = {
  waybill: (...order) => spawn(process.env.QUEUE_BENCH, [url, ...order]),
  "bullmq 6.7": (...order) => spawn(process.execPath, [theirs, `${redis.port}`, ...order]),
};

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const percentile = (values, p) => [...values].sort((a, b) => a - b)[Math.ceil((values.length * p) / 100) - 1];

/** Seconds of CPU that a process has used, and the most memory it had, in MB. */
function used(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\) /, "");
  const [user, system] = stat.split(" ").slice(11, 13);
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1];
  return { cpu: (Number(user) + Number(system)) / 100, memory: Number(peak) / 1024 };
}

async function redisUsed() {
  const info = await redis.raw.info();
  const field = (name) => Number(new RegExp(`^${name}:(.*)`, "m").exec(info)[1]);
  return { cpu: field("used_cpu_user") + field("used_cpu_sys"), commands: field("total_commands_processed") };
}

async function output(child) {
  let text = "";
  child.stdout.on("data", (chunk) => (text += chunk));
  child.stderr.pipe(process.stderr);
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`it ended with ${code}`);
  return text.trim().split("\n").map(Number);
}

/** Jobs by one producer, in wait's list or behind it, drained by one worker. */
async function drain(side, producer) {
  await redis.raw.flushall();
  await output(sides[producer]("add", `${JOBS}`, `${CALLERS}`));
  const before = await redisUsed();
  const begun = Date.now();
  const worker = sides[side]("work", `${SLOTS}`);
  worker.stderr.pipe(process.stderr);
  let first;
  for (;;) {
    const done = Number(await redis.raw.hget("bull:bench:metrics:completed", "count"));
    first ??= done > 0 ? { at: Date.now(), done } : undefined;
    if (done >= JOBS) {
      const seconds = (Date.now() - first.at) / 1000;
      const after = await redisUsed();
      const { cpu, memory } = used(worker.pid);
      worker.kill("SIGKILL");
      await once(worker, "exit");
      const scale = 10_000 / JOBS;
      return { rate: (JOBS - first.done) / seconds, cpu: cpu * scale, memory,
        redis: (after.cpu - before.cpu) * scale };
    }
    if (Date.now() - begun > 60_000) throw new Error(`${side} has done ${done} jobs`);
    await sleep(20);
  }
}

/** Seconds of Redis' CPU for what the sweeper asks of 10,000 overdue orders, 500 in a pass. */
async function looks() {
  const before = await redisUsed();
  const asked = await output(sides.waybill("look", "500", "20"));
  const { cpu } = await redisUsed();
  return { cpu: cpu - before.cpu, slowest: Math.max(...asked) / 1000 };
}

/** As many jobs wait: behind their turns as ours do, and in a list as those of BullMQ do. */
async function sweeping(waiting) {
  await redis.raw.flushall();
  await output(sides.waybill("fill", `${waiting}`));
  const told = { "in turns": await looks() };
  const asked = Array.from({ length: 10_000 }, (_, n) => `ours-${n}`);
  await redis.raw.del("bull:bench:wait");
  await redis.raw.zrem("bull:bench:prioritized", ...asked);
  await redis.raw.rpush("bull:bench:wait", ...asked);
  told["in a list of 10,000"] = await looks();
  const more = "for i = 1, ARGV[1] do redis.call('RPUSH', KEYS[1], 'theirs-' .. i) end";
  await redis.raw.eval(more, 1, "bull:bench:wait", waiting);
  told["in a list of all"] = await looks();
  console.log(`10,000 overdue orders are looked for while ${waiting} jobs wait: 500 in a pass, one a second`);
  console.log(" | Redis CPU s | of one core, % | slowest pass, ms");
  for (const [where, { cpu, slowest }] of Object.entries(told)) {
    console.log([where, cpu.toFixed(3), ((cpu / 20) * 100).toFixed(2), slowest.toFixed(1)].join(" | "));
  }
}

if (process.env.BENCH_WAITING) {
  await sweeping(Number(process.env.BENCH_WAITING));
  await redis.stop();
  process.exit(0);
}

const rows = {};
const note = (side, values) => (rows[side] ??= []).push(values);
for (let run = 0; run < RUNS; run++) {
  for (const side of Object.keys(sides)) {
    const drained = await drain(side, "bullmq 6.7");
    const own = await drain(side, side);
    await redis.raw.flushall();
    const [took] = await output(sides[side]("add", `${JOBS}`, `${CALLERS}`));
    await redis.raw.flushall();
    const starts = await output(sides[side]("latency", `${SINGLE}`));
    note(side, { ...drained, own: own.rate, add: JOBS / (took / 1e6), p50: percentile(starts, 50) / 1000,
      p99: percentile(starts, 99) / 1000 });
  }
}
await redis.stop();

console.log(`${JOBS} no-op jobs of 1 KB, ${SLOTS} at a time, ${CALLERS} callers; medians of ${RUNS}`);
console.log(" | drain/s | own jobs/s | worker CPU s/10k | Redis CPU s/10k | MB | add/s | p50 ms | p99 ms");
for (const [side, runs] of Object.entries(rows)) {
  const of = (name, digits) => median(runs.map((run) => run[name])).toFixed(digits);
  console.log([side, of("rate", 0), of("own", 0), of("cpu", 2), of("redis", 2), of("memory", 0), of("add", 0),
    of("p50", 2), of("p99", 2)].join(" | "));
}
