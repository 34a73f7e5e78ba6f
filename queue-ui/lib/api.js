// The one place that talks to the admin API. Every route that the pages use is named here; a session that
// has ended is noticed here, once for all screens.

const BASE = "/admin/api";

/** What the API refused or failed: `code` for decisions, `detail` and `errors` for people. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail ?? body?.title ?? body?.message ?? `The server answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? (status ? `http-${status}` : "offline");
    this.errors = Array.isArray(body?.errors) ? body.errors : [];
    this.requestId = body?.requestId;
    this.retryAfter = retryAfter;
  }
}

let onExpired = () => {};
/** Called when a call says that there is no session any more. */
export const whenExpired = (handler) => (onExpired = handler);
let onContact = () => {};
/** Called with true after every answer, with false when none came. */
export const whenContact = (handler) => (onContact = handler);

export function query(values) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values ?? {})) {
    if (value !== undefined && value !== null && value !== "") search.set(name, value);
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

export const url = (path, values) => BASE + path + query(values);

async function request(method, path, { values, body, signal, key, file } = {}) {
  const headers = { accept: file ? "*/*" : "application/json", ...(key && { "idempotency-key": key }) };
  if (method !== "GET") {
    headers["x-waybill-admin"] = "1";
    headers["content-type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(url(path, values), {
      method, headers, signal, credentials: "same-origin", cache: "no-store", redirect: "error",
      body: method === "GET" ? undefined : JSON.stringify(body ?? {}),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    onContact(false);
    throw new Problem(0, { code: "offline", detail: "The server cannot be reached." });
  }
  onContact(true);
  if (file && response.ok) return response.arrayBuffer();
  const text = await response.text();
  let json = null;
  try {
    json = text ? JSON.parse(text) : null;
  } catch {
    if (response.ok) throw new Problem(response.status, { detail: "The server's answer was not JSON." });
  }
  if (response.ok) return json;
  const problem = new Problem(response.status, json, Number(response.headers.get("retry-after"))
    || undefined);
  const signingIn = path === "/login" || path.startsWith("/me/");
  if (problem.status === 401 && !signingIn) onExpired();
  throw problem;
}

const get = async (path, values, signal) => (await request("GET", path, { values, signal }))?.data;
const send = async (method, path, body) => (await request(method, path, { body }))?.data;
const post = (path, body) => send("POST", path, body);
/** A page of a list: `items`, `nextCursor` and what else the answer says beside them. */
async function list(path, values, signal) {
  const { data, ...rest } = (await request("GET", path, { values, signal })) ?? {};
  if (Array.isArray(data)) return { nextCursor: null, ...rest, items: data };
  const { items, ...more } = data ?? {};
  return { nextCursor: null, ...rest, ...more, items: items ?? [] };
}

const id = encodeURIComponent;

export const api = {
  login: (body) => post("/login", body),
  logout: () => post("/logout"),
  me: (signal) => get("/me", undefined, signal),
  password: (body) => post("/me/password", body),
  totpStart: (body) => post("/me/totp", body),
  totpConfirm: (body) => post("/me/totp/confirm", body),
  totpEnd: (body) => send("DELETE", "/me/totp", body),
  sessions: (signal) => list("/sessions", undefined, signal),
  endSession: (session) => send("DELETE", `/sessions/${id(session)}`),

  users: (signal) => list("/users", undefined, signal),
  createUser: (body) => post("/users", body),
  changeUser: (name, body) => send("PATCH", `/users/${id(name)}`, body),
  resetTotp: (name, body) => send("DELETE", `/users/${id(name)}/totp`, body),

  overview: (signal) => get("/overview", undefined, signal),
  queue: (queue, signal) => get(`/queues/${id(queue)}`, undefined, signal),
  setPaused: (queue, pause, body) => post(`/queues/${id(queue)}/${pause ? "pause" : "resume"}`, body),
  jobs: (queue, values, signal) => list(`/queues/${id(queue)}/jobs`, values, signal),
  job: (queue, job, signal) => get(`/queues/${id(queue)}/jobs/${id(job)}`, undefined, signal),
  jobAction: (queue, job, name, body) => post(`/queues/${id(queue)}/jobs/${id(job)}/${name}`, body),
  jobData: (queue, job, body) => send("PUT", `/queues/${id(queue)}/jobs/${id(job)}/data`, body),

  /** By POST, because what people type may be a phone number. */
  async find(body) {
    const { data, ...rest } = await request("POST", "/find", { body });
    return Array.isArray(data) ? { ...rest, items: data } : { ...rest, ...data, items: data?.items
      ?? data?.orders };
  },
  orders: (values, signal) => list("/orders", values, signal),
  order: (order, signal) => get(`/orders/${id(order)}`, undefined, signal),
  timeline: (order, values, signal) => list(`/orders/${id(order)}/timeline`, values, signal),
  call: (order, call, signal) => get(`/orders/${id(order)}/calls/${id(call)}`, undefined, signal),
  messages: (order, values, signal) => list(`/orders/${id(order)}/messages`, values, signal),
  say: (order, body) => post(`/orders/${id(order)}/messages`, body),
  messagesRead: (order, body) => send("PUT", `/orders/${id(order)}/messages/read`, body),
  typing: (order) => post(`/orders/${id(order)}/messages/typing`),
  orderAction: (order, name, body) => post(`/orders/${id(order)}/${name}`, body),

  review: (values, signal) => list("/review", values, signal),
  accounts: (signal) => list("/accounts", undefined, signal),
  accountAction: (account, name, body) => post(`/accounts/${id(account)}/${name}`, body),

  preview: (body) => post("/operations/preview", body),
  /** `key`: the same one starts it once, however often it is sent. */
  start: async (body, key) => (await request("POST", "/operations", { body, key }))?.data,
  operations: (values, signal) => list("/operations", values, signal),
  operation: (operation, signal) => get(`/operations/${id(operation)}`, undefined, signal),
  operationItems: (operation, values, signal) => list(`/operations/${id(operation)}/items`, values, signal),
  operationAction: (operation, name, body) => post(`/operations/${id(operation)}/${name}`, body),

  failures: (values, signal) => list("/failures", values, signal),
  metrics: (values, signal) => get("/metrics", values, signal),
  provider: (values, signal) => get("/provider", values, signal),
  workers: (signal) => list("/workers", undefined, signal),
  kycList: (values, signal) => list("/kyc", values, signal),
  kyc: (merchant, signal) => get(`/kyc/${id(merchant)}`, undefined, signal),
  decideKyc: (merchant, verdict, body) => post(`/kyc/${id(merchant)}/${verdict}`, body),
  revealKyc: (merchant, body) => post(`/kyc/${id(merchant)}/reveal`, body),
  /** A document's bytes. */
  kycDocument: (merchant, kind, body) =>
    request("POST", `/kyc/${id(merchant)}/documents/${id(kind)}/reveal`, { body, file: true }),
  merchants: (values, signal) => list("/merchants", values, signal),
  merchant: (merchant, signal) => get(`/merchants/${id(merchant)}`, undefined, signal),
  /** The body may hold an e-mail address: never a query. */
  addMerchant: (body) => post("/merchants", body),
  setSuspended: (merchant, suspend, body) =>
    post(`/merchants/${id(merchant)}/${suspend ? "suspend" : "resume"}`, body),
  inviteOwner: (merchant, body) => post(`/merchants/${id(merchant)}/owners`, body),
  deadWebhooks: (values, signal) => list("/webhook-deliveries", values, signal),
  resendWebhook: (delivery, body) => post(`/webhook-deliveries/${id(delivery)}/resend`, body),
  failedEvents: (values, signal) => list("/event-failures", values, signal),
  retryEvent: (failure, body) => post(`/event-failures/${id(failure)}/retry`, body),
  audit: (values, signal) => list("/audit", values, signal),
  auditExport: (values) => url("/audit/export", values),
};
