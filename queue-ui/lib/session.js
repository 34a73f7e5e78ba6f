// Who is signed in, and what the role may. The server decides; the pages only spare people a refusal.
import { store } from "./ui.js";
import { api, whenExpired } from "./api.js";

/**
 * `{ state: "unknown" | "out" | "in" | "unreachable", me, ended }`; `ended` when a session was there and is
 * gone.
 */
export const session = store({ state: "unknown", me: null, ended: false });

const channel = "BroadcastChannel" in self ? new BroadcastChannel("waybill.session") : null;
channel?.addEventListener("message", ({ data }) => {
  if (data === "out") signedOut(false);
  if (data === "in" && session.get().state !== "in") load();
});

function signedOut(ended) {
  session.set({ state: "out", me: null, ended });
}

whenExpired(() => {
  if (session.get().state === "in") signedOut(true);
  else if (session.get().state !== "out") signedOut(false);
});

export async function load() {
  try {
    session.set({ state: "in", me: await api.me(), ended: false });
  } catch (error) {
    if (error.status === 401) signedOut(session.get().ended);
    else session.set({ state: "unreachable", me: null, ended: false, error });
  }
}

export function signedIn(me) {
  session.set({ state: "in", me, ended: false });
  channel?.postMessage("in");
}

export async function logout() {
  await api.logout().catch(() => {});
  channel?.postMessage("out");
  signedOut(false);
}

export const may = (right) => session.get().me?.rights?.includes(right) ?? false;

const ROLES = { viewer: 0, operator: 1, admin: 2, super_admin: 3 };
const NEEDS = {
  "read": "viewer", "job.manage": "operator", "order.resolve": "operator", "order.cancel": "operator",
  "order.message": "operator",
  "queue.pause": "admin", "account.lift": "admin", "operation.run": "admin", "kyc.decide": "admin",
  "merchant.manage": "admin",
  "audit.read": "admin", "audit.export": "admin", "users.manage": "super_admin", "reveal": "super_admin",
};
/** Why one may not, in words; null when one may. */
export function whyNot(right) {
  if (may(right)) return null;
  const role = NEEDS[right];
  const known = role in ROLES ? `the role ${role}` : "another role";
  return `This needs the right ${right} (${known}); you are signed in as ${session.get().me?.role
    ?? "nobody"}.`;
}
