#!/usr/bin/env bash
# `isFailed`, which Bull Board's API gives for each job, and the retry of a job that failed for good.
#
# One would guess: `isFailed` is false for a completed job. And "retry" is a new start: a job with `attempts:
# 3` gets three tries, with its backoff between them.
# What happens: BullMQ leaves failedReason and stacktrace of an earlier try on a job that then succeeded, and
# the board computes `isFailed` from these two, so each order that went through at the second try is in the
# list of the completed ones as failed, with the old error. And the board's retry does not reset the tries
# made: the job has exactly one more, and the first hiccup makes it final again (attempts made: 4 of 3).
# Seen since: @bull-board/api 9.10.2 with bullmq 6.7.0 and ioredis 6.0.0 (npm).
# For us: a list tells the state, and shows earlier errors as history. Our own retry says how many tries it
# gives. Who reads the board's API must go by the state that was asked for, not by `isFailed`.
set -euo pipefail
command -v redis-server >/dev/null || { echo "redis-server is missing" >&2 && exit 2; }
dir=$(mktemp -d)
trap '[ -z "${redis:-}" ] || kill "$redis"; rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts @bull-board/api@9.10.2 bullmq@6.7.0 ioredis@6.0.0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$dir" >redis.log &
redis=$!

cat >board.cjs <<'JS'
const { Queue, Worker, QueueEvents } = require("bullmq");
const { createBullBoard } = require("@bull-board/api");
const { BullMQAdapter } = require("@bull-board/api/bullMQAdapter");
const connection = { host: "127.0.0.1", port: Number(process.argv[2]) };

// The least of a server adapter: it keeps the routes, so that a handler can be called as a server would.
const server = new Proxy({}, {
  get: (kept, name) => (name in kept ? kept[name]
    : (value) => ((kept[String(name).slice(3)] = value), server)),
});
const call = (method, end, request) => server.ApiRoutes
  .find((route) => route.method === method && String(route.route).endsWith(end))
  .handler({ queues: server.Queues, params: {}, query: {}, body: {}, uiConfig: {}, ...request });

(async () => {
  const queue = new Queue("orders", { connection });
  createBullBoard({ queues: [new BullMQAdapter(queue)], serverAdapter: server });
  const events = new QueueEvents("orders", { connection });
  await events.waitUntilReady();
  let tries = 0;
  const worker = new Worker("orders", async (job) => {
    tries += job.name === "down";
    if (job.name === "down" || job.attemptsMade === 0) throw new Error("courier is busy");
    return "booked";
  }, { connection });
  worker.on("error", () => {});
  const ended = (job) => job.waitUntilFinished(events).catch(() => {});
  const later = await queue.add("second-try", {}, { attempts: 3 });
  const down = await queue.add("down", {}, { attempts: 3 });
  await Promise.all([ended(later), ended(down)]);

  const query = { activeQueue: "orders", status: "completed", page: "1", jobsPerPage: "10" };
  const { body } = await call("get", "/api/queues", { query });
  const [shown] = body.queues[0].jobs;
  const before = tries;
  const params = { queueName: "orders", jobId: down.id, queueStatus: "failed" };
  await call("put", "/:jobId/retry", { params });
  while ((await queue.getFailedCount()) === 0) await new Promise((done) => setTimeout(done, 50));
  const made = (await queue.getJob(down.id)).attemptsMade;

  console.log("@bull-board/api 9.10.2, bullmq 6.7.0, ioredis 6.0.0; observed 2026-11-29");
  console.log("expected: completed job isFailed false; 3 more tries after the retry");
  const { isFailed, failedReason, returnValue } = shown;
  console.log("seen: completed job", JSON.stringify({ isFailed, failedReason, returnValue }));
  console.log(`seen: ${tries - before} more tries after the retry; attempts made ${made} of 3`);
  const still = isFailed && returnValue === "booked" && before === 3 && tries === 4 && made === 4;
  console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
  process.exit(still ? 0 : 1);
})();
JS
timeout 60 node board.cjs "$port"
