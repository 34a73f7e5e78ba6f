#!/usr/bin/env bash
# A 429 that says when to come back in the newest way, `RateLimit: "api";r=0;t=2`, to clients that retry.
#
# One would guess: clients that retry for a living read Retry-After, and some the RateLimit fields of the IETF
# draft, which rate limiters like express-rate-limit can send.
# What happens: of six clients none reads `RateLimit`: they are back after 0.0 to 1.1 s, into the next 429. ky
# alone reads `RateLimit-Reset` of the earlier drafts. Retry-After in seconds is heeded by all but one:
# aiohttp-retry never looks at any header and comes back after its own 0.2 s.
# Seen since: ky 1.14.3, got 14.6.6, axios-retry 4.5.0, undici 7.30.2 (npm), httpx-retries 0.6.0,
# aiohttp-retry 2.9.1 (PyPI), each with its default reading of headers and two tries.
# For us: Retry-After in whole seconds on every 429 and 503, whatever else is sent beside it. And a limit that
# a client breaks again at once must not become longer by that, since some clients cannot know better.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    httpx-retries==0.6.0 aiohttp-retry==2.9.1
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts \
    ky@1.14.3 got@14.6.6 axios@1.21.1 axios-retry@4.5.0 undici@7.30.2

cat >client.py <<'PY'
import asyncio
import sys
import httpx
from aiohttp_retry import ExponentialRetry, RetryClient
from httpx_retries import Retry, RetryTransport

async def by_aiohttp_retry(url):
    options = ExponentialRetry(attempts=2, statuses={429})
    async with RetryClient(retry_options=options) as client, client.get(url) as answer:
        await answer.text()

if sys.argv[1] == "aiohttp-retry":
    asyncio.run(by_aiohttp_retry(sys.argv[2]))
else:
    httpx.Client(transport=RetryTransport(retry=Retry(total=1))).get(sys.argv[2])
PY
cat >limit.mjs <<'JS'
import { spawn } from "node:child_process";
import http from "node:http";
import axios from "axios";
import axiosRetry from "axios-retry";
import got from "got";
import ky from "ky";
import { Agent, RetryAgent, request } from "undici";

const ways = {
  "Retry-After: 2": { "retry-after": "2" },
  "RateLimit-Reset: 2": { "ratelimit-limit": "5", "ratelimit-remaining": "0", "ratelimit-reset": "2" },
  'RateLimit: "api";r=0;t=2': { "ratelimit": '"api";r=0;t=2', "ratelimit-policy": '"api";q=5;w=60' },
};
axiosRetry(axios, { retries: 1, retryCondition: () => true });
const patient = new RetryAgent(new Agent(), { maxRetries: 1 });
const python = (name) => (url) => new Promise((done) => spawn("python3", ["client.py", name, url],
  { stdio: "inherit" }).on("exit", done));
const clients = {
  ky: (url) => ky(url, { retry: { limit: 1 } }).text(),
  got: (url) => got(url, { retry: { limit: 1 } }).text(),
  "axios-retry": (url) => axios.get(url),
  undici: async (url) => (await request(url, { dispatcher: patient })).body.text(),
  "httpx-retries": python("httpx-retries"),
  "aiohttp-retry": python("aiohttp-retry"),
};
const came = {};
const server = http.createServer((asked, answer) => {
  const times = (came[asked.url] ??= []);
  times.push(Date.now());
  answer.writeHead(times.length === 1 ? 429 : 200, Object.values(ways)[asked.url.split("/")[1]]).end("{}");
}).listen(0, "127.0.0.1", async () => {
  console.log("ky 1.14.3, got 14.6.6, axios-retry 4.5.0, undici 7.30.2 (npm)");
  console.log("httpx-retries 0.6.0, aiohttp-retry 2.9.1 (PyPI)");
  console.log("observed 2026-11-29; expected: back after 2 s");
  let still = true;
  for (const [at, way] of Object.keys(ways).entries()) {
    for (const [name, get] of Object.entries(clients)) {
      await get(`http://127.0.0.1:${server.address().port}/${at}/${name}`);
      const [first, second] = came[`/${at}/${name}`];
      const waited = (second - first) / 1000;
      console.log(`seen: ${way}: ${name} is back after ${waited.toFixed(1)} s`);
      const heeds = at === 0 ? name !== "aiohttp-retry" : at === 1 && name === "ky";
      if (waited >= 1.9 !== heeds) still = false;
    }
  }
  console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
  process.exit(still ? 0 : 1);
});
JS
PYTHONPATH=py timeout 120 node limit.mjs
