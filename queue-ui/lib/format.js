// The one place that turns values into what people read: times in IST or UTC, durations, counts, money.
import { prefs } from "./prefs.js";

const ZONES = { IST: "Asia/Kolkata", UTC: "UTC" };
const made = new Map();
function formatter(kind, options) {
  const zone = prefs.get().zone;
  const key = kind + zone;
  if (!made.has(key)) {
    const full = { timeZone: ZONES[zone], hourCycle: "h23", ...options };
    made.set(key, new Intl.DateTimeFormat("en-GB", full));
  }
  return made.get(key);
}

const date = (at) => {
  const parsed = at instanceof Date ? at : new Date(at);
  return Number.isNaN(parsed.getTime()) ? null : parsed;
};

/** `14:03:22`, with the day before it unless that is today. */
export function clock(at, now = new Date()) {
  const parsed = at && date(at);
  if (!parsed) return "–";
  const time = formatter("t", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(parsed);
  const day = formatter("d", { day: "numeric", month: "short" });
  return day.format(parsed) === day.format(now) ? time : `${day.format(parsed)}, ${time.slice(0, 5)}`;
}

/** `28 Nov 2026, 14:03:22 IST`. */
export function moment(at) {
  const parsed = at && date(at);
  if (!parsed) return "–";
  const text = formatter("m", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).format(parsed);
  return `${text} ${prefs.get().zone}`;
}

/** Words of the API in which a time stands. */
export const withMoments = (text) => text?.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => moment(at));

/** For the axis of a chart. */
export function tick(seconds, span) {
  const at = new Date(seconds * 1000);
  if (span > 3 * 86_400) return formatter("d", { day: "numeric", month: "short" }).format(at);
  return formatter("hm", { hour: "2-digit", minute: "2-digit" }).format(at);
}

/** `12 s`, `4 min`, `3 h 20 min`, `5 d`. */
export function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  const s = Math.round(ms / 1000);
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (s < 90) return `${s} s`;
  const min = Math.round(s / 60);
  if (min < 90) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 48) return min % 60 && h < 10 ? `${h} h ${min % 60} min` : `${h} h`;
  return `${Math.round(h / 24)} d`;
}

/** `4 min ago`, `in 20 s`. */
export function relative(at, now = Date.now()) {
  const parsed = at && date(at);
  if (!parsed) return "–";
  const ms = now - parsed.getTime();
  if (Math.abs(ms) < 2000) return "now";
  const text = duration(Math.max(Math.abs(ms) >= 1000 ? Math.round(Math.abs(ms) / 1000) * 1000 : 0, 1000));
  const whole = text.replace(/\.\d s/, " s");
  return ms > 0 ? `${whole} ago` : `in ${whole}`;
}

const counts = new Intl.NumberFormat("en-IN");
/** `1,04,230`; `10,000+` where counting stopped. */
export function count(n, capped = false) {
  if (n === null || n === undefined) return "–";
  return counts.format(n) + (capped ? "+" : "");
}
export const plural = (n, one, many = `${one}s`, capped = false) =>
  `${count(n, capped)} ${n === 1 && !capped ? one : many}`;

/** `₹1,499.00` from the API's decimal string. */
export function money(rupees) {
  if (rupees === null || rupees === undefined || rupees === "") return "–";
  const [whole, part = "00"] = String(rupees).split(".");
  const n = Number(whole);
  return Number.isSafeInteger(n) ? `₹${counts.format(n)}.${part.padEnd(2, "0")}` : `₹${rupees}`;
}

export function bytes(n) {
  if (n < 1024) return `${n} B`;
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(1)} KB` : `${(n / 1024 / 1024).toFixed(1)} MB`;
}

/** What a `datetime-local` field holds, in the chosen zone, as RFC 3339. */
export function fromLocal(text) {
  if (!text) return undefined;
  const at = new Date(`${text}${prefs.get().zone === "IST" ? "+05:30" : "Z"}`);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

export function toLocal(at) {
  const parsed = at && date(at);
  if (!parsed) return "";
  const shift = prefs.get().zone === "IST" ? 330 * 60_000 : 0;
  return new Date(parsed.getTime() + shift).toISOString().slice(0, 16);
}
