// BullMQ's side of `scripts/bench queue`: the same orders as bench.rs takes.
import { Queue, Worker } from "bullmq";
import { setTimeout as sleep } from "node:timers/promises";

const [, , port, what, first, second] = process.argv;
const connection = { host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null };
const data = { pad: "x".repeat(1000) };
const options = {
  connection,
  removeOnComplete: { count: 1000 },
  metrics: { maxDataPoints: 10080 },
  name: "bullmq-1",
};

if (what === "work") {
  new Worker("bench", async () => null, { ...options, concurrency: Number(first) });
} else if (what === "add") {
  const queue = new Queue("bench", { connection });
  await queue.waitUntilReady();
  let next = 0;
  const begun = process.hrtime.bigint();
  await Promise.all(Array.from({ length: Number(second) }, async () => {
    while (next < Number(first)) {
      const n = next++;
      await queue.add("no-op", data, { jobId: `bullmq-${n}`, attempts: 3 });
    }
  }));
  console.log(Number((process.hrtime.bigint() - begun) / 1000n));
  await queue.close();
} else {
  const queue = new Queue("bench", { connection });
  let started;
  const worker = new Worker("bench", async () => started(process.hrtime.bigint()), options);
  await worker.waitUntilReady();
  for (let n = 0; n < Number(first); n++) {
    await sleep(5);
    const start = new Promise((tell) => (started = tell));
    const begun = process.hrtime.bigint();
    await queue.add("no-op", data, { jobId: `bullmq-${n}`, attempts: 3 });
    console.log(Number(((await start) - begun) / 1000n));
  }
  await worker.close(true);
  await queue.close();
}
