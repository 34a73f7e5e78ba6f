// Queues shared with BullMQ for Python.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventually, startPort, startRedis } from "./rig.mjs";

const PYTHON = process.env.INTEROP_PYTHON ?? "python3";
const PEER = fileURLToPath(new URL("peer.py", import.meta.url));
const run = promisify(execFile);

let redis, port;
before(async () => {
  redis = await startRedis();
  port = startPort(redis);
});
after(async () => {
  await port.stop();
  await redis.stop();
});

const peer = async (...order) => (await run(PYTHON, [PEER, `${redis.port}`, ...order])).stdout;

test("jobs from Python are worked by us, and their data is kept as it is written", async () => {
  await peer("add", "from-python", "a", "b");
  const [claimed] = await port.claim("from-python");
  assert.equal(claimed.attempts, 3);
  // Numbers that JavaScript and Lua would round, and 1.0 that they would write as 1.
  assert.match(claimed.data, /"float": ?1\.0.*9007199254740993/);
  await port.end("a", "delay", { counts: true, after: 1, reason: "again" });
  await port.of("work", "from-python");
  await eventually(async () => (await port.of("counts", "from-python")).completed === 2);
  const told = JSON.parse(await peer("get", "from-python", "a"));
  assert.deepEqual([told.state, told.value.by, told.made], ["completed", "waybill", 2]);
  assert.equal(told.value.data.text, "नमस्ते");
});

test("our jobs are worked by Python", async (t) => {
  const jobs = Array.from({ length: 30 }, (_, n) => ({ id: `job-${n}`, data: { n } }));
  await port.add("to-python", ...jobs, { id: "later", delay: 200, data: { later: true } });
  const order = [PEER, `${redis.port}`, "work", "to-python"];
  const worker = spawn(PYTHON, order, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(async () => {
    worker.kill();
    await once(worker, "exit");
  });
  await eventually(async () => (await port.of("counts", "to-python")).completed === 31);
  const seen = await port.of("get", "to-python", "later");
  assert.deepEqual(JSON.parse(seen.returnValue), { by: "python", data: { later: true } });
});
