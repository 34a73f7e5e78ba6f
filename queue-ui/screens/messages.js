// What the shop and the desk have written to each other about an order: plain text, whatever is in it.
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { api } from "../lib/api.js";
import { plural } from "../lib/format.js";
import { onEvent } from "../lib/live.js";
import { useResource } from "../lib/resource.js";
import { whyNot } from "../lib/session.js";
import { shown } from "../lib/text.js";
import { Ago, Badge, Failed, Loading, Panel, ProblemNote, Stale } from "../parts/basics.js";
import { Field } from "../parts/dialog.js";
import { toast } from "../parts/toast.js";

const RIGHT = "order.message";
const LONGEST = 2000;
const EVERY = 3000; // one sign of typing in so many ms
const TYPING = 6000; // how long one is shown

/** The whole thread: it is bounded. */
async function whole(id, signal) {
  const all = { items: [], thread: null };
  let cursor;
  do {
    const page = await api.messages(id, { limit: 200, cursor }, signal);
    all.items.push(...page.items);
    all.thread = page.thread;
    cursor = page.nextCursor;
  } while (cursor);
  return all;
}

/** Whether the shop is typing at this moment. */
function useTyping(id) {
  const [typing, setTyping] = useState(false);
  useEffect(() => {
    let timer;
    const off = onEvent(({ type, data }) => {
      if (type !== "typing" || data?.id !== id || data.from !== "shop") return;
      setTyping(true);
      clearTimeout(timer);
      timer = setTimeout(() => setTyping(false), TYPING);
    });
    return () => {
      off();
      clearTimeout(timer);
      setTyping(false);
    };
  }, [id]);
  return typing;
}

const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("-");

function Write({ id, sent }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const key = useRef(null);
  const told = useRef(0);
  const type = (value) => {
    setText(value);
    // Another text is another message.
    key.current = null;
    if (value && Date.now() - told.current > EVERY) {
      told.current = Date.now();
      api.typing(id).catch(() => {});
    }
  };
  const submit = async (event) => {
    event.preventDefault();
    if (!text.trim() || busy) return;
    setBusy(true);
    setError(null);
    key.current ??= newKey();
    try {
      await api.say(id, { text, clientMessageId: key.current });
      setText("");
      key.current = null;
      sent();
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`<form class="write" onSubmit=${submit}>
    <${Field} label="Write to the shop" hint="Plain text. The shop sees it as written by Support.">
      ${(field) => html`<textarea id=${field} rows="3" maxlength=${LONGEST} value=${text}
        onInput=${(e) => type(e.target.value)}></textarea>`}<//>
    <${ProblemNote} error=${error} />
    <div class="row"><button class="btn main-action" disabled=${!text.trim() || busy}>
      ${busy ? "Sending…" : "Send"}</button></div></form>`;
}

export function Messages({ id }) {
  const list = useResource((signal) => whole(id, signal), [id], (event) =>
    event.data?.type === "order.message" && event.data.id?.startsWith(id));
  const typing = useTyping(id);
  const no = whyNot(RIGHT);
  const { items = [], thread } = list.data ?? {};
  const last = items.at(-1);
  const read = async () => {
    try {
      await api.messagesRead(id, { messageId: last.id });
    } catch (problem) {
      toast(problem.message, "bad");
    }
    list.reload();
  };
  const one = (message) => html`<li key=${message.id} class="message ${message.from}">
    <div class="row"><strong>${message.from === "support" ? shown(message.author) : "The shop"}</strong>
      ${message.from === "shop" && html`<span class="faint mono">${shown(message.author)}</span>`}
      <${Ago} value=${message.createdAt} />
      ${message.from === "shop" && message.number > (thread?.readTo ?? 0)
        && html`<${Badge} tone="wait" plain>new<//>`}</div>
    <p dir="auto">${shown(message.text)}</p></li>`;
  const count = thread?.messages ? plural(thread.messages, "message") : null;
  return html`<${Panel} title="Messages" aside=${count}
    tools=${thread?.unread > 0 && html`<span class="grow"></span><button class="btn small"
      aria-disabled=${no ? "true" : undefined} title=${no ?? undefined}
      onClick=${() => (no ? toast(no, "bad") : read())}>Mark as read</button>`}>
    ${!list.data ? (list.error ? html`<${Failed} error=${list.error} retry=${list.reload} />`
      : html`<${Loading} lines=${2} />`)
      : html`<div class="stack">
        ${list.error && html`<${Stale} of=${list} />`}
        ${items.length
          ? html`<ol class="messages" aria-label="Messages, the newest last">${items.map(one)}</ol>`
          : html`<p class="faint">Nobody has written about this order.</p>`}
        ${thread?.readToByShop > 0 && last?.from === "support" && thread.readToByShop >= last.number
          && html`<p class="faint">Read by the shop</p>`}
        <p class="faint" role="status">${typing ? "The shop is typing…" : ""}</p>
        ${no ? html`<p class="faint">${no}</p>`
          : html`<${Write} id=${id} sent=${list.reload} />`}</div>`}<//>`;
}
