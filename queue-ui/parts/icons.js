// The few pictures of the pages: 16 × 16 line drawings in the colour of the text around them.
import { html } from "../lib/ui.js";

const PATHS = {
  overview: "M2.5 2.5h4.5v6h-4.5zM9 2.5h4.5v3.5h-4.5zM9 8h4.5v5.5h-4.5zM2.5 10.5h4.5v3h-4.5z",
  review: "M8 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 8 8zM3 13.5c.5-2.6 2.4-4 5-4s4.5 1.4 5 4",
  orders: "M2.5 5 8 2.2 13.5 5v6L8 13.8 2.5 11zM2.5 5 8 7.8 13.5 5M8 7.8v6",
  failures: "M8 2.3 14.2 13.3H1.8zM8 6.5v3M8 11.3v.2",
  webhooks: "M2.5 8h8M7.5 4.5 11 8l-3.5 3.5M13.5 3v10",
  kyc: "M2 3.5h12v9H2zM6 8.2a1.4 1.4 0 1 0 0-2.8 1.4 1.4 0 0 0 0 2.8zM3.8 10.8c.3-1 1.1-1.5 2.2-1.5s1.9.5 "
    + "2.2 1.5M10.2 6.5h2M10.2 9h2",
  merchants: "M2.5 6 3.6 2.5h8.8L13.5 6M2.5 6a1.8 1.8 0 0 0 3.7 0 1.8 1.8 0 0 0 3.6 0 1.8 1.8 0 0 0 3.7 "
    + "0M3.5 8.5v5h9v-5M6.5 13.5v-3h3v3",
  queues: "M2.5 4h11M2.5 8h11M2.5 12h7",
  operations: "M3 3.5h7M3 8h10M3 12.5h5M12.5 2v3M10.5 12.5l1.5 1.5 2.5-3",
  workers: "M4.5 4.5h7v7h-7zM6.5 2v2.5M9.5 2v2.5M6.5 11.5v2.5M9.5 11.5v2.5M2 6.5h2.5M2 9.5h2.5M11.5 "
    + "6.5h2.5M11.5 9.5h2.5",
  metrics: "M2.5 13.5h11M3 10.5 6 7l2.5 2L13 3.5",
  audit: "M4 2.5h6l2.5 2.5v8.5H4zM6 7h4.5M6 9.5h4.5M6 12h2.5",
  users: "M6 7.5a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6zM1.8 13c.4-2.3 2-3.6 4.2-3.6s3.8 1.3 4.2 "
    + "3.6M10.5 3.2a2.2 2.2 0 0 1 0 4.2M12 9.7c1.3.5 2 1.6 2.3 3.3",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14",
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 "
    + "1M3.4 12.6l1-1M11.6 4.4l1-1",
  moon: "M13.3 9.7A5.8 5.8 0 0 1 6.3 2.7a5.8 5.8 0 1 0 7 7z",
  screen: "M2 3h12v8H2zM6 13.5h4M8 11v2.5",
  account: "M8 8.3a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM2.8 14c.6-2.7 2.5-4.2 5.2-4.2s4.6 1.5 5.2 4.2",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2v9.6L12.5 8z",
  warn: "M8 2.3 14.2 13.3H1.8zM8 6.5v3M8 11.3v.2",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.3v3.5M8 5v.2",
  copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
  close: "M4 4l8 8M12 4l-8 8",
  lock: "M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
};

export function Icon({ name }) {
  return html`<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name] ?? ""} /></svg>`;
}

export function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="8" fill="#2456d6" />
    <path d="M6.5 10.5 10.6 22l5.4-10 5.4 10 4.1-11.5" fill="none" stroke="#fff" stroke-width="3"
      stroke-linecap="round" stroke-linejoin="round" /></svg>`;
}
