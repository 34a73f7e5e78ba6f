// What the service tells, as real libraries read it: webhooks verified by those of Standard Webhooks and of
// Svix, streams by those that browsers and Python have. The receivers are those that docs/webhooks.md prints.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { EventSource } from "eventsource";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { WebSocket } from "ws";
import { eventually, freePort } from "./rig.mjs";

const WAYBILL = resolve(process.env.WAYBILL_BIN ?? "target/debug/waybill");
const PYTHON = process.env.INTEROP_PYTHON ?? "python3";
const HERE = fileURLToPath(new URL(".", import.meta.url));
const DOCS = new URL("../../docs/webhooks.md", import.meta.url);
const run = promisify(execFile);

let folder, url, program, headers;
const children = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-webhooks-"));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const env = { ...process.env, WAYBILL_HTTP__BIND: `127.0.0.1:${port}`, WAYBILL_LOG__LEVEL: "warn" };
  program = spawn(WAYBILL, [], { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] });
  await eventually(async () => (await fetch(`${url}/readyz`).catch(() => ({}))).ok, "the program");
  const { stdout } = await run(WAYBILL, ["token", "--user", "shop"], { cwd: folder, env });
  headers = { authorization: `Bearer ${stdout.trim()}`, "content-type": "application/json" };
});
after(async () => {
  children.forEach((child) => child.kill("SIGKILL"));
  program.kill("SIGINT");
  await once(program, "exit");
  await rm(folder, { recursive: true });
});

async function ask(method, path, body) {
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok || (await answer.text())}`);
  return (await answer.json()).data;
}

let number = 0;
async function createOrder() {
  number += 1;
  const consignee = { name: "Asha Example", mobile: "9000000001", pincode: "560001",
    address1: "12 Sample Street", city: "Bengaluru", state: "Karnataka" };
  const order = await ask("POST", "/orders/create", { clientOrderId: `I-${number}`, invoiceNumber: "INV-1",
    paymentMethod: "PREPAID", expressType: "surface", pickAddressId: "10001", consignee,
    items: [{ sku: "MUG-7", name: "Blue mug", quantity: 1, unitPrice: 99 }], charges: { orderAmount: 99 },
    shipment: { width: [10], height: [10], length: [15], weight: [0.5] } });
  return order.id;
}

/** A program, and the lines that it writes. */
function start(command, args, env = {}) {
  const stdio = ["ignore", "pipe", "inherit"];
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio });
  children.push(child);
  const lines = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  return lines;
}

/** One of the receivers that the documentation prints. */
async function documented(name) {
  const text = await readFile(DOCS, "utf8");
  const marked = text.slice(text.indexOf(`<!-- ${name}:`));
  const [, code] = marked.match(/-->\n```\w+\n(.*?)```/s);
  assert.ok(code.trim().split("\n").length <= 17, `${name} is short`);
  const file = join(HERE, `.documented-${name}`); // where its packages are found
  await writeFile(file, code);
  return file;
}

async function receives(command, name) {
  const file = await documented(name);
  const port = await freePort();
  const endpoint = await ask("POST", "/v1/webhook-endpoints", { url: `http://127.0.0.1:${port}/hooks` });
  const lines = start(command, [file], { WEBHOOK_SECRET: endpoint.secret, PORT: `${port}` });
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}`, { method: "POST", body: "{}" })
    .catch(() => ({}))).status === 400, "the receiver refuses what is not ours");
  const id = await createOrder();
  const booked = await eventually(() => lines.find((line) => line.includes(id) && line.includes('"booked"')
    && line.includes('"awb"')), `${name} is told`);
  assert.match(booked, /^evt_\d{16} order\.status_changed \{/);
  // Rotated: the receiver still has the first secret, and both sign.
  await ask("POST", `/v1/webhook-endpoints/${endpoint.id}/rotate-secret`);
  await ask("POST", `/v1/webhook-endpoints/${endpoint.id}/test`);
  await eventually(() => lines.some((line) => line.includes("webhook_endpoint.test")), "the test");
  const tried = await eventually(async () => {
    const all = await ask("GET", `/v1/webhook-endpoints/${endpoint.id}/deliveries`);
    return all.length >= 4 && all.every((one) => one.state === "delivered") && all;
  }, "all delivered");
  assert.deepEqual([...new Set(tried.map((one) => one.tries.at(-1).status))], [204]);
  await rm(file);
}

test("the documented receiver in Node verifies it", () => receives(process.execPath, "receiver.mjs"));
test("the documented receiver in Python verifies it", () => receives(PYTHON, "receiver.py"));

test("Svix's library and that of Standard Webhooks take the same message, and no other", async () => {
  const { createServer } = await import("node:http");
  const seen = [];
  const server = createServer(async (request, response) => {
    seen.push({ headers: request.headers, body: Buffer.concat(await request.toArray()).toString() });
    response.writeHead(200).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = await ask("POST", "/v1/webhook-endpoints",
    { url: `http://127.0.0.1:${server.address().port}/`, eventTypes: ["webhook_endpoint.disabled"] });
  await ask("POST", `/v1/webhook-endpoints/${endpoint.id}/test`);
  const [message] = await eventually(() => seen.length > 0 && seen);
  const { secret } = await ask("POST", `/v1/webhook-endpoints/${endpoint.id}/rotate-secret`);
  for (const Library of [Webhook, SvixWebhook]) {
    const verified = new Library(endpoint.secret).verify(message.body, message.headers);
    assert.equal(verified.type, "webhook_endpoint.test");
    for (const [key, headers, body] of [
      [secret, message.headers, message.body],
      [endpoint.secret, message.headers, message.body.replace("test", "tset")],
      [endpoint.secret, { ...message.headers, "webhook-id": "evt_other" }, message.body],
      [endpoint.secret, { ...message.headers, "webhook-timestamp": "1700000000" }, message.body],
    ]) {
      assert.throws(() => new Library(key).verify(body, headers));
    }
  }
  server.close();
});

const ticket = async () => (await ask("POST", "/v1/stream-tickets")).ticket;

test("an EventSource with a ticket sees each step, and goes on elsewhere with a cursor", async () => {
  const source = new EventSource(`${url}/v1/events/stream?ticket=${await ticket()}`);
  const seen = [];
  for (const type of ["order.created", "order.status_changed"]) {
    source.addEventListener(type, (event) => seen.push({ id: event.lastEventId, ...JSON.parse(event.data) }));
  }
  await once(source, "open");
  const id = await createOrder();
  await eventually(() => seen.filter((event) => event.data.orderId === id).length === 3, "three steps");
  source.close();
  const cursor = seen.find((event) => event.data.orderId === id).id;
  const again = new EventSource(`${url}/v1/events/stream?ticket=${await ticket()}&cursor=${cursor}`);
  const rest = [];
  again.addEventListener("order.status_changed", (event) => rest.push(event.lastEventId));
  await eventually(() => rest.length === 2, "the two behind it");
  again.close();
});

test("ws watches an order, with a subprotocol and a ticket", async () => {
  const id = await createOrder();
  await eventually(async () => (await ask("GET", `/v1/orders/${id}`)).status === "booked", "booked");
  const [first] = await eventually(async () => {
    const all = await ask("GET", `/v1/orders/${id}/events`);
    return all.length === 3 && all;
  });
  const path = `/ws/orders/${id}?cursor=${first.id}&ticket=${await ticket()}`;
  const socket = new WebSocket(url.replace("http", "ws") + path, ["waybill.v1"]);
  const seen = [];
  socket.on("message", (message) => seen.push(JSON.parse(message)));
  await eventually(() => seen.length === 2, "the two behind it");
  assert.equal(socket.protocol, "waybill.v1");
  assert.deepEqual(seen.map((event) => event.data.sequence), [2, 3]);
  const closed = once(socket, "close");
  socket.send("x".repeat(5000));
  assert.equal((await closed)[0], 1009);
});

test("Python's libraries read the stream and the socket", async () => {
  const id = await createOrder();
  const { authorization } = headers;
  const lines = start(PYTHON, [join(HERE, "live.py"), url, authorization, id]);
  await eventually(() => lines.filter((line) => line.startsWith("ready")).length === 3, "three clients");
  await ask("POST", `/v1/orders/${id}/cancel`, {});
  for (const client of ["httpx-sse", "sseclient", "websockets"]) {
    const told = (line) => line.startsWith(`${client} order.`) && line.includes(id);
    await eventually(() => lines.find(told), client);
  }
});
