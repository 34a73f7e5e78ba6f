// A Redis server, the queue port as a program, and BullMQ in two versions beside it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import * as bullmq5 from "bullmq5";
import * as bullmq6 from "bullmq";
import { Redis } from "ioredis";

const PORT_PROGRAM = resolve(process.env.QUEUE_PORT ?? "target/debug/examples/queue-port");

/** Each version of BullMQ that queues are shared with. */
export const versions = { "BullMQ 5": bullmq5, "BullMQ 6": bullmq6 };

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A server of its own, which ends with `stop()`. */
export async function startRedis(...more) {
  const port = await freePort();
  const place = ["--bind", "127.0.0.1", "--port", `${port}`, "--dir", tmpdir()];
  const options = [...place, "--save", "", "--appendonly", "no", ...more];
  const child = spawn("redis-server", options, { stdio: "ignore" });
  const password = more[more.indexOf("--requirepass") + 1];
  const secret = more.includes("--requirepass") ? { password } : {};
  const patient = { retryStrategy: () => 50, maxRetriesPerRequest: null };
  const raw = new Redis({ port, host: "127.0.0.1", ...secret, ...patient });
  raw.on("error", () => {}); // until it listens
  await raw.ping();
  const stop = async () => {
    raw.disconnect();
    child.kill();
    await once(child, "exit");
  };
  return { port, raw, stop, connection: { host: "127.0.0.1", port, maxRetriesPerRequest: null } };
}

/** Our side: `port.add(queue, …)` and the like send an order and give its answer. */
export function startPort(redis, url = `redis://127.0.0.1:${redis.port}`, env = {}) {
  const stdio = ["pipe", "pipe", "inherit"];
  const child = spawn(PORT_PROGRAM, [url], { stdio, env: { ...process.env, ...env } });
  const waiting = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { done, failed } = waiting.shift();
    const { ok, error } = JSON.parse(line);
    if (error === undefined) done(ok);
    else failed(new Error(error));
  });
  const order = (what) =>
    new Promise((done, failed) => {
      waiting.push({ done, failed });
      child.stdin.write(`${JSON.stringify(what)}\n`);
    });
  const stop = async () => {
    child.stdin.end();
    child.kill();
    await once(child, "exit");
  };
  const port = {
    stop,
    /** Ends it as a crash would. */
    kill: () => child.kill("SIGKILL"),
    add: (queue, ...jobs) => order({ do: "add", queue, jobs }),
    claim: (queue, options = {}) => order({ do: "claim", queue, ...options }),
    end: (id, how, options = {}) => order({ do: "end", id, how, ...options }),
    of: (what, queue, id, options = {}) => order({ do: what, queue, id, ...options }),
  };
  return port;
}

/** Waits until `check` gives something true, and gives that. */
export async function eventually(check, what) {
  const patience = Date.now() + 20_000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > patience) throw new Error(`it never came: ${what ?? check}`);
    await sleep(10);
  }
}

/** The events of each job, in order, as `QueueEvents` tells them. */
export async function follow(bullmq, name, connection) {
  const events = new bullmq.QueueEvents(name, { connection, lastEventId: "0-0" });
  const told = {};
  const errors = [];
  for (const event of ["added", "waiting", "delayed", "active", "completed", "failed", "stalled"]) {
    events.on(event, ({ jobId }) => (told[jobId] ??= []).push(event));
  }
  events.on("error", (error) => errors.push(error));
  await events.waitUntilReady();
  return { events, told, errors };
}
