// A shop's own page, on a site of its own: it can send its token with `fetch` alone, so it opens its streams
// with tickets, and the token is in no URL.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { startBrowser } from "./browser.mjs";
import { startProgram } from "./program.mjs";
import { startStory } from "./story.mjs";

const SHOP = "kalamandir";

/** What the page knows of its streams, in `told`. */
const PAGE = `<!doctype html><html lang="en"><title>The orders of a shop</title><script>
  const told = { events: [], messages: [], ends: [] };

  async function ticket(api, token) {
    const headers = { authorization: "Bearer " + token };
    const answer = await fetch(api + "/v1/stream-tickets", { method: "POST", headers });
    return (await answer.json()).data.ticket;
  }

  async function stream(api, token) {
    const source = new EventSource(api + "/v1/events/stream?ticket=" + (await ticket(api, token)));
    for (const type of ["order.created", "order.status_changed"]) {
      source.addEventListener(type, ({ lastEventId, data }) =>
        told.events.push({ lastEventId, ...JSON.parse(data) }));
    }
    source.addEventListener("bye", ({ data }) => {
      told.ends.push(JSON.parse(data).reason);
      source.close();
    });
    await new Promise((done) => (source.onopen = done));
  }

  async function watch(api, token, order, cursor) {
    const query = "?cursor=" + cursor + "&ticket=" + (await ticket(api, token));
    const socket = new WebSocket(api.replace("http", "ws") + "/ws/orders/" + order + query);
    socket.onmessage = ({ data }) => told.messages.push(JSON.parse(data));
    socket.onclose = ({ code, wasClean }) => told.ends.push(code + (wasClean ? "" : ", cut off"));
    await new Promise((done) => (socket.onopen = done));
  }
</script>`;

describe("live streams in a page", () => {
  let program, browser, story, site, origin, token, context, page, stopped;
  const urls = [];

  before(async () => {
    site = createServer((request, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end(PAGE)).listen(0, "127.0.0.1");
    await once(site, "listening");
    origin = `http://127.0.0.1:${site.address().port}`;
    program = await startProgram({ WAYBILL_HTTP__ORIGINS: origin });
    story = await startStory(program);
    token = await program.token(SHOP);
    browser = await startBrowser(origin, program.url);
    context = await browser.context();
    context.on("request", (request) => urls.push(request.url()));
    page = await context.newPage();
    page.on("websocket", (socket) => urls.push(socket.url()));
    await page.goto(origin);
  });
  after(async () => {
    await context?.close();
    const code = stopped ?? (await program?.stop());
    await browser?.stop();
    site?.close();
    if (program) assert.equal(code, 0);
  });

  /** Calls one of the page's functions with the service and the token. */
  const call = (name, ...more) =>
    page.evaluate(([name, ...given]) => globalThis[name](...given), [name, program.url, token, ...more]);
  const until = (check, given) => page.waitForFunction(check, given, { polling: 50 });

  test("an EventSource and a WebSocket tell of an order that is created elsewhere", async () => {
    await call("stream");
    const order = await story.order({ merchant: SHOP });
    await until((id) => told.events.some(({ data }) => data.orderId === id && data.status === "booked"),
      order.id);
    const events = await page.evaluate(() => told.events);
    assert.deepEqual(events.map(({ data }) => [data.orderId, data.sequence]),
      [1, 2, 3].map((n) => [order.id, n]));
    assert.ok(events.every(({ id, lastEventId }) => id === lastEventId));

    await call("watch", order.id, events[0].id);
    await until(() => told.messages.length === 2);
    const messages = await page.evaluate(() => told.messages);
    assert.deepEqual(messages, events.slice(1).map(({ lastEventId, ...event }) => event));
    // Both are live.
    await story.cancel(order);
    await until(() => told.messages.some(({ data }) => data.cancellation));
    assert.deepEqual(browser.complaints(), []);
  });

  test("the token is in no URL, and each stream has a ticket of its own", () => {
    const of = (beginning) => urls.filter((url) => url.startsWith(beginning));
    const opened = [...of(`${program.url}/v1/events/stream?`), ...of(program.url.replace("http", "ws"))];
    const tickets = opened.map((url) => new URL(url).searchParams.get("ticket"));
    assert.ok(tickets.length === 2 && tickets.every((ticket) => ticket.startsWith("tkt_")), `${opened}`);
    assert.notEqual(tickets[0], tickets[1]);
    assert.deepEqual(urls.filter((url) => url.includes(token)), []);
  });

  test("a page is told that the service stops", async () => {
    stopped = await program.stop();
    await until(() => told.ends.length === 2);
    assert.deepEqual((await page.evaluate(() => told.ends)).sort(), ["1001", "stopping"]);
  });
});
