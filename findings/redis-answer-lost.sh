#!/usr/bin/env bash
# The answer to one Redis command is lost, once: Redis did the work, then the connection broke.
#
# One would guess: the caller gets an error, since nobody can know whether an INCR took place. An order that
# was added to a queue without an id of its own is in it once, or the caller is told that it is not known.
# What happens: ioredis and redis-py send the command again by default and report success: one `incr` counts
# two. So BullMQ, which uses them, adds one order twice, with two ids, both in Node and in Python, and `add`
# returns as if nothing had been. Only node-redis reports an error and leaves the counter at 1.
# Seen since: ioredis 6.0.0, redis 6.3.1, bullmq 6.7.0 (npm), redis 8.1.0, bullmq 3.4.4 (PyPI).
# For us: a job that may not run twice needs an id that its producer chose (`jobId`), and a worker that asks
# its own records before it books. Neighbours who add jobs to the same queue have to know this, too.
set -euo pipefail
command -v redis-server >/dev/null || { echo "redis-server is missing" >&2 && exit 2; }
dir=$(mktemp -d)
trap '[ -z "${redis:-}" ] || kill "$redis"; rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    redis==8.1.0 bullmq==3.4.4
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts ioredis@6.0.0 redis@6.3.1 bullmq@6.7.0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$dir" >redis.log &
redis=$!

cat >client.py <<'PY'
import asyncio
import sys
import redis
from bullmq import Queue

async def add(port):
    queue = Queue("py", {"connection": {"host": "127.0.0.1", "port": port}})
    job = await queue.add("create-order", {"order": sys.argv[3]})
    await queue.close()
    return f"job {job.id}"

port = int(sys.argv[2])
try:
    incr = sys.argv[1] == "incr"
    print(redis.Redis(port=port).incr(sys.argv[3]) if incr else asyncio.run(add(port)))
except Exception as error:
    print("an error:", error)
PY
cat >lose.cjs <<'JS'
const net = require("net");
const { execFile } = require("child_process");
const { Redis } = require("ioredis");
const { createClient } = require("redis");
const { Queue } = require("bullmq");
const server = Number(process.argv[2]);

// Passes everything on. The first answer to a request that holds the mark is thrown away with its connection.
const relay = (mark) => new Promise((done) => {
  let spent = false;
  const listener = net.createServer((client) => {
    const up = net.connect(server, "127.0.0.1");
    let lose = false;
    client.on("data", (bytes) => {
      if (!spent && bytes.includes(mark)) spent = lose = true;
      up.write(bytes);
    });
    up.on("data", (bytes) => (lose ? (client.destroy(), up.destroy()) : client.write(bytes)));
    for (const [one, other] of [[client, up], [up, client]]) {
      one.on("error", () => {}).on("close", () => other.destroy());
    }
  }).listen(0, "127.0.0.1", () => done(listener.address().port));
});
const python = (...args) => new Promise((done, failed) => execFile("python3", ["client.py", ...args],
  (error, out) => (error ? failed(error) : done(out.trim()))));
const add = (port, order) => {
  const queue = new Queue("node", { connection: { host: "127.0.0.1", port } });
  queue.on("error", () => {});
  return queue.add("create-order", { order }).then((job) => `job ${job.id}`);
};
const clients = {
  "ioredis incr": (port, mark) => new Redis(port).on("error", () => {}).incr(mark),
  "redis-py incr": (port, mark) => python("incr", port, mark),
  "node-redis incr": async (port, mark) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` }).on("error", () => {});
    return (await client.connect()).incr(mark);
  },
  "bullmq add, Node": add,
  "bullmq add, Python": (port, mark) => python("add", port, mark),
};
(async () => {
  const direct = new Redis(server);
  await add(server, "earlier"); // so that Redis knows the scripts already
  await python("add", server, "earlier");
  console.log("ioredis 6.0.0, redis 6.3.1, bullmq 6.7.0 (npm), redis 8.1.0, bullmq 3.4.4 (PyPI)");
  console.log("observed 2026-11-29; expected: an error, and the work was done once");
  let still = true;
  for (const [name, call] of Object.entries(clients)) {
    const mark = `MARK-${name}`;
    const answer = await call(await relay(mark), mark).catch((error) => `an error: ${error.message}`);
    const kept = name.includes("Node") ? "node" : "py";
    const times = name.endsWith("incr") ? Number(await direct.get(mark))
      : (await direct.llen(`bull:${kept}:wait`)) - 1;
    console.log(`seen: ${name}: answered ${answer}, done ${times} times`);
    if (times !== (name === "node-redis incr" ? 1 : 2)) still = false;
  }
  console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
  process.exit(still ? 0 : 1);
})();
JS
PYTHONPATH=py timeout 120 node lose.cjs "$port"
