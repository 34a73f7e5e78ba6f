// Data that tells a story, made in a running program by what makes it in earnest: merchants create orders
// through the API, and the simulator behaves as ParcelX does on a bad day.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

export const PASSWORD = "correct horse battery";
const DEMO = new URL("../../config/demo-orders.jsonl", import.meta.url);

/** Settings under which an order of unknown outcome is in review within a second. */
export const HASTY = { WAYBILL_PARCELX__RECONCILE: "100ms,200ms", WAYBILL_PARCELX__LOOKUP: "untrusted",
  WAYBILL_PARCELX__BREAKER_AFTER: "0" };

/** Somebody of each role. */
export const PEOPLE = { viewer: "leela", operator: "meera", admin: "ravi", super_admin: "asha" };

/** Makes them, all with PASSWORD. */
export async function makeUsers(program) {
  for (const [role, name] of Object.entries(PEOPLE)) {
    await program.run(["admin", "add", name, "--role", role, "--reason", "joins the desk"], `${PASSWORD}\n`);
  }
}

/** Waits until `look()` gives something; what is waited for is named when it never does. */
export async function until(what, look, patience = 30_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(50);
  }
}

/** What merchants and the simulator do in `program`. */
export async function startStory(program) {
  const [line] = (await readFile(DEMO, "utf8")).split("\n");
  const example = JSON.parse(line).order;
  const tokens = new Map();
  const stamp = Date.now().toString(36);
  let n = 0;

  const call = async (path, { method = "GET", body, token } = {}) => {
    const headers = { ...(body && { "content-type": "application/json" }),
      ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(program.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  const sim = (path, method, body) => call(`/simulator/_sim${path}`, { method, body });
  const tokenOf = async (merchant) => {
    if (!tokens.has(merchant)) tokens.set(merchant, await program.token(merchant));
    return tokens.get(merchant);
  };
  const look = async ({ id, merchant }) =>
    (await call(`/v1/orders/${id}`, { token: await tokenOf(merchant) })).data;

  return {
    /** Creates an order; gives its id and number. */
    async order({ merchant = "kalamandir", ...changes } = {}) {
      n += 1;
      const body = {
        ...example, clientOrderId: `KAL-${stamp}-${n}`, invoiceNumber: `INV-${n}`, ...changes,
        consignee: { ...example.consignee, ...changes.consignee },
      };
      const { data } = await call("/orders/create", { method: "POST", body, token: await tokenOf(merchant) });
      return { ...data, merchant, clientOrderId: body.clientOrderId, body };
    },
    /** As its merchant sees it. */
    look,
    /** Its merchant writes about it. */
    write: async ({ id, merchant }, text) =>
      call(`/v1/orders/${id}/messages`, { method: "POST", body: { text }, token: await tokenOf(merchant) }),
    /** Its merchant cancels it. */
    cancel: async ({ id, merchant }) =>
      call(`/v1/orders/${id}/cancel`, { method: "POST", body: {}, token: await tokenOf(merchant) }),
    /** Waits until an order is in one of the states. */
    async reaches({ id, merchant }, ...states) {
      return until(`${id} to be ${states}`, async () => {
        const order = await look({ id, merchant });
        return states.includes(order.providerSyncStatus) && order;
      });
    },
    faults: (changes) => sim("/faults", "PATCH", changes),
    asAtTheStart: () => sim("/faults", "PUT", {}),
    script: (rules) => sim("/script", "POST", rules),
    ledger: () => sim("/ledger", "GET"),
    /** ParcelX shows the order's shipment like this from now on: 227 is cancelled. */
    shows: async (order, code) => sim("/status", "POST", { awb: (await look(order)).awb, code }),
    /** So many orders at once, in no order. */
    async orders(count, changes) {
      const made = [];
      const one = async () => {
        while (made.length < count) {
          const at = made.push(null) - 1;
          made[at] = await this.order(typeof changes === "function" ? changes(at) : changes);
        }
      };
      await Promise.all([one(), one(), one(), one()]);
      return made;
    },
    /** Orders whose call broke off and that no look-up finds: they end in review. */
    async doubtful(count, changes) {
      await this.faults({ answer: "lostBeforeBooking", answerFor: ["create"], lookup: "never" });
      const made = await this.orders(count, changes);
      for (const order of made) await this.reaches(order, "needs_review");
      await this.asAtTheStart();
      return made;
    },
  };
}
