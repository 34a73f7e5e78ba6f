#!/usr/bin/env bash
# `backoff.jitter` of a job in a queue whose workers are written in Node and in Python.
#
# One would guess: the option travels with the job, so each worker spreads the tries that follow.
# What happens: Node workers draw each delay between (1 - jitter) and 1 times the delay. Python workers have
# no jitter at all and say nothing: each of them waits exactly the full delay. 200 orders that failed together
# at one outage come back together, if it was Python that took them.
# Seen since: bullmq 6.7.0 (npm, with ioredis 6.0.0), bullmq 3.4.4 (PyPI).
# For us: in a fleet of both kinds the producer cannot promise a spread. What protects the courier from a wave
# of retries must be a limit on the calls, which holds without any jitter.
set -euo pipefail
command -v redis-server >/dev/null || { echo "redis-server is missing" >&2 && exit 2; }
dir=$(mktemp -d)
trap '[ -z "${redis:-}" ] || kill "$redis"; rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py bullmq==3.4.4
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts bullmq@6.7.0 ioredis@6.0.0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$dir" >redis.log &
redis=$!

cat >worker.py <<'PY'
import asyncio
import sys
from bullmq import Worker

async def fail(job, token):
    raise ValueError("courier is away")

async def main():
    worker = Worker("python", fail, {"connection": {"host": "127.0.0.1", "port": int(sys.argv[1])}})
    await asyncio.to_thread(sys.stdin.read)
    await worker.close()

asyncio.run(main())
PY
cat >jitter.cjs <<'JS'
const { spawn } = require("child_process");
const { Queue, Worker } = require("bullmq");
const port = Number(process.argv[2]);
const connection = { host: "127.0.0.1", port };
const fail = async () => { throw new Error("courier is away"); };
(async () => {
  console.log("bullmq 6.7.0 (npm), bullmq 3.4.4 (PyPI); observed 2026-11-29");
  console.log("expected: 20 retries with delay 60000 and jitter 0.5 are spread over 30000 to 60000 ms");
  const distinct = {};
  for (const name of ["node", "python"]) {
    const queue = new Queue(name, { connection });
    const opts = { attempts: 2, backoff: { type: "fixed", delay: 60000, jitter: 0.5 } };
    await queue.addBulk(Array.from({ length: 20 }, () => ({ name: "create-order", data: {}, opts })));
    const worker = name === "node" ? new Worker(name, fail, { connection })
      : spawn("python3", ["worker.py", port], { stdio: ["pipe", "ignore", "inherit"] });
    while ((await queue.getDelayedCount()) < 20) await new Promise((done) => setTimeout(done, 100));
    const delays = (await queue.getDelayed()).map((job) => job.delay);
    if (name === "node") await worker.close();
    else await new Promise((done) => worker.on("exit", done).stdin.end());
    distinct[name] = new Set(delays).size;
    console.log(`seen: ${name}: ${Math.min(...delays)} to ${Math.max(...delays)} ms`);
  }
  const still = distinct.node > 1 && distinct.python === 1;
  console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
  process.exit(still ? 0 : 1);
})();
JS
PYTHONPATH=py timeout 120 node jitter.cjs "$port"
