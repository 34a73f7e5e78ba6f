// The load and the receiver of `scripts/bench events`: real orders of 100 merchants, one endpoint each, and
// 2,000 open streams. Prints one line of numbers.
//
//   node events-bench.mjs URL PID TOKENS-FILE SECONDS ORDERS-PER-SECOND STREAMS
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const [url, pid, file, seconds, rate, streams] = process.argv.slice(2);
const tokens = (await readFile(file, "utf8")).trim().split("\n");
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function call(method, path, token, body) {
  return new Promise((done, failed) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const sent = request(url + path, { method, headers, agent }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => done({ status: answer.statusCode, body: Buffer.concat(chunks).toString() }));
    });
    sent.on("error", failed);
    sent.end(body && JSON.stringify(body));
  });
}

async function memory() {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(status.match(/VmRSS:\s+(\d+)/)[1]) / 1024;
}

const late = [];
const server = createServer((received, response) => {
  const chunks = [];
  received.on("data", (chunk) => chunks.push(chunk));
  received.on("end", () => {
    late.push(Date.now() - Date.parse(JSON.parse(Buffer.concat(chunks)).timestamp));
    response.writeHead(204).end();
  });
}).listen(0, "127.0.0.1");
await once(server, "listening");
server.keepAliveTimeout = 60_000;
for (const [n, token] of tokens.entries()) {
  const made = await call("POST", "/v1/webhook-endpoints", token, {
    url: `http://127.0.0.1:${server.address().port}/${n}`,
  });
  if (made.status !== 201) throw new Error(made.body);
}

const order = (name) => ({
  clientOrderId: name, invoiceNumber: "INV-1", paymentMethod: "PREPAID", expressType: "surface",
  pickAddressId: "10001",
  consignee: { name: "Asha Example", mobile: "9000000001", pincode: "560001", address1: "12 Sample Street",
    city: "Bengaluru", state: "Karnataka" },
  items: [{ sku: "MUG-7", name: "Blue mug", quantity: 1, unitPrice: 99 }], charges: { orderAmount: 99 },
  shipment: { width: [10], height: [10], length: [15], weight: [0.5] },
});
let created = 0, refused = 0;
const begun = Date.now();
const pending = new Set();
while (Date.now() - begun < seconds * 1000) {
  const due = Math.floor(((Date.now() - begun) / 1000) * rate) - created - refused;
  for (let n = 0; n < Math.min(due, 64 - pending.size); n += 1) {
    const token = tokens[created % tokens.length];
    const one = call("POST", "/orders/create", token, order(`E-${begun}-${created}`))
      .then((answer) => { if (answer.status !== 201) refused += 1; }, () => { refused += 1; });
    created += 1;
    pending.add(one);
    one.finally(() => pending.delete(one));
  }
  await sleep(5);
}
await Promise.all(pending);
// Each order has three steps.
const patience = Date.now() + 120_000;
while (late.length < created * 3 && Date.now() < patience) await sleep(50);
const took = (Date.now() - begun) / 1000;
late.sort((a, b) => a - b);
const at = (part) => late[Math.min(late.length - 1, Math.floor(late.length * part))];
const loaded = await memory();
server.close();
server.closeAllConnections();

const before = await memory();
const open = [];
for (let n = 0; n < streams; n += 1) {
  open.push(new Promise((done, failed) => {
    const headers = { authorization: `Bearer ${tokens[n % tokens.length]}` };
    const sent = request(`${url}/v1/events/stream`, { headers, agent: false }, (answer) => {
      answer.once("data", () => done(answer));
      if (answer.statusCode !== 200) failed(new Error(`${answer.statusCode}`));
    });
    sent.on("error", failed);
    sent.end();
  }));
  if (n % 50 === 49) await Promise.all(open);
}
const answers = await Promise.all(open);
await sleep(3000);
const after = await memory();
const delivered = late.length;
const line = { created, refused, delivered, took, p50: at(0.5), p99: at(0.99), loaded, before, after };
console.log(JSON.stringify({ ...line, streams: answers.length }));
process.exit(delivered >= (created - refused) * 3 && refused === 0 ? 0 : 1);
