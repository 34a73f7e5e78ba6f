#!/usr/bin/env bash
# A server that says "I restart" when it closes a WebSocket.
#
# One would guess: a client hands out the code it was sent. 1012 (service restart), 1013 (try again later) and
# 1014 (bad gateway) have been registered for years, and a server in a deploy is what 1012 is for.
# What happens: faye-websocket knows the codes up to 1011 and those from 3000. It answers 1012 to 1014 with
# 1002, "protocol error", and tells its user 1002, too. Code that connects anew after 1001 and 1012, and gives
# up after a protocol error, stays away after each deploy.
# Seen since: faye-websocket 0.11.4 with websocket-driver 0.8.0 (npm). ws, undici, websocket (npm) and
# websockets, aiohttp, websocket-client, tornado, wsproto, autobahn (PyPI) hand out 1012 as it is.
# For us: a service that restarts does better to close its sockets with 1001, never with 1012 or 1013. What a
# client must act on belongs in a last message, or in a code from 4000, which all of them hand out.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
install() { "$@" >install.log 2>&1 || { cat install.log >&2 && exit 2; }; }
echo '{}' >package.json
install npm install --no-audit --no-fund --ignore-scripts \
    ws@8.23.0 faye-websocket@0.11.4 websocket-driver@0.8.0 websocket@1.0.35

cat >close.cjs <<'JS'
const { WebSocketServer, WebSocket } = require("ws");
const Faye = require("faye-websocket").Client;
const Plain = require("websocket").w3cwebsocket;
const clients = { ws: WebSocket, websocket: Plain, "faye-websocket": Faye };

const answered = {};
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" }, async () => {
  console.log("ws 8.23.0, websocket 1.0.35, faye-websocket 0.11.4; observed 2026-11-29");
  console.log("expected: the client's code is the server's code");
  let still = true;
  for (const code of [1001, 1012, 1013, 1014, 4001]) {
    for (const [name, Client] of Object.entries(clients)) {
      const path = `/${code}/${name}`;
      const told = await new Promise((done) => {
        const socket = new Client(`ws://127.0.0.1:${server.address().port}${path}`);
        socket.onclose = (event) => done(event.code);
        socket.onerror = () => {};
      });
      await new Promise((done) => setTimeout(done, 50));
      console.log(`seen: closed with ${code}: ${name} tells ${told}, and answered ${answered[path]}`);
      const restart = code > 1011 && code < 1015 && name === "faye-websocket";
      if (told !== (restart ? 1002 : code)) still = false;
    }
  }
  console.log(still ? "the behaviour is still there" : "the behaviour is no longer there");
  process.exit(still ? 0 : 1);
});
server.on("connection", (socket, request) => {
  socket.on("close", (code) => (answered[request.url] = code));
  setTimeout(() => socket.close(Number(request.url.split("/")[1]), "deploy"), 50);
});
JS
timeout 60 node close.cjs
