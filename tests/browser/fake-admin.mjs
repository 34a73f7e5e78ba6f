// A stand-in for the admin API with a story in it, to look at the pages while there is no other: ParcelX is
// held since its wallet ran empty, an operation is half done, a queue is paused. No test rests on it.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../queue-ui");
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
  + "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const now = Date.now();
const ago = (min) => new Date(now - min * 60_000).toISOString();
const RIGHTS = {
  viewer: ["read"], operator: ["read", "job.manage", "order.resolve", "order.cancel"],
  admin: ["read", "job.manage", "order.resolve", "order.cancel", "queue.pause", "account.lift", "operation.run", "audit.read", "audit.export"],
  super_admin: ["read", "job.manage", "order.resolve", "order.cancel", "queue.pause", "account.lift", "operation.run", "audit.read", "audit.export", "users.manage", "reveal"],
};
const me = (role) => ({ username: role === "super_admin" ? "asha" : role, role, rights: RIGHTS[role], totp: false, providerEnv: "simulator",
  version: "0.9.0", sessionExpiresAt: ago(-700), idleExpiresAt: ago(-30) });

let seed = 7;
const rnd = () => ((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648);
const pick = (list) => list[Math.floor(rnd() * list.length)];
const base32 = (n) => Array.from({ length: n }, () => pick([..."0123456789ABCDEFGHJKMNPQRSTVWXYZ"])).join("");
const STATES = ["success", "success", "success", "failed", "needs_review", "needs_review", "needs_review", "queued", "retrying", "reconciling", "cancelled"];
const REFUSED = ["Pincode […] is not serviceable by any courier", "Consignee mobile is not valid", "Invoice value above 50000 needs an e-way bill", "Pick address PXDEL01 is not active"];
const REVIEW = [["outcome-unknown", "HTTP 503 after the request was sent; 4 look-ups did not find ORD-…"], ["outcome-unknown", "No answer within 25 s; look-ups are not trusted"],
  ["provider-unreachable", "ParcelX was not reached for 24 h: connection refused"], ["booked-awb-unknown", "ParcelX has the order without an AWB"],
  ["cancel-unconfirmed", "Tracking shows the shipment as in transit 24 h after the cancellation"]];
const orders = Array.from({ length: 260 }, (_, n) => {
  const state = STATES[n % STATES.length];
  const review = state === "needs_review" ? pick(REVIEW) : null;
  const at = n * 4 + 2;
  return {
    id: `ord_019ab3c4${n.toString(16).padStart(4, "0")}7a8b9c0d1e2f3a4b5c6d`, orderNumber: `ORD-${base32(13)}`, clientOrderId: n === 3 ? "\u202eKAL-<img src=x onerror=alert(1)>" : `KAL-${10450 - n}`,
    userId: pick(["kalamandir", "teaworks", "sole-and-co", "readnest"]), awb: state === "success" ? `PX${String(70000000000 + n * 7919)}` : null,
    status: { success: "booked", failed: "failed", cancelled: "cancelled" }[state] ?? "pending", providerSyncStatus: state,
    syncReason: state === "failed" ? pick(REFUSED) : review ? review[1] : state === "retrying" ? "account held: Insufficient wallet balance" : state === "reconciling" ? "answer cut off after 812 bytes" : null,
    createdAt: ago(at), updatedAt: ago(at - 1), review: review && { reason: review[0], detail: review[1], since: ago(at - 1), of: review[0].startsWith("cancel") ? "cancellation" : "order" },
  };
});
const brief = ({ review, ...order }) => order;
const QUEUES = [["parcelx-orders-queue", 41, 5, 38, 1000, 212, false], ["parcelx-order-cancellation-queue", 3, 0, 1, 418, 9, true], ["parcelx-labels-queue", 0, 2, 4, 1000, 3, false], ["node-invoices-queue", 17, 0, 0, 0, 0, false]];
const paused = new Map(QUEUES.map(([name, , , , , , p]) => [name, p]));
const queueView = ([name, waiting, active, delayed, completed, failed]) => ({
  name, ours: name.startsWith("parcelx"), counts: { waiting, active, delayed, completed, failed }, paused: paused.get(name),
  pausedBy: paused.get(name) ? { actor: "ravi", at: ago(52), reason: "ParcelX asked for no cancellations until 18:00, ticket 4417" } : null,
  held: name === "parcelx-orders-queue" && hold, workers: name.startsWith("parcelx") ? 2 : 0, consumed: name.startsWith("parcelx"), oldestWaitingAt: waiting ? ago(36) : null,
  perMinute: name === "parcelx-labels-queue" ? { completed: 12, failed: 0 } : { completed: 0, failed: name.includes("orders") ? 2 : 0 },
});
let hold = true;
const account = () => ({ id: "parcelx", hold: hold ? { kind: "wallet", reason: "Insufficient wallet balance. Please recharge to continue booking.", since: ago(37), nextProbeAt: new Date(Date.now() + 140_000).toISOString(), probes: 5, probing: false } : null, ordersWaiting: 79, capped: false });
const operations = [
  { id: "op_1", kind: "review.rebook", state: "running", actor: "asha", reason: "ParcelX is back, ticket 4421", createdAt: ago(6), startedAt: ago(6), endedAt: null, total: 312, capped: false, done: 131, refused: 9, failed: 2, ratePerMinute: 30, stopAfter: 5, stopped: null, refusals: [{ code: "found-at-parcelx", count: 6 }, { code: "cancel-requested", count: 3 }], filter: { code: "outcome-unknown", from: ago(200) } },
  { id: "op_2", kind: "orders.resend", state: "stopped", actor: "ravi", reason: "pick address is active again", createdAt: ago(1500), startedAt: ago(1499), endedAt: ago(1491), total: 88, capped: false, done: 12, refused: 0, failed: 5, ratePerMinute: 60, stopAfter: 5, stopped: "5 failures in a row: account held", refusals: [], filter: { providerSyncStatus: "failed", q: "Pick address" } },
  { id: "op_3", kind: "jobs.remove", state: "done", actor: "asha", reason: "unreadable jobs of the old invoicing script", createdAt: ago(2900), startedAt: ago(2900), endedAt: ago(2899), total: 17, capped: false, done: 17, refused: 0, failed: 0, ratePerMinute: 600, stopAfter: 5, stopped: null, refusals: [], filter: { queue: "node-invoices-queue", state: "waiting" } },
];
const subscribers = new Set();
let sequence = 100;
const emit = (type, data = {}) => {
  const id = ++sequence;
  for (const res of subscribers) res.write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ type, at: new Date().toISOString(), ...data })}\n\n`);
};
const acts = (o) => {
  const inReview = o.providerSyncStatus === "needs_review";
  const a = (name, right, allowed, why, effect, costs = false, typed = false) => ({ name, right, allowed, why: allowed ? null : why, effect, costs, typed });
  return [
    a("rebook", "order.resolve", inReview, "It does not wait for a person.", "Looks ParcelX up once more; if our reference is not found, the order is sent again with the same reference.", true, true),
    a("adopt", "order.resolve", inReview, "It does not wait for a person.", "Takes the AWB that ParcelX has under our reference; the order becomes booked."),
    a("fail", "order.resolve", inReview, "It does not wait for a person.", "The order fails for good; its merchant sees that and may create it anew.", false, true),
    a("try-now", "order.resolve", o.providerSyncStatus === "retrying" || o.providerSyncStatus === "reconciling", "It does not wait for a time.", "The next step is taken now instead of later.", true),
    a("cancel", "order.cancel", ["success", "queued", "retrying"].includes(o.providerSyncStatus), "It has its end.", o.awb ? `Asks ParcelX to cancel the shipment ${o.awb}.` : "Nothing was sent: it is cancelled here alone.", false, true),
    a("amend", "order.resolve", o.providerSyncStatus === "failed", "Only a refused order can be amended.", "Corrects the order and sends it again under the same number.", true),
  ];
};
const WHY = (o) => ({
  success: "Booked: nothing is left to do.", failed: `ParcelX refused it: ${o.syncReason}`, cancelled: "Cancelled before anything was sent.",
  queued: "Waits behind 40 jobs of parcelx-orders-queue; the account is held since its wallet ran empty.",
  retrying: "ParcelX's account is held: “Insufficient wallet balance. Please recharge to continue booking.”",
  reconciling: "A call was sent and its answer was cut off; ParcelX is asked again before anything is sent.", needs_review: o.syncReason,
}[o.providerSyncStatus]);
const view = (o) => ({ ...o, providerEnv: "simulator", courierName: o.awb ? "Delhivery Surface" : null, providerOrderNumber: o.awb ? "PXO-88412" : null, nextCheckAt: null,
  cancellation: { state: "none" }, invoiceNumber: "INV-2611", paymentMethod: "cod", expressType: "surface", pickAddressId: "PXDEL01", returnAddressId: null,
  consignee: { name: "A… E…", mobile: "******0001", phone: null, email: null, pincode: "56****", address1: "[…]", address2: null, city: "B…", state: "Karnataka", country: "India", addressType: "home" },
  items: [{ sku: "SILK-0042", name: "Kanchipuram silk saree", quantity: 1, unitPrice: "12499.00", taxPercent: 5 }],
  charges: { orderAmount: "12499.00", codAmount: "12499.00", taxAmount: "624.95", extraCharges: "0.00", totalAmount: "13123.95" },
  shipment: { width: [30], height: [8], length: [40], weight: [1.2], mps: 1 }, why: { words: WHY(o), until: ["retrying", "reconciling"].includes(o.providerSyncStatus) ? new Date(now + 200_000).toISOString() : null }, actions: acts(o) });
const timeline = (o) => {
  const t = Date.parse(o.createdAt);
  const at = (s) => new Date(t + s * 1000).toISOString();
  const out = [{ at: at(0), kind: "step", title: "Order taken", detail: "by the merchant's API call", tone: "info" },
    { at: at(0.2), kind: "job", title: "Job added", detail: `create-order-${o.id}-1`, tone: "info", jobQueue: "parcelx-orders-queue", jobId: `create-order-${o.id}-1` },
    { at: at(1), kind: "call", title: "create_order", detail: "", tone: o.awb ? "ok" : "bad", callId: "req_1", attempt: 1, operation: "create_order", verdict: o.awb ? "booked" : o.status === "failed" ? "refused" : "unknown", statusCode: o.awb ? 200 : o.status === "failed" ? 422 : 503, durationMs: 1840 }];
  if (o.awb) out.push({ at: at(3), kind: "step", title: "Booked", detail: `AWB ${o.awb}, Delhivery Surface`, tone: "ok" });
  else if (o.status === "failed") out.push({ at: at(3), kind: "step", title: "Failed", detail: o.syncReason, tone: "bad" });
  else out.push({ at: at(8), kind: "call", title: "Look-up by our reference", tone: "wait", callId: "req_2", attempt: 1, operation: "find", verdict: "not found", statusCode: 200, durationMs: 410 },
    { at: at(31), kind: "step", title: "Reconciling", detail: "second look-up in 2 min", tone: "wait" },
    { at: at(1800), kind: "audit", title: "Asked ParcelX by phone", detail: "“They see nothing under our reference”", tone: "info", actor: "ravi" });
  return out;
};
const request = { client_order_id: "ORD-…", consignee: { name: "[…]", mobile: "[…]", pincode: "[…]", city: "[…]" }, payment_mode: "COD", order_amount: "12499.00", shipment_weight: ["1.2"], shipment_length: ["40"], pick_address_id: "PXDEL01", express_type: "surface" };
const call = (id, o) => ({ id, operation: "create_order", attempt: 1, sentAt: o.createdAt, neverSent: false, request: { ...request, note: "line1\u202eevil\u200b<script>alert(1)</script>" },
  outcome: { statusCode: o.awb ? 200 : o.status === "failed" ? 422 : 503, response: o.awb ? { status: true, awb: o.awb } : o.status === "failed" ? { status: false, responsemsg: o.syncReason, errors: { consignee_pincode: ["is not serviceable"] } } : "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>", errorCode: null, verdict: o.awb ? "booked" : o.status === "failed" ? "refused" : "unknown", receivedAt: o.createdAt, durationMs: 1840, late: null },
  lastGood: { id: "req_9", orderId: orders[0].id, sentAt: ago(66), request: { ...request, express_type: "air", shipment_weight: ["0.5"] }, response: { status: true, awb: "PX70000007919", courier: "Delhivery Air" } } });
const jobs = (queue, state) => {
  const wanted = { failed: ["failed", "needs_review"], waiting: ["queued"], delayed: ["retrying", "reconciling"], completed: ["success"], active: [] }[state] ?? [];
  if (queue !== "parcelx-orders-queue") return [];
  const list = orders.filter((o) => wanted.includes(o.providerSyncStatus)).map((o) => ({ id: `create-order-${o.id}-1`, name: "create-order", state, orderId: o.id, clientOrderId: o.clientOrderId, attemptsMade: state === "failed" ? 3 : 0, stalled: 0, addedAt: o.createdAt, dueAt: state === "delayed" ? ago(-2) : null, finishedAt: ["failed", "completed"].includes(state) ? o.updatedAt : null, reason: o.syncReason, readable: true }));
  if (state === "failed") list.splice(2, 0, { id: "oddity-77", name: "create-order\u200b", state, orderId: null, clientOrderId: null, attemptsMade: 0, stalled: 3, addedAt: ago(90), finishedAt: ago(80), reason: "the job's data is not JSON", readable: false });
  return list;
};
const metric = (name, from) => {
  const start = from ? Date.parse(from) : now - 86_400_000;
  const step = now - start > 3 * 86_400_000 ? 3600 : 60;
  const n = Math.floor((now - start) / (step * 1000));
  const points = Array.from({ length: n }, (_, k) => {
    const at = new Date(start + k * step * 1000);
    const held = now - at.getTime() < 37 * 60_000;
    const day = 8 + 7 * Math.sin((at.getUTCHours() + at.getUTCMinutes() / 60 - 3) / 24 * Math.PI * 2);
    const noise = () => 0.75 + 0.5 * rnd();
    return { at: at.toISOString(), ...{
      throughput: { completed: held ? 0 : Math.round(day * noise()), failed: held ? 2 : rnd() > 0.9 ? 1 : 0 },
      failures: { refused: rnd() > 0.85 ? 1 : 0, review: rnd() > 0.93 ? 2 : 0, internal: 0 },
      latency: held ? { p50: null, p95: null, p99: null } : { p50: 420 * noise(), p95: 1300 * noise(), p99: 2600 * noise() },
      depth: { waiting: held ? Math.round((37 - (now - at) / 60_000) * 1.2) : Math.round(3 * noise()), delayed: held ? 30 : 2 },
      verdicts: { booked: held ? 0 : Math.round(day * noise()), refused: rnd() > 0.9 ? 1 : 0, wallet: held ? 1 : 0, unknown: rnd() > 0.97 ? 1 : 0 },
    }[name] };
  });
  return { step, points, markers: [{ at: ago(610), kind: "deploy", words: "0.9.0 on worker-a, worker-b" }, { at: ago(52), kind: "pause", words: "parcelx-order-cancellation-queue by ravi" }, { at: ago(37), kind: "hold", words: "wallet: Insufficient wallet balance" }] };
};
const groups = [
  { cause: "Pincode # is not serviceable by any courier", kind: "refused", count: 84, capped: false, merchants: 3, firstAt: ago(1200), lastAt: ago(4), trend: [1, 3, 2, 4, 3, 5, 4, 6, 3, 4, 7, 9] },
  { cause: "no answer within # s after sending", kind: "review", count: 312, capped: false, merchants: 4, firstAt: ago(200), lastAt: ago(41), trend: [0, 0, 0, 0, 0, 0, 0, 0, 42, 140, 98, 32] },
  { cause: "Consignee mobile is not valid", kind: "refused", count: 31, capped: false, merchants: 2, firstAt: ago(1300), lastAt: ago(15), trend: [2, 3, 2, 1, 4, 2, 3, 2, 3, 4, 2, 3] },
  { cause: "store: version conflict after 5 tries", kind: "internal", count: 2, capped: false, merchants: 1, firstAt: ago(700), lastAt: ago(690), trend: [0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0] },
].map((g, n) => ({ ...g, sampleOrderId: orders[n + 3].id }));
const audit = Array.from({ length: 60 }, (_, n) => ({ id: `aud_${n}`, at: ago(n * 17 + 3), actor: pick(["asha", "ravi", "operator"]), role: "admin", session: "s-41c9", action: pick(["queue.pause", "job.retry", "review.rebook", "account.lift", "orders.reveal", "login"]), target: { collection: "orders", id: orders[n].id, userId: orders[n].userId }, reason: pick(["ParcelX is back, ticket 4421", "merchant called, address was wrong", "=HYPERLINK(\"x\")", "test after deploy"]), outcome: pick(["done", "done", "done", "refused"]), words: null, before: "needs_review", after: "retrying", address: "10.0.4.7", requestId: `req-${n}`, count: 1 }));
const users = [["asha", "super_admin", true], ["ravi", "admin", true], ["meera", "operator", false], ["leela", "viewer", false]].map(([username, role, totp], n) => ({ username, role, reveal: username === "ravi", disabled: username === "leela", totp, lastLoginAt: ago(n * 300 + 4), createdAt: ago(90_000) }));
const codes = () => {
  const all = new Map();
  for (const o of orders) if (o.review) all.set(o.review.reason, (all.get(o.review.reason) ?? 0) + 1);
  return [...all].map(([code, count]) => ({ code, count: code === "outcome-unknown" ? 312 : count, capped: false })).sort((a, b) => b.count - a.count);
};
const page = (list, q) => {
  const start = Number(q.cursor ?? 0);
  const items = list.slice(start, start + 40);
  return { data: items, nextCursor: start + 40 < list.length ? String(start + 40) : null };
};
const problem = (status, code, detail, more = {}) => ({ status, body: { status, code, detail, title: code, requestId: "req-fake", ...more } });
const wrong = new Map();
const runner = setInterval(() => {
  const op = operations[0];
  if (op.state !== "running" || op.done + op.refused + op.failed >= op.total) return;
  op.done += 1;
  emit("operation", { id: op.id });
}, 2000);
runner.unref();

function answer(method, path, q, body, role) {
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const may = (right) => RIGHTS[role].includes(right);
  const no = (right) => problem(403, "forbidden", `This needs the right ${right}.`);
  const order = orders.find((o) => o.id === parts[1]);
  const key = `${method} ${parts[0]}`;
  if (path === "/me") return { data: me(role) };
  if (path === "/sessions") return { data: [{ id: "s1", createdAt: ago(50), seenAt: ago(0), address: "127.0.0.1", userAgent: "Chromium on Linux", current: true }, { id: "s2", createdAt: ago(500), seenAt: ago(200), address: "10.0.4.7", userAgent: "Firefox on Windows", current: false }] };
  if (path === "/me/totp" && method === "POST") return { data: { secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", uri: "otpauth://totp/Waybill:asha?secret=JBSWY3DPEHPK3PXP" } };
  if (path === "/overview") return { data: { at: new Date().toISOString(), account: account(), queues: QUEUES.map(queueView), review: { total: 371, capped: false, byReason: codes() }, orders: [{ providerSyncStatus: "queued", count: 41 }, { providerSyncStatus: "processing", count: 5 }, { providerSyncStatus: "retrying", count: 38 }, { providerSyncStatus: "reconciling", count: 7 }], oldestOpen: { orderId: orders[7].id, since: ago(92), providerSyncStatus: "reconciling" }, workers: 2, outbox: { waiting: 0, oldestAt: null }, failures: groups, operations: operations.filter((o) => o.state === "running") } };
  if (parts[0] === "queues" && parts.length === 1) return { data: QUEUES.map(queueView) };
  if (parts[0] === "queues") {
    const queue = QUEUES.find(([name]) => name === parts[1]);
    if (!queue) return problem(404, "not-found", "There is no such queue.");
    if (parts.length === 2) return { data: queueView(queue) };
    if (method === "POST" && parts.length === 3) {
      if (!may("queue.pause")) return no("queue.pause");
      if (paused.get(parts[1]) === (parts[2] === "pause")) return problem(409, parts[2] === "pause" ? "already-paused" : "not-paused", "The queue is so already.");
      paused.set(parts[1], parts[2] === "pause");
      emit("queue", { queue: parts[1] });
      return { data: queueView(queue) };
    }
    if (parts.length === 3) {
      const list = jobs(parts[1], q.state).filter((j) => !q.q || j.reason?.toLowerCase().includes(q.q.toLowerCase()));
      return { ...page(list, q), searched: q.q ? 5000 : undefined, stopped: Boolean(q.q) };
    }
    const job = ["failed", "waiting", "delayed", "completed"].flatMap((s) => jobs(parts[1], s)).find((j) => j.id === parts[3]);
    if (!job) return problem(404, "not-found", "There is no such job; finished jobs are kept for a while only.");
    if (method === "POST") return may("job.manage") ? problem(409, "job-state", "The job is active: this cannot be done with it.") : no("job.manage");
    const o = orders.find((each) => each.id === job.orderId);
    return { data: { ...job, data: job.readable ? { orderId: job.orderId, generation: 1, clientOrderId: job.clientOrderId } : null, dataText: job.readable ? undefined : "{\"orderId\": oops\u0000 " + "x".repeat(20_000), options: { attempts: 3, backoff: { type: "exponential", delay: 5000 } }, returnValue: null, logs: ["14:02:11 taken by worker-a", "14:02:13 create_order: HTTP 422"], tries: [{ attempt: 1, startedAt: job.addedAt, durationMs: 2310, worker: "worker-a", version: "0.9.0", outcome: job.reason ?? "completed" }], order: o ? brief(o) : null,
      actions: [{ name: "retry", right: "job.manage", allowed: job.state === "failed", why: "Only a failed job can be retried.", effect: "The order has its end: the job will do nothing.", costs: false, typed: false }, { name: "remove", right: "job.manage", allowed: true, why: null, effect: "The job is gone; its order keeps its state.", costs: false, typed: true }] } };
  }
  if (path === "/find") {
    const phone = /^[6-9]\d{9}$/.test(body.q);
    if (phone && !body.reason) return { data: [], by: null, more: false, mayBePhone: true };
    if (phone && !may("reveal")) return no("reveal");
    const needle = body.q.toLowerCase();
    const hits = phone ? [orders[3]] : orders.filter((o) => [o.id, o.orderNumber, o.awb, o.clientOrderId, `create-order-${o.id}-1`].some((v) => v?.toLowerCase() === needle));
    return { data: hits.map(brief), by: phone ? "phone" : "orderNumber" };
  }
  if (parts[0] === "orders" && parts.length === 1) {
    return page(orders.filter((o) => (!q.providerSyncStatus || o.providerSyncStatus === q.providerSyncStatus) && (!q.userId || o.userId === q.userId)).map(brief), q);
  }
  if (parts[0] === "orders" && !order) return problem(404, "not-found", "There is no such order.");
  if (key === "GET orders" && parts.length === 2) return { data: view(order) };
  if (key === "GET orders" && parts[2] === "timeline") return { data: timeline(order), nextCursor: null };
  if (key === "GET orders" && parts[2] === "calls") return { data: call(parts[3], order) };
  if (key === "POST orders") {
    if (parts[2] === "reveal") return may("reveal") ? { data: { consignee: { name: "Asha Example", mobile: "9000000001", pincode: "560001", address1: "12 Sample Street", city: "Bengaluru", state: "Karnataka", country: "India" } } } : no("reveal");
    if (!may("order.resolve")) return no("order.resolve");
    if (parts[2] === "rebook" && !body.force) return problem(409, "found-at-parcelx", "ParcelX has the order as AWB PX70000023757: adopt it.");
    order.providerSyncStatus = parts[2] === "fail" ? "failed" : "retrying";
    emit("order", { id: order.id });
    return { data: brief(order) };
  }
  if (path === "/review") return { ...page(orders.filter((o) => o.review && (!q.code || o.review.reason === q.code)), q), codes: codes() };
  if (path === "/accounts") return { data: [account()] };
  if (parts[0] === "accounts") {
    if (!may("account.lift")) return no("account.lift");
    hold = parts[2] !== "lift";
    emit("account", {});
    return { data: account() };
  }
  if (path === "/operations/preview") return may("operation.run") ? { data: { matches: body.ids?.length ?? 312, capped: false, sample: orders.filter((o) => o.review).slice(0, 5), effect: "Each order is looked up at ParcelX first. What is found is adopted; what is not found is sent again under the same reference.", costs: body.kind !== "jobs.remove" } } : no("operation.run");
  if (path === "/operations" && method === "POST") {
    const made = { id: `op_${operations.length + 1}`, kind: body.kind, state: "running", actor: me(role).username, reason: body.reason, createdAt: new Date().toISOString(), startedAt: new Date().toISOString(), endedAt: null, total: body.ids?.length ?? 312, capped: false, done: 0, refused: 0, failed: 0, ratePerMinute: body.ratePerMinute, stopAfter: body.stopAfter, stopped: null, refusals: [], filter: body.filter ?? { ids: body.ids } };
    operations.unshift(made);
    emit("operation", { id: made.id });
    return { status: 202, body: { data: made } };
  }
  if (path === "/operations") return { data: operations, nextCursor: null };
  if (parts[0] === "operations") {
    const op = operations.find((each) => each.id === parts[1]);
    if (!op) return problem(404, "not-found", "There is no such operation.");
    if (parts[2] === "items") return { data: orders.slice(20, 60).map((o, n) => ({ id: `it_${n}`, orderId: o.id, orderNumber: o.orderNumber, result: n % 14 === 3 ? "refused" : n === 9 ? "failed" : "done", code: n % 14 === 3 ? "found-at-parcelx" : null, words: n % 14 === 3 ? "ParcelX has the order as AWB PX70000023757: adopt it" : n === 9 ? "store: timed out" : "sent again", at: ago(n / 10) })).filter((i) => !q.result || i.result === q.result), nextCursor: null };
    if (method === "POST") {
      op.state = { pause: "paused", resume: "running", cancel: "cancelled" }[parts[2]];
      emit("operation", { id: op.id });
    }
    return { data: op };
  }
  if (path === "/failures") return { data: groups };
  if (path === "/metrics") return { data: metric(q.name, q.from) };
  if (path === "/workers") return { data: ["worker-a", "worker-b", "worker-c"].map((name, n) => ({ name, host: `ip-10-0-4-${n + 11}`, version: n === 2 ? "0.8.2" : "0.9.0", pid: 4100 + n, queues: QUEUES.slice(0, 3).map(([queue]) => ({ name: queue, concurrency: 5, inHand: n === 2 ? 0 : 1 })), since: ago(610 + n), seenAt: n === 2 ? ago(4) : ago(0.1), stale: n === 2 })) };
  if (path === "/audit") return may("audit.read") ? page(audit.filter((l) => (!q.actor || l.actor === q.actor) && (!q.action || l.action === q.action)), q) : no("audit.read");
  if (path === "/users") return may("users.manage") ? { data: users } : no("users.manage");
  return problem(404, "not-found", `No route ${method} ${path}.`);
}

/** Serves the pages and the story. `role` of whoever signs in is the user name, if it is a role. */
export async function startFake(port = 0) {
  const server = createServer(async (req, res) => {
    const { pathname, searchParams } = new URL(req.url, "http://x");
    if (!pathname.startsWith("/admin/api")) {
      const asset = pathname.startsWith("/admin/assets/") ? pathname.slice("/admin/assets/".length) : "index.html";
      const file = normalize(join(ROOT, asset));
      const bytes = file.startsWith(ROOT) ? await readFile(file).catch(() => null) : null;
      res.writeHead(bytes ? 200 : 404, { "content-type": TYPES[extname(file)] ?? "text/plain", "content-security-policy": CSP, "cache-control": "no-store" });
      return res.end(bytes ?? "");
    }
    const path = pathname.slice("/admin/api".length);
    let text = "";
    for await (const chunk of req) text += chunk;
    const body = text ? JSON.parse(text) : {};
    const send = (status, json, headers = {}) => {
      res.writeHead(status, { "content-type": "application/json", ...headers });
      res.end(status === 204 ? undefined : JSON.stringify(json));
    };
    if (path === "/login") {
      const tries = wrong.get(body.username) ?? 0;
      if (tries >= 5) return send(429, { code: "too-many-logins", detail: "Too many tries." }, { "retry-after": "30" });
      if (body.password !== "pass") {
        wrong.set(body.username, tries + 1);
        return send(401, { code: "login-failed", detail: "Name or password is wrong." });
      }
      if (body.username === "totp" && !body.totp) return send(401, { code: "totp-required", detail: "A code is needed." });
      const role = RIGHTS[body.username] ? body.username : "super_admin";
      return send(200, { data: { user: me(role) } }, { "set-cookie": `waybill=${role}; Path=/; HttpOnly; SameSite=Strict` });
    }
    const role = /waybill=(\w+)/.exec(req.headers.cookie ?? "")?.[1];
    if (!RIGHTS[role]) return send(401, { code: "unauthorized", detail: "Log in." });
    if (path === "/logout") return send(204, null, { "set-cookie": "waybill=; Path=/; Max-Age=0" });
    if (path === "/events") {
      res.writeHead(200, { "content-type": "text/event-stream" });
      res.write(": hello\n\n");
      subscribers.add(res);
      const beat = setInterval(() => res.write(": beat\n\n"), 15_000);
      return req.on("close", () => (subscribers.delete(res), clearInterval(beat)));
    }
    const { status = 200, body: made, ...rest } = answer(req.method, path, Object.fromEntries(searchParams), body, role);
    return send(status, made ?? rest);
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}`, emit, stop: () => (server.closeAllConnections(), server.close()) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startFake(Number(process.argv[2] ?? 0));
  console.log(`${url}/admin/queues`);
}
