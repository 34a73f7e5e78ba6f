#!/usr/bin/env bash
# Plain server-sent events, read by the two Python clients that connect anew by themselves.
#
# One would guess: an event without a name has the type "message", and its data arrive as they were written,
# less one blank after the colon, as the standard says and browsers do.
# What happens: aiohttp-sse-client gives events without a name the type None. It and requests-sse take off all
# blanks at the front of a data line, so that indented text of several lines loses its shape, and drop an
# empty last data line. An empty `event:` is the type "" for requests-sse, though it means "message". npm
# eventsource and httpx-sse read all four right.
# Seen since: aiohttp-sse-client 0.2.1, requests-sse 0.5.3 (PyPI), beside httpx-sse 0.4.3 (PyPI) and
# eventsource 4.1.1 (npm).
# For us: each event has a name, and its data are one line of JSON, where blanks mean nothing.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
install python3 -m pip install --disable-pip-version-check --root-user-action=ignore --target py \
    aiohttp-sse-client==0.2.1 requests-sse==0.5.3 httpx-sse==0.4.3 httpx==0.28.1
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts eventsource@4.1.1

cat >client.py <<'PY'
import asyncio
import json
import sys
import httpx
import httpx_sse
import requests_sse
from aiohttp_sse_client.client import EventSource

async def aiohttp_sse_client(url):
    async with EventSource(url) as events:
        async for event in events:
            return event.type, event.data

def requests_sse_client(url):
    with requests_sse.EventSource(url, timeout=5) as events:
        for event in events:
            return event.type, event.data

def httpx_sse_client(url):
    with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", url) as events:
        for event in events.iter_sse():
            return event.event, event.data

url = sys.argv[1]
print(json.dumps({
    "aiohttp-sse-client": asyncio.run(aiohttp_sse_client(url)),
    "requests-sse": requests_sse_client(url),
    "httpx-sse": httpx_sse_client(url),
}))
PY
cat >events.mjs <<'JS'
import { execFile } from "node:child_process";
import http from "node:http";
import { promisify } from "node:util";
import { EventSource } from "eventsource";

const streams = [ // what is sent, what the standard makes of it, what is seen instead
  ["data: booked\n\n", ["message", "booked"], { "aiohttp-sse-client": [null, "booked"] }],
  ["data: lane 4\ndata:   gate 2\n\n", ["message", "lane 4\n  gate 2"],
    { "aiohttp-sse-client": [null, "lane 4\ngate 2"], "requests-sse": ["message", "lane 4\ngate 2"] }],
  ["data: booked\ndata\n\n", ["message", "booked\n"],
    { "aiohttp-sse-client": [null, "booked"], "requests-sse": ["message", "booked"] }],
  ["event:\ndata: booked\n\n", ["message", "booked"],
    { "aiohttp-sse-client": [null, "booked"], "requests-sse": ["", "booked"] }],
];
const server = http.createServer((asked, answer) => {
  answer.writeHead(200, { "content-type": "text/event-stream" });
  answer.write(streams[asked.url.slice(1)][0]);
}).listen(0, "127.0.0.1", async () => {
  console.log("aiohttp-sse-client 0.2.1, requests-sse 0.5.3, httpx-sse 0.4.3, eventsource 4.1.1");
  console.log("observed 2026-11-29");
  let still = true;
  for (const [at, [sent, standard, other]] of streams.entries()) {
    const url = `http://127.0.0.1:${server.address().port}/${at}`;
    const { stdout } = await promisify(execFile)("python3", ["client.py", url]);
    const got = JSON.parse(stdout);
    got.eventsource = await new Promise((done) => {
      const source = new EventSource(url);
      source.onmessage = (event) => (source.close(), done([event.type, event.data]));
    });
    console.log(`sent ${JSON.stringify(sent)}; expected: ${JSON.stringify(standard)}`);
    for (const [name, event] of Object.entries(got)) {
      console.log(`seen: ${name}: ${JSON.stringify(event)}`);
      if (JSON.stringify(event) !== JSON.stringify(other[name] ?? standard)) still = false;
    }
  }
  console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
  process.exit(still ? 0 : 1);
});
JS
PYTHONPATH=py timeout 60 node events.mjs
