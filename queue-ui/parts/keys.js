// The keyboard: one list of keys, shown by `?`, and what they do.
import { html } from "../lib/ui.js";
import { nextTheme, prefs, setZone } from "../lib/prefs.js";
import { go, to } from "../lib/router.js";
import { dialog, dialogOpen } from "./dialog.js";

const PLACES = {
  o: ["Overview", []], r: ["Review desk", ["review"]], s: ["Orders", ["orders"]],
    f: ["Failures", ["failures"]],
  p: ["Operations", ["operations"]], w: ["Workers", ["workers"]], m: ["Metrics", ["metrics"]],
    a: ["Audit", ["audit"]],
  c: ["Your account", ["account"]], h: ["Webhooks", ["webhooks"]], k: ["KYC desk", ["kyc"]],
  e: ["Merchants", ["merchants"]],
};

const KEYS = [
  ["/", "Find an order"], ["j k", "Next and previous row"], ["Enter", "Open the row"],
    ["x", "Choose the row"],
  ["b", "To what you can do here, and on"], [".", "Show new rows"], ["Esc", "Leave a field or dialog"],
    ["t", "Theme"], ["z", "IST or UTC"], ["?", "These keys"],
];

const help = () => dialog((close) =>
  html`<form class="dialog" onSubmit=${(e) => (e.preventDefault(), close())}>
  <h2 id="dialog-title">Keyboard</h2>
  <ul class="keys">${KEYS.map(([key, words]) =>
    html`<li key=${key}>${words}<span>${key.split(" ").map((k) => html`<kbd>${k}</kbd> `)}</span></li>`)}</ul>
  <h3>Go to</h3>
  <ul class="keys">${Object.entries(PLACES).map(([key, [name]]) =>
    html`<li key=${key}>${name}<span><kbd>g</kbd> <kbd>${key}</kbd></span></li>`)}</ul>
  <footer><button class="btn main-action" data-first>Close</button></footer></form>`);

function moveRow(step) {
  const rows = [...document.querySelectorAll("main [data-row]")];
  if (!rows.length) return;
  const now = rows.indexOf(document.activeElement?.closest?.("[data-row]"));
  const next = rows[now < 0 ? (step > 0 ? 0 : rows.length - 1)
    : Math.min(rows.length - 1, Math.max(0, now + step))];
  const target = next.querySelector("[data-rowfocus]")
    ?? (next.matches("a, button") ? next : next.querySelector("a, button, input"));
  target?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

/** Buttons of the screen, of the order or job, and of chosen rows: rows are not tabbed through. */
const ACTS = "main .page-head button, main .hold button, main .actions button, main .selection button";

function moveAct() {
  const acts = [...document.querySelectorAll(ACTS)];
  acts[(acts.indexOf(document.activeElement) + 1) % acts.length]?.focus();
}

const choose = () => document.activeElement?.closest?.("[data-row]")?.querySelector(
  "input[type=checkbox]")?.click();

let awaiting = 0;
function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const field = event.target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select");
  if (event.key === "Escape" && field && !dialogOpen()) {
    field.blur();
    return;
  }
  if (field || dialogOpen()) return;
  if (Date.now() < awaiting) {
    awaiting = 0;
    const place = PLACES[event.key];
    if (place) {
      event.preventDefault();
      go(to(place[1]));
    }
    return;
  }
  const act = {
    "/": () => document.querySelector("#lens")?.focus(),
    "?": help,
    "g": () => (awaiting = Date.now() + 1500),
    "j": () => moveRow(1),
    "k": () => moveRow(-1),
    "x": choose,
    "b": moveAct,
    ".": () => document.querySelector("[data-shownew]")?.click(),
    "t": nextTheme,
    "z": () => setZone(prefs.get().zone === "IST" ? "UTC" : "IST"),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

export const startKeys = () => addEventListener("keydown", press);
export { help as showKeys };
