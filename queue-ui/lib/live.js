// One event stream per browser. HTTP/1.1 allows six connections to a host, and people keep many tabs: a Web
// Lock elects the tab that reads the stream, a BroadcastChannel hands its events to the others, and when
// that tab closes the next one goes on from the last event.
//
// The stream is read with fetch, not EventSource: only so are the server's heartbeats seen (a line that is
// silent for 40 s is dead), an ended session told from a broken line, and the place kept by the next tab.
import { store } from "./ui.js";
import { url, whenContact } from "./api.js";
import { load, session } from "./session.js";

const SILENCE = 40_000;
const LONGEST_PAUSE = 30_000;
const CHANNEL = "waybill.live";

/** `{ state: "connecting" | "live" | "waiting" | "offline", since }`: since when it is so. */
export const link = store({ state: "connecting", since: Date.now() });

const listeners = new Set();
/** Hears `{ type, data }` of every event; also `type: "again"` when events may have been missed. */
export function onEvent(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let lastId = null;
let channel = null;
let leading = null;
let following = null;
let leader = false;

const enter = (state) => {
  if (link.get().state !== state) link.set({ state, since: Date.now() });
};

function hear(message) {
  if (message.id) lastId = message.id;
  if (message.state) {
    enter(message.state);
    if (message.state === "live") following = Date.now();
  }
  if (message.type) for (const listener of [...listeners]) listener(message);
}

function tell(message) {
  channel?.postMessage(message);
  hear(message);
}

/** Calls `each` with the fields of every event of a stream's text. */
export function parser(each) {
  let rest = "";
  let event = {};
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data !== undefined || event.event) each(event);
        event = {};
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
      else if (field) event[field] = value;
    }
  };
}

const json = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
};

/** Reads one stream to its end. Gives whether it was ever open. `late`: it is not the first try. */
async function read(signal, late) {
  const quiet = new AbortController();
  let timer;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => quiet.abort(), SILENCE);
  };
  alive();
  try {
    const headers = { accept: "text/event-stream" };
    if (lastId) headers["last-event-id"] = lastId;
    const both = AbortSignal.any([signal, quiet.signal]);
    const response = await fetch(url("/events"), { headers, signal: both, cache: "no-store" });
    if (response.status === 401) {
      await load();
      return false;
    }
    if (!response.ok) return false;
    // Not the first line that this page hears of, or it took long: there may have been events in between.
    const resumed = following !== null || late;
    tell({ state: "live" });
    if (resumed) tell({ type: "again" });
    const feed = parser((event) => {
      if (event.event === "bye") return;
      // Events in between are kept no more: all that is shown may be old.
      if (event.event === "reset") return tell({ id: event.id, type: "again" });
      tell({ id: event.id, type: event.event ?? "message", data: json(event.data) });
    });
    // A network that comes back may have left this line dead without a word.
    addEventListener("online", () => quiet.abort(), { once: true, signal: both });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      alive();
      tell({ state: "live" });
      feed(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

const pause = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  for (const [target, name] of [[signal, "abort"], [self, "online"]]) {
    target.addEventListener(name, () => (clearTimeout(timer), done()), { once: true });
  }
});

async function lead(signal) {
  let tries = 0;
  while (!signal.aborted) {
    const started = Date.now();
    const opened = await read(signal, tries > 0).catch(() => false);
    if (signal.aborted) return;
    tries = opened && Date.now() - started > 5000 ? 0 : tries + 1;
    tell({ state: navigator.onLine === false ? "offline" : "waiting" });
    const longest = Math.min(LONGEST_PAUSE, 1000 * 2 ** Math.min(tries, 5));
    await pause(longest * (0.5 + Math.random() / 2), signal);
    if (session.get().state !== "in") return;
  }
}

/** Starts with a session, ends with it. */
export function startLive() {
  stopLive();
  const ending = new AbortController();
  leading = ending;
  enter("connecting");
  // What happens while the line is not open yet comes all the same.
  const { me } = session.get();
  if (me?.lastEvent !== undefined) lastId ??= String(me.lastEvent);
  channel = "BroadcastChannel" in self ? new BroadcastChannel(CHANNEL) : null;
  channel?.addEventListener("message", ({ data }) => (data === "state?" ? answer() : hear(data)));
  channel?.postMessage("state?");
  const run = async () => {
    leader = true;
    await lead(ending.signal);
    leader = false;
  };
  if (navigator.locks) {
    navigator.locks.request(CHANNEL, { signal: ending.signal }, run).catch(() => {});
  } else {
    run();
  }
}

function answer() {
  if (leader) channel?.postMessage({ state: link.get().state, id: lastId ?? undefined });
}

export function stopLive() {
  leading?.abort();
  leading = null;
  channel?.close();
  channel = null;
}

// A tab that follows hears the heartbeats, too; when they end, the data it shows is as old as they are.
setInterval(() => {
  if (link.get().state === "live" && following && Date.now() - following > SILENCE + 5000) enter("waiting");
}, 5000);

addEventListener("offline", () => enter("offline"));
whenContact((reached) => {
  if (!reached && link.get().state === "live") return;
  if (reached && link.get().state === "offline") enter("waiting");
});

session.subscribe(({ state }) => {
  if (state === "in" && !leading) startLive();
  if (state !== "in") stopLive();
});
