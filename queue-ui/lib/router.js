// Where one is: a path under /admin/queues and its filters. Every view is a link; what may be personal (a
// phone number) is never part of one.
import { html, store } from "./ui.js";

const ROOT = "/admin/queues";

const parse = () => {
  const path = location.pathname.startsWith(ROOT) ? location.pathname.slice(ROOT.length) : "";
  const parts = path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { parts, filters: Object.fromEntries(new URLSearchParams(location.search)), state: history.state };
};

export const place = store(parse());
addEventListener("popstate", () => place.set(parse()));

/** The address of a view: `to(["orders", id], { tab: "calls" })`. */
export function to(parts = [], filters = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, value);
  }
  const text = search.toString();
  return [ROOT, ...parts.map(encodeURIComponent)].join("/") + (text ? `?${text}` : "");
}

export function go(address, { replace = false, state = null } = {}) {
  history[replace ? "replaceState" : "pushState"](state, "", address);
  place.set(parse());
  if (!replace) scrollTo(0, 0);
}

/** Changes filters of the view one is at; a changed filter starts its list anew. */
export function filter(changes) {
  const { parts, filters } = place.get();
  go(to(parts, { ...filters, ...changes }), { replace: true });
}

/** A link within the pages; opens in a new tab as any other. */
export function Link({ href, children, ...rest }) {
  const click = (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(href);
  };
  return html`<a href=${href} onClick=${click} ...${rest}>${children}</a>`;
}
