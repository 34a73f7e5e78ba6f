// Charts of time: areas or lines in SVG, with marks where something was changed. Arrow keys move the cursor.
import { html, useEffect, useRef, useState } from "../lib/ui.js";
import { clock, count, tick } from "../lib/format.js";
import { prefs } from "../lib/prefs.js";
import { shown } from "../lib/text.js";
import * as words from "../lib/strings.js";
import { At } from "./basics.js";

const seconds = (at) => (typeof at === "number" ? (at > 1e11 ? at / 1000 : at) : Date.parse(at) / 1000);

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

function useWidth() {
  const ref = useRef(null);
  const [width, setWidth] = useState(640);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.max(200, Math.round(entry.contentRect.width))));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

const MARGIN = { left: 44, right: 8, top: 8, bottom: 22 };

/** `points`: `[{ at, <series>: number | null }]`; `series`: names in the order they are drawn. */
export function Chart({ label, points, series, markers = [], format = count, height = 190, from, to }) {
  prefs.use();
  const [box, width] = useWidth();
  const [at, setAt] = useState(null);
  const times = points.map((point) => seconds(point.at));
  const first = from ? seconds(from) : times[0];
  const last = to ? seconds(to) : times.at(-1);
  if (!points.length || !(last > first)) {
    return html`<div ref=${box}><p class="faint">Nothing measured yet. Numbers come with the first minutes of work.</p></div>`;
  }
  const max = Math.max(0, ...points.flatMap((point) => series.map((name) => point[name] ?? 0)));
  const { top, steps } = scale(max);
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const x = (t) => MARGIN.left + ((t - first) / (last - first)) * (right - MARGIN.left);
  const y = (v) => bottom - (v / top) * (bottom - MARGIN.top);
  const line = (name) => {
    let pen = "M";
    return points.map((point, n) => {
      const value = point[name];
      if (value === null || value === undefined) {
        pen = "M";
        return "";
      }
      const part = `${pen}${x(times[n]).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return part;
    }).join("");
  };
  const solid = (name) => points.every((point) => point[name] !== null && point[name] !== undefined);
  const ticks = Array.from({ length: Math.max(2, Math.floor(width / 110)) }, (_, n, all = Math.max(2, Math.floor(width / 110))) =>
    first + ((last - first) * n) / (all - 1));
  const nearest = (px) => {
    const t = first + ((px - MARGIN.left) / (right - MARGIN.left)) * (last - first);
    let best = 0;
    times.forEach((time, n) => Math.abs(time - t) < Math.abs(times[best] - t) && (best = n));
    return best;
  };
  const move = (event) => setAt(nearest(event.clientX - event.currentTarget.getBoundingClientRect().left));
  const key = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    setAt((old) => Math.min(points.length - 1, Math.max(0, (old ?? points.length - 1) + step)));
  };
  const shownAt = at !== null && at < points.length ? at : points.length - 1;
  const marks = markers.filter((mark) => seconds(mark.at) >= first && seconds(mark.at) <= last);
  const told = series.map((name) => `${words.seriesName[name] ?? name} ${format(points.at(-1)[name])}`).join(", ");
  return html`<div class="chart" ref=${box}>
    <div class="legend" aria-live=${at === null ? "off" : "polite"}>${series.map((name, n) => html`<span key=${name}>
      <i class="b${n % 6}"></i>${words.seriesName[name] ?? shown(name)}<b>${format(points[shownAt][name])}</b></span>`)}
      <span class="when">${at === null ? "latest" : clock(new Date(times[shownAt] * 1000))}</span></div>
    <svg height=${height} width=${width} role="img" tabindex="0" aria-label=${`${label}. Latest: ${told}. Highest ${format(max)}.`}
      onPointerMove=${move} onPointerLeave=${() => setAt(null)} onKeyDown=${key} onBlur=${() => setAt(null)}>
      ${steps.map((value) => html`<g key=${value}><line class="grid" x1=${MARGIN.left} x2=${right} y1=${y(value)} y2=${y(value)} />
        <text x=${MARGIN.left - 8} y=${y(value) + 4} text-anchor="end">${format(value)}</text></g>`)}
      ${ticks.map((t, n) => html`<text key=${n} x=${x(t)} y=${height - 6}
        text-anchor=${n === 0 ? "start" : n === ticks.length - 1 ? "end" : "middle"}>${tick(t, last - first)}</text>`)}
      ${marks.map((mark, n) => html`<line key=${n} class="mark ${mark.kind}" x1=${x(seconds(mark.at))} x2=${x(seconds(mark.at))}
        y1=${MARGIN.top} y2=${bottom}><title>${shown(mark.words)}</title></line>`)}
      ${series.length <= 2 && series.map((name, n) => solid(name) && html`<path key=${`f${name}`} class="fill f${n % 6}"
        d=${`${line(name)}L${x(times.at(-1)).toFixed(1)} ${bottom}L${x(times[0]).toFixed(1)} ${bottom}Z`} />`)}
      ${series.map((name, n) => html`<path key=${name} class="series c${n % 6}" d=${line(name)} />`)}
      ${at !== null && html`<line class="cursor" x1=${x(times[shownAt])} x2=${x(times[shownAt])} y1=${MARGIN.top} y2=${bottom} />`}
    </svg></div>`;
}

const MARKS = { deploy: "Deploy", pause: "Paused", resume: "Resumed", hold: "Held", lift: "Lifted" };

export function Markers({ markers, limit = 6 }) {
  if (!markers?.length) return null;
  return html`<ul class="marker-list" aria-label="What changed">${markers.slice(-limit).reverse().map((mark, n) => html`
    <li key=${n}><${At} value=${mark.at} /><span><strong>${MARKS[mark.kind] ?? shown(mark.kind)}</strong> ${shown(mark.words)}</span></li>`)}</ul>`;
}

/** A line without axes. */
export function Spark({ values = [], label }) {
  if (values.length < 2) return null;
  const max = Math.max(1, ...values);
  const spots = values.map((v, n) => `${((n / (values.length - 1)) * 94 + 1).toFixed(1)} ${(22 - (v / max) * 20).toFixed(1)}`);
  return html`<svg class="spark" viewBox="0 0 96 24" role="img" aria-label=${label}>
    <path class="area" d=${`M${spots.join("L")}L95 23L1 23Z`} /><path d=${`M${spots.join("L")}`} /></svg>`;
}
