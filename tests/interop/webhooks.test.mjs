// What the service tells, as real libraries read it: webhooks verified by those of Standard Webhooks and of
// Svix, streams by those that browsers and Python have. The receivers are those that README.md prints.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect, createServer as createListener } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { EventSource } from "eventsource";
import { Webhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { Agent, EventSource as UndiciEventSource, WebSocket as UndiciWebSocket } from "undici";
import { WebSocket } from "ws";
import { eventually, freePort } from "./rig.mjs";

const WAYBILL = resolve(process.env.WAYBILL_BIN ?? "target/debug/waybill");
const PYTHON = process.env.INTEROP_PYTHON ?? "python3";
const HERE = fileURLToPath(new URL(".", import.meta.url));
const README = new URL("../../README.md", import.meta.url);
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

/** One of the receivers that README.md prints. */
async function documented(name) {
  const text = await readFile(README, "utf8");
  const marked = text.slice(text.indexOf(`<!-- ${name}:`));
  const [, code] = marked.match(/-->\n```\w+\n(.*?)```/s);
  assert.ok(code.trim().split("\n").length <= 12, `${name} is short`);
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
  const booked = await eventually(() => lines.find((line) => line.includes(id) && line.includes("booked")
    && line.includes("awb")), `${name} is told`);
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

/** What the library from PyPI says of each message. */
async function inPython(messages) {
  const child = spawn(PYTHON, [join(HERE, "verify.py")], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(messages.map((one) => `${JSON.stringify(one)}\n`).join(""));
  return Buffer.concat(await child.stdout.toArray()).toString().trim().split("\n");
}

test("Svix's library and those of Standard Webhooks take the same message, and no other", async () => {
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
  await ask("POST", `/v1/webhook-endpoints/${endpoint.id}/test`);
  const [, during] = await eventually(() => seen.length > 1 && seen);
  const changed = (name, value) => ({ ...message.headers, [name]: value });
  const first = { ...message, secret: endpoint.secret };
  // While it is rotated, both secrets count.
  const good = [first, { ...during, secret: endpoint.secret }, { ...during, secret }];
  const bad = [
    { ...message, secret },
    { ...first, body: message.body.replace("test", "tset") },
    { ...first, headers: changed("webhook-id", "evt_other") },
    { ...first, headers: changed("webhook-timestamp", `${message.headers["webhook-timestamp"] - 1}`) },
    { ...first, headers: changed("webhook-timestamp", "1700000000") },
  ];
  for (const Library of [Webhook, SvixWebhook]) {
    const verify = (one) => new Library(one.secret).verify(one.body, one.headers);
    for (const one of good) assert.equal(verify(one).type, "webhook_endpoint.test");
    for (const one of bad) assert.throws(() => verify(one));
  }
  const said = (await inPython([...good, ...bad])).map((line) => line.split(" ")[0]);
  assert.deepEqual(said, [...good.map(() => "verified"), ...bad.map(() => "refused")]);
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

/** What stands between clients and the service, and cuts their connections when it is told to. */
async function startProxy() {
  const open = new Set();
  const server = createListener((client) => {
    const behind = connect(Number(new URL(url).port), "127.0.0.1");
    for (const [one, other] of [[client, behind], [behind, client]]) {
      open.add(one);
      one.on("error", () => {}).on("close", () => open.delete(one) && other.destroy()).pipe(other);
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => open.forEach((one) => one.destroy());
  const stop = () => {
    server.close();
    cut();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, cut, stop };
}

class WithToken extends Agent {
  dispatch(options, handler) {
    options.headers.authorization = headers.authorization;
    return super.dispatch(options, handler);
  }
}

const COMES_AGAIN = {
  eventsource: (address) => new EventSource(address, {
    fetch: (input, init) =>
      fetch(input, { ...init, headers: { ...init.headers, authorization: headers.authorization } }),
  }),
  undici: (address, dispatcher) => new UndiciEventSource(address, { dispatcher }),
};
for (const [name, open] of Object.entries(COMES_AGAIN)) {
  test(`the EventSource of ${name} comes again by itself, behind the last event`, async (t) => {
    const [proxy, agent] = [await startProxy(), new WithToken()];
    const source = open(`${proxy.url}/v1/events/stream`, agent);
    t.after(async () => {
      source.close();
      proxy.stop();
      await agent.destroy();
    });
    const seen = [];
    for (const type of ["order.created", "order.status_changed"]) {
      source.addEventListener(type, ({ lastEventId, data }) =>
        seen.push({ id: lastEventId, order: JSON.parse(data).data.orderId }));
    }
    await once(source, "open");
    const steps = (order) => seen.filter((event) => event.order === order).length;
    const before = await createOrder();
    await eventually(() => steps(before) === 3, "three steps");
    proxy.cut();
    const meanwhile = await createOrder();
    await eventually(() => steps(meanwhile) === 3, "what happened while it was away");
    assert.equal(steps(before), 3);
    assert.equal(new Set(seen.map(({ id }) => id)).size, seen.length, "none comes twice");
  });
}

/** An order that is booked, and its three events. */
async function bookedOrder() {
  const id = await createOrder();
  await eventually(async () => (await ask("GET", `/v1/orders/${id}`)).status === "booked", "booked");
  const events = await eventually(async () => {
    const all = await ask("GET", `/v1/orders/${id}/events`);
    return all.length === 3 && all;
  });
  return [id, events];
}

test("undici's WebSocket watches an order, and goes on behind a cursor", async () => {
  const [id, [first]] = await bookedOrder();
  const address = `${url.replace("http", "ws")}/ws/orders/${id}`;
  const options = { protocols: ["waybill.v1"], headers: { authorization: headers.authorization } };
  const watch = (cursor) => new UndiciWebSocket(`${address}?cursor=${cursor}`, options);
  const sequences = async (socket, count) => {
    const seen = [];
    socket.addEventListener("message", ({ data }) => seen.push(JSON.parse(data)));
    await eventually(() => seen.length === count, `${count} messages`);
    assert.equal(socket.protocol, "waybill.v1");
    const closed = once(socket, "close");
    socket.close(1000);
    assert.equal((await closed)[0].code, 1000);
    return seen;
  };
  const seen = await sequences(watch(first.id), 2);
  assert.deepEqual(seen.map((event) => event.data.sequence), [2, 3]);
  assert.deepEqual(await sequences(watch(seen[0].id), 1), [seen[1]]);
});

test("ws watches an order, with a subprotocol and a ticket", async () => {
  const [id, [first]] = await bookedOrder();
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
