// Charts of time in SVG: lines or stacked bars, with marks where something was changed. Points that are
// denser than the picture can show are put together. Arrow keys move the cursor.
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { clock, count, duration, tick } from "../lib/format.js";
import { prefs } from "../lib/prefs.js";
import { shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { At } from "./basics.js";

const seconds = (at) => (typeof at === "number" ? (at > 1e11 ? at / 1000 : at) : Date.parse(at) / 1000);
const known = (value) => typeof value === "number";

const COLOURS = {
  completed: "blue", booked: "blue", p50: "blue", waiting: "blue", failed: "red", refused: "red",
    internal: "red",
  p99: "red", p95: "amber", delayed: "amber", wallet: "amber", busy: "amber", review: "purple",
    unknown: "purple",
};
const SPARE = ["green", "grey", "amber", "purple"];
const colour = (name, n) => COLOURS[name] ?? SPARE[n % SPARE.length];

/** A round number at or above `max`, with a few even steps below it. */
export function scale(max) {
  if (!(max > 0)) return { top: 1, steps: [0, 1] };
  const raw = max / 3;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw);
  const whole = max >= 3 ? Math.max(1, step) : step;
  const n = Math.ceil(max / whole);
  return { top: n * whole, steps: Array.from({ length: n + 1 }, (_, k) => k * whole) };
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440].map((min) => min * 60);
const JOIN = {
  sum: (values) => values.reduce((a, b) => a + b, 0),
  mean: (values) => values.reduce((a, b) => a + b, 0) / values.length,
  max: (values) => Math.max(...values),
};

/** At most `room` points over `span` seconds, each over a round time: `{ step, points }`. */
export function thinned(points, series, step, room, join, span) {
  const wide = STEPS.find((s) => s >= step && s % step === 0 && span / s <= room) ?? STEPS.at(-1);
  if (wide === step) return { step, points };
  const buckets = new Map();
  for (const point of points) {
    const at = Math.floor(seconds(point.at) / wide) * wide;
    if (!buckets.has(at)) buckets.set(at, []);
    buckets.get(at).push(point);
  }
  const out = [...buckets].map(([at, inside]) => ({
    at,
    ...Object.fromEntries(series.map((name) => {
      const values = inside.map((point) => point[name]).filter(known);
      return [name, values.length ? JOIN[join](values) : null];
    })),
  }));
  return { step: wide, points: out };
}

function useWidth() {
  const ref = useRef(null);
  const [width, setWidth] = useState(560);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) =>
      setWidth(Math.max(200, Math.floor(entry.contentRect.width))));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

const MARGIN = { left: 46, right: 8, top: 8, bottom: 22 };

function lines({ points, series, x, y, bottom, step }) {
  return series.map((name, n) => {
    let pen = "M";
    const path = points.map((point, k) => {
      // Where nothing was measured, nothing is drawn.
      if (k > 0 && point.at - points[k - 1].at > step * 1.5) pen = "M";
      if (!known(point[name])) {
        pen = "M";
        return "";
      }
      // A point that stands alone is drawn as a dot: a line of no length, with round ends.
      const part = `${pen}${x(point.at).toFixed(1)} ${y(point[name]).toFixed(1)}${pen === "M" ? "h0" : ""}`;
      pen = "L";
      return part;
    }).join("");
    const whole = n === 0 && points.every((point, k) => known(point[name])
      && (k === 0 || point.at - points[k - 1].at <= step * 1.5));
    return html`<g key=${name}>${whole && html`<path class="area ${colour(name, n)}"
        d=${`${path}L${x(points.at(-1).at).toFixed(1)} ${bottom}L${x(points[0].at).toFixed(1)} ${bottom}Z`}
          />`}
      <path class="series ${colour(name, n)}" d=${path} /></g>`;
  });
}

function bars({ points, series, x, y, width, step }) {
  const wide = Math.max(1, Math.min(14, Math.abs(x(step) - x(0)) - 1, width));
  return points.map((point) => {
    let base = 0;
    return series.map((name, n) => {
      if (!known(point[name]) || point[name] <= 0) return null;
      const from = y(base);
      base += point[name];
      const top = y(base);
      return html`<rect key=${`${point.at}${name}`} class=${colour(name, n)}
        x=${(x(point.at) - wide / 2).toFixed(1)} y=${top.toFixed(1)}
        width=${wide.toFixed(1)} height=${Math.max(0.5, from - top).toFixed(1)} />`;
    });
  });
}

/**
 * `points`: `[{ at, <series>: number | null }]`, `step` seconds apart; `series`: names in drawing order;
 * `form`: `lines` or `bars`; `join`: how points are put together: `sum`, `mean` or `max`.
 */
export function Chart({ label, points, series, step = 60, markers = [], format = count, height = 190,
  form = "lines", join = "mean", from: begin, to: end }) {
  prefs.use();
  const [box, width] = useWidth();
  const [at, setAt] = useState(null);
  const span = begin && end ? seconds(end) - seconds(begin) : points.length
    ? seconds(points.at(-1).at) - seconds(points[0].at) : 0;
  const thin = thinned(points, series, step, Math.floor((width - 54) / (form === "bars" ? 7 : 4)), join,
    span);
  const spots = thin.points.map((point) => ({ ...point, at: seconds(point.at) }));
  if (!spots.length || !(span > 0)) {
    return html`<div ref=${box}><p class="faint">Nothing measured yet. Numbers come with the first minutes of
      work.</p></div>`;
  }
  const first = begin ? Math.min(seconds(begin), spots[0].at) : spots[0].at;
  const last = end ? Math.max(seconds(end), spots.at(-1).at) : spots.at(-1).at;
  const sum = (point) => series.reduce((n, name) => n + (point[name] ?? 0), 0);
  const max = Math.max(0, ...spots.map((point) =>
    (form === "bars" ? sum(point) : Math.max(0, ...series.map((name) => point[name] ?? 0)))));
  const { top, steps } = scale(max);
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const inset = form === "bars" ? Math.min(7, ((right - MARGIN.left) * thin.step) / (last - first || 1) / 2)
    : 0;
  const [from, to] = [MARGIN.left + inset, right - inset];
  const x = (t) => from + ((t - first) / (last - first)) * (to - from);
  const y = (v) => bottom - (v / top) * (bottom - MARGIN.top);
  const n = Math.max(2, Math.floor(width / 120));
  const ticks = Array.from({ length: n }, (_, k) => first + ((last - first) * k) / (n - 1));
  const move = (event) => {
    const t = first + ((event.clientX - event.currentTarget.getBoundingClientRect().left - from) / (
      to - from)) * (last - first);
    let best = 0;
    spots.forEach((spot, k) => Math.abs(spot.at - t) < Math.abs(spots[best].at - t) && (best = k));
    setAt(best);
  };
  const key = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    setAt((old) => Math.min(spots.length - 1, Math.max(0, (old ?? spots.length - 1) + by)));
  };
  const now = spots[at !== null && at < spots.length ? at : spots.length - 1];
  const marks = markers.filter((mark) => seconds(mark.at) >= first && seconds(mark.at) <= last);
  const told = series.map((name) => `${words.seriesName[name] ?? name} ${format(spots.at(-1)[name])}`).join(
    ", ");
  const per = `per ${duration(thin.step * 1000).replace(/^60 s$/, "minute").replace(/^60 min$/,
    "hour").replace(/^1 h$/, "hour")}`;
  const drawn = { points: spots, series, x, y, bottom, width, step: thin.step };
  return html`<div class="chart" ref=${box}>
    <div class="legend">${series.map((name, k) => html`<span key=${name}>
      <i class=${colour(name, k)}></i>${words.seriesName[name] ?? shown(name)}<b>${format(now[name])}</b>
        </span>`)}
      <span class="when">${join === "sum" ? `${per}, ` : ""}${at === null ? "latest"
        : clock(new Date(now.at * 1000))}</span></div>
    <svg height=${height} width=${width} role="img" tabindex="0"
      aria-label=${`${label}. Latest: ${told}. Highest ${format(max)}.`}
      onPointerMove=${move} onPointerLeave=${() => setAt(null)} onKeyDown=${key} onBlur=${() => setAt(null)}>
      ${steps.map((value) => html`<g key=${value}>
        <line class="grid" x1=${MARGIN.left} x2=${right} y1=${y(value)} y2=${y(value)} />
        <text x=${MARGIN.left - 8} y=${y(value) + 4} text-anchor="end">${format(value)}</text></g>`)}
      ${ticks.map((t, k) => html`<text key=${k} x=${x(t)} y=${height - 6}
        text-anchor=${k === 0 ? "start" : k === ticks.length - 1 ? "end" : "middle"}>${tick(t, last - first)}
          </text>`)}
      ${marks.map((mark, k) =>
        html`<line key=${k} class="mark ${mark.kind}" x1=${x(seconds(mark.at))} x2=${x(seconds(mark.at))}
        y1=${MARGIN.top} y2=${bottom}><title>${shown(mark.words)}</title></line>`)}
      ${form === "bars" ? bars(drawn) : lines(drawn)}
      ${at !== null && html`<line class="cursor" x1=${x(now.at)} x2=${x(now.at)} y1=${MARGIN.top} y2=${bottom}
        />`}
    </svg></div>`;
}

const MARKS = { deploy: "Deploy", pause: "Paused", resume: "Resumed", hold: "Held", lift: "Lifted" };

export function Markers({ markers, limit = 6 }) {
  if (!markers?.length) return null;
  return html`<ul class="marker-list" aria-label="What changed">
    ${markers.slice(-limit).reverse().map((mark, n) => html`
    <li key=${n}><${At} value=${mark.at} /><span><strong>${MARKS[mark.kind] ?? shown(mark.kind)}
      </strong> ${shown(mark.words)}</span></li>`)}</ul>`;
}

/** A line without axes. */
export function Spark({ values = [], label }) {
  if (values.length < 2) return null;
  const max = Math.max(1, ...values);
  const spots = values.map((v, n) =>
    `${((n / (values.length - 1)) * 94 + 1).toFixed(1)} ${(22 - (v / max) * 20).toFixed(1)}`);
  return html`<svg class="spark" viewBox="0 0 96 24" role="img" aria-label=${label}>
    <path class="area" d=${`M${spots.join("L")}L95 23L1 23Z`} /><path d=${`M${spots.join("L")}`} /></svg>`;
}
