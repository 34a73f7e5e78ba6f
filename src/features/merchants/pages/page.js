// What a mailed link opens. The code is behind the # of the address, which browsers send to nobody; it is
// taken out of the address at once, and goes to the service in the body of a request.
"use strict";
(() => {
  const form = document.querySelector("form");
  const button = form.querySelector("button");
  const problem = document.querySelector("#problem");
  const done = document.querySelector("#done");
  const field = (name) => form.elements.namedItem(name);
  // What the service points at, as people see it.
  const NAMES = { "/token": "The code", "/name": "The name", "/password": "The password" };
  let token = "";
  let busy = false;

  /** Shows the field for a code where there is none yet. */
  function askForCode() {
    field("code").disabled = token !== "";
    field("code").parentElement.hidden = token !== "";
  }

  /** Takes the code of the address, also of another link that is opened in this tab. */
  function take() {
    token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
    if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    tell([]);
    done.hidden = true;
    form.hidden = false;
    askForCode();
  }

  /** Words are text, whoever they come from. */
  function tell(words) {
    problem.replaceChildren(...words.map((word) => {
      const line = document.createElement("p");
      line.textContent = word;
      return line;
    }));
  }

  /** Why it was refused. */
  async function wordsOf(response) {
    const told = await response.json().catch(() => null);
    const errors = Array.isArray(told?.errors) ? told.errors : [];
    if (errors.some(({ pointer }) => pointer === "/token")) token = "";
    if (errors.length) return errors.map(({ pointer, detail }) => `${NAMES[pointer] ?? pointer} ${detail}.`);
    const wait = response.headers.get("retry-after");
    const words = told?.detail ?? `The service could not answer (${response.status}).`;
    return [String(words), ...(wait ? [`Try again in ${wait} seconds.`] : [])];
  }

  /** Nothing where it was done, else why not. */
  async function send() {
    const again = field("again");
    if (again && again.value !== field("password").value) return ["The two passwords differ."];
    // Of a whole link, too.
    const pasted = field("code").value.trim().split("#token=").pop();
    const body = { token: token || pasted };
    for (const name of ["name", "password"]) if (field(name)) body[name] = field(name).value;
    const response = await fetch(location.pathname, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
      credentials: "omit", cache: "no-store", redirect: "error",
    }).catch(() => null);
    if (!response) return ["The service cannot be reached. Try again when you are connected."];
    return response.ok ? [] : wordsOf(response);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    tell([]);
    const words = await send().catch(() => ["The answer cannot be read. Try again later."]);
    busy = false;
    button.removeAttribute("aria-disabled");
    if (words.length) {
      tell(words);
      askForCode();
      return;
    }
    token = "";
    form.reset();
    form.hidden = true;
    done.hidden = false;
    done.focus();
  });

  addEventListener("hashchange", () => location.hash && take());
  take();
})();
