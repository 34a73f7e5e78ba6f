// The dashboard over time, in a real Chromium: `scripts/bench ui`. How soon a page shows what happened, and
// whether its memory and its elements stay flat while 50 events a second arrive.
import { setTimeout as sleep } from "node:timers/promises";
import { startBrowser } from "./browser.mjs";
import { openAs, settled, visit } from "./dashboard.mjs";
import { startProgram } from "./program.mjs";
import { makeUsers, startStory } from "./story.mjs";

const MINUTES = Number(process.env.BENCH_MINUTES ?? 10);
const PER_SECOND = 50;
const EVENTS_OF_AN_ORDER = 3;
const UPDATES = 40;
/** What the last look may be above the one after a minute. */
const GROWTH = 1.25;

const program = await startProgram();
const browser = await startBrowser(program.url);
let failed;
try {
  await makeUsers(program);
  const story = await startStory(program);
  const context = await browser.context();
  const page = await openAs(context, program.url, "admin");
  await updates(page, story);
  failed = await flat(context, page, story);
} finally {
  await browser.stop();
  await program.stop();
}
if (failed) {
  console.error(failed);
  process.exit(1);
}

/** From the moment that the store has of a booking to the moment that an open page shows it. */
async function updates(page, story) {
  await story.faults({ latencyMs: 1500 });
  const times = [];
  for (let n = 0; n < UPDATES; n += 1) {
    const order = await story.order();
    await visit(page, program.url, `/orders/${order.id}`);
    await settled(page);
    const shown = page.evaluate(async () => {
      const badges = () => [...document.querySelectorAll("main .badge")];
      const booked = () => badges().some((badge) => badge.innerText === "Booked");
      if (booked()) return null;
      return new Promise((done) => {
        const look = new MutationObserver(() => booked() && (look.disconnect(), done(Date.now())));
        look.observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true });
      });
    });
    const { updatedAt } = await story.reaches(order, "success");
    const at = await shown;
    if (at !== null) times.push(at - Date.parse(updatedAt));
  }
  await story.asAtTheStart();
  if (times.length < UPDATES / 2) throw new Error(`only ${times.length} pages were open before the booking`);
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  console.log(`from the booking to its words on an open page, ${times.length} orders: p50 ${at(0.5)} ms, ` +
    `p90 ${at(0.9)} ms, longest ${at(1)} ms`);
}

/** Heap after a collection, and elements, of the overview, minute by minute. Says what grew, if it did. */
async function flat(context, page, story) {
  await visit(page, program.url, "");
  await settled(page);
  const tools = await context.newCDPSession(page);
  await tools.send("Performance.enable");
  await tools.send("HeapProfiler.enable");
  const rows = [];
  for (let minute = 0; minute <= MINUTES; minute += 1) {
    await tools.send("HeapProfiler.collectGarbage");
    const { metrics } = await tools.send("Performance.getMetrics");
    const of = (name) => metrics.find((metric) => metric.name === name).value;
    rows.push([of("JSHeapUsedSize") / 1e6, of("Nodes"), of("JSEventListeners")]);
    console.log(`minute ${minute}: ${rows.at(-1)[0].toFixed(1)} MB, ${rows.at(-1)[1]} nodes, ` +
      `${rows.at(-1)[2]} listeners`);
    const end = Date.now() + 60_000;
    if (minute === MINUTES) break;
    let made = 0;
    while (Date.now() < end) {
      const seconds = 60 - (end - Date.now()) / 1000;
      const due = Math.floor((seconds * PER_SECOND) / EVENTS_OF_AN_ORDER) - made;
      if (due > 0) await story.orders(due);
      made += Math.max(due, 0);
      await sleep(50);
    }
  }
  const grown = ["heap", "nodes", "listeners"].filter((_, n) => rows.at(-1)[n] > rows[1][n] * GROWTH);
  return grown.length ? `grew by more than a quarter after the first minute: ${grown.join(", ")}` : undefined;
}
