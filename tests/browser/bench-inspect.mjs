// What looking costs: `scripts/bench inspect`. Pages of a queue of 1,000 jobs and of one of 1,000,000, wrong
// logins, and open streams while events come. The servers are those that WAYBILL_BENCH_… names, or files.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { startProgram } from "./program.mjs";
import { makeUsers, PASSWORD, startStory, until } from "./story.mjs";

const { QUEUE_BENCH, BENCH_STORE, BENCH_QUEUE } = process.env;
const SIZES = [1_000, Number(process.env.BENCH_WAITING ?? 1_000_000)];
const LIMIT = 100;
const LOOKS = 40;
const LOGINS = 10_000;
const STREAMS = 20;
const PER_SECOND = 500;
const SECONDS = 15;

const settings = { WAYBILL_QUEUE__URL: BENCH_QUEUE, ...(BENCH_STORE && { WAYBILL_STORE__URL: BENCH_STORE }),
  ...(BENCH_STORE && { WAYBILL_PARCELX__SIMULATOR_ON_SERVERS: "true" }),
  ...(BENCH_STORE && { WAYBILL_AUTH__JWT_SECRET: "only for a bench of this machine, and long enough" }),
  WAYBILL_QUEUE__CONCURRENCY: "50" };
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const cell = (text, n) => (n ? `${text}`.padStart(14) : text.padEnd(34));
const say = (...columns) => console.log(columns.map(cell).join(""));

const program = await startProgram(settings);
try {
  await makeUsers(program);
  await pages();
  await logins();
  await streams();
} finally {
  await program.stop();
}

/** Milliseconds of CPU that the program has used. */
function used() {
  const stat = readFileSync(`/proc/${program.pid}/stat`, "utf8").replace(/.*\) /, "");
  return stat.split(" ").slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
}

async function login(username, password = PASSWORD) {
  const headers = { "content-type": "application/json", "x-waybill-admin": "1" };
  const body = JSON.stringify({ username, password });
  const answer = await fetch(`${program.url}/admin/api/login`, { method: "POST", headers, body });
  await answer.text();
  return answer;
}

async function signedIn(username) {
  const answer = await login(username);
  if (!answer.ok) throw new Error(`login: ${answer.status}`);
  return answer.headers.getSetCookie()[0].split(";")[0];
}

async function fill(jobs) {
  const child = spawn(QUEUE_BENCH, [BENCH_QUEUE, "fill", `${jobs}`], { stdio: ["ignore", "ignore", 2] });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`the queue was not filled: ${code}`);
}

/** First, middle and last page of both sizes, each the median of so many looks. */
async function pages() {
  const cookie = await signedIn("leela");
  const page = async (state, cursor) => {
    const query = new URLSearchParams({ state, limit: LIMIT, ...(cursor && { cursor }) });
    const begun = performance.now();
    const path = `/admin/api/queues/bench/jobs?${query}`;
    const answer = await fetch(program.url + path, { headers: { cookie } });
    const body = await answer.json();
    if (!answer.ok) throw new Error(`${answer.status}: ${JSON.stringify(body)}`);
    return { ms: performance.now() - begun, jobs: body.data.length, next: body.nextCursor };
  };
  say(`a page of ${LIMIT}, ms`, "first", "middle", "last");
  const rows = [];
  for (const size of SIZES) {
    await fill(size);
    const places = { first: undefined };
    let seen = 0;
    for (let cursor; ;) {
      const { jobs, next } = await page("waiting", cursor);
      seen += jobs;
      if (!next) break;
      if (seen <= size / 2) places.middle = next;
      places.last = next;
      cursor = next;
    }
    if (seen !== size) throw new Error(`${seen} jobs were listed of ${size}`);
    for (let n = 0; n < LOOKS; n += 1) await page("waiting"); // the first looks are slower
    const row = [];
    for (const place of ["first", "middle", "last"]) {
      const times = [];
      for (let n = 0; n < LOOKS; n += 1) times.push((await page("waiting", places[place])).ms);
      row.push(median(times));
    }
    rows.push(row);
    say(`  ${size.toLocaleString("en")} jobs wait`, ...row.map((ms) => ms.toFixed(2)));
  }
  say("  ratio (at most 1.50)", ...rows[1].map((ms, n) => (ms / rows[0][n]).toFixed(2)));
  const times = [];
  for (let n = 0; n < LOOKS; n += 1) {
    const begun = performance.now();
    await (await fetch(`${program.url}/admin/api/overview`, { headers: { cookie } })).text();
    times.push(performance.now() - begun);
  }
  say("overview beside them, ms (200)", median(times).toFixed(1), `${Math.max(...times).toFixed(1)} max`);
}

/** Wrong passwords as fast as they are answered. */
async function logins() {
  const [begun, before, answers] = [Date.now(), used(), {}];
  let n = 0;
  const guess = async () => {
    while (n < LOGINS) {
      n += 1;
      const { status } = await login(n % 2 ? "asha" : `nobody-${n}`, "wrong horse battery");
      answers[status] = (answers[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 32 }, guess));
  const [wall, cpu] = [Date.now() - begun, used() - before];
  const row = [`${(wall / 1000).toFixed(1)} s`, `${(cpu / 1000).toFixed(1)} s CPU`];
  row.push(`${(cpu / wall).toFixed(2)} cores`);
  say(`${LOGINS.toLocaleString("en")} wrong logins`, ...row);
  say("  answers", ...Object.entries(answers).map(([status, count]) => `${status}: ${count}`));
}

/** The same orders with and without listeners; an order that is booked at once has two or three events. */
async function streams() {
  const story = await startStory(program);
  const cookie = await until("the address to be let in again", async () => {
    const answer = await login("ravi");
    return answer.ok && answer.headers.getSetCookie()[0].split(";")[0];
  }, 90_000);
  const cost = async (listeners) => {
    const end = new AbortController();
    let events = 0;
    for (let n = 0; n < listeners; n += 1) {
      const request = { headers: { cookie }, signal: end.signal };
      const answer = await fetch(`${program.url}/admin/api/events`, request);
      if (!answer.ok) throw new Error(`${answer.status}`);
      read(answer.body, () => (events += 1));
    }
    const before = used();
    const begun = Date.now();
    let made = 0;
    // Three events for each order: accepted, sent, booked.
    const rate = PER_SECOND / 3;
    while (Date.now() - begun < SECONDS * 1000) {
      const due = Math.floor(((Date.now() - begun) / 1000) * rate) - made;
      if (due > 0) await story.orders(due);
      made += Math.max(due, 0);
      await sleep(20);
    }
    await sleep(2000);
    const cpu = (used() - before) / (Date.now() - begun);
    end.abort();
    return { cpu, events: listeners ? events / listeners / SECONDS : 0, orders: made / SECONDS };
  };
  const rounds = [];
  for (let n = 0; n < 3; n += 1) rounds.push([await cost(0), await cost(STREAMS)]);
  const [without, beside] = [0, 1].map((at) => median(rounds.map((round) => round[at].cpu)));
  const one = rounds[0][1];
  say(`${STREAMS} streams`, `${one.orders.toFixed(0)} orders/s`, `${one.events.toFixed(0)} events/s`);
  const shares = [without, beside, beside - without].map((cpu) => `${(cpu * 100).toFixed(1)} %`);
  say("  CPU without, with, more (10 %)", ...shares);
}

async function read(body, event) {
  let rest = "";
  try {
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + chunk).split("\n\n");
      rest = parts.pop();
      parts.filter((part) => part.startsWith("id:")).forEach(event);
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}
