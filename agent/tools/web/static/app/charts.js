// Charts by uPlot, with the colours of the page, a legend of words, and marks at frequencies.

import { h, setAttribute, setText, svg } from "./dom.js";
import { number } from "./format.js";
import { onChange } from "./settings.js";

const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4], [12, 4], [3, 6]];
const MARK_ROWS = 3;
const open = new Set();

/** The colour of a custom property of the page, as it is now. */
function colour(name) {
  const probe = h("span", { class: "sr-only" });
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** Colours and dashes of the series: by number, in the order of the labels. */
const seriesColour = (index) => colour(`--series-${index % 7}`);

function redrawAll() {
  for (const chart of open) chart.rebuild();
}
onChange(redrawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);

/**
 * Makes a chart.
 *
 * `title`, `xLabel`, `yLabel`: texts with units. `time`: x is seconds since 1970. `series`: [{label, fill}]. `band`: the
 * first two series are the lower and upper edge of a band. `yMin`, `yMax`: fixed limits. `sync`: charts of one key share
 * the cursor. `height`: px.
 */
export class Chart {
  constructor({ title, xLabel = "", yLabel = "", time = false, series, band = false, bars = false, yMin = null, yMax = null, sync = null, height = 180, yLines = [] }) {
    Object.assign(this, { title, xLabel, yLabel, time, series, band, bars, yMin, yMax, sync, height, yLines });
    this.data = null;
    this.marks = [];
    this.xRange = null;
    this.host = h("div", { class: "plot", role: "img", "aria-label": title });
    this.host.style.height = `${height}px`;
    this.legend = h("ul", { class: "legend" });
    this.note = h("p", { class: "plot-note" });
    this.node = h("figure", { class: "chart" }, h("figcaption", {}, h("span", { text: title }), this.legend), h("div", { class: "plot-box" }, this.host, this.note));
    this.plot = null;
    this.width = 0;
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.host);
    open.add(this);
  }

  /** Draws data: [x, y, …] of arrays. `summary`: what the picture shows, for people who cannot see it. */
  set(data, summary = "") {
    const rebuilt = this.plot === null || data.length !== this.data?.length;
    this.data = data;
    setText(this.note, data[0].length ? "" : "no data yet");
    setAttribute(this.host, "aria-label", summary ? `${this.title}: ${summary}` : this.title);
    if (rebuilt) this.rebuild();
    else this.plot.setData(data, !this.isZoomed());
    this.values(null);
  }

  setSeries(series) {
    if (series.map((each) => each.label).join() === this.series.map((each) => each.label).join()) return;
    this.series = series;
    this.data = null;
  }

  setMarks(marks) {
    this.marks = marks;
    this.plot?.redraw(false);
  }

  setXRange(range) {
    this.xRange = range;
    if (this.plot && this.data) this.plot.setData(this.data, true);
  }

  say(text) {
    setText(this.note, text);
  }

  isZoomed() {
    const { scales } = this.plot;
    const [low, high] = this.limits(this.data[0]);
    return scales.x.min !== null && this.zoomed && (scales.x.min > low || scales.x.max < high);
  }

  limits(x) {
    if (this.xRange) return this.xRange;
    return [x[0] ?? 0, x[x.length - 1] ?? 1];
  }

  rebuild() {
    if (this.data === null || !this.host.clientWidth) return;
    this.plot?.destroy();
    this.zoomed = false;
    this.width = this.host.clientWidth;
    this.colours = this.series.map((_, index) => seriesColour(this.band ? 0 : index));
    this.plot = new window.uPlot(this.options(), this.data, this.host);
    this.drawLegend();
  }

  fit() {
    if (this.plot === null) this.rebuild();
    else if (this.host.clientWidth && this.host.clientWidth !== this.width) {
      this.width = this.host.clientWidth;
      this.plot.setSize({ width: this.width, height: this.height });
    }
  }

  options() {
    const text = colour("--muted");
    const grid = { stroke: colour("--grid"), width: 1 };
    const axis = { stroke: text, grid, ticks: { ...grid, size: 4 }, font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif", labelSize: 16, labelGap: 2 };
    const xAxis = { ...axis, label: this.xLabel || undefined, size: 30, space: 64 };
    xAxis.values = this.time ? (_, ticks, __, ___, step) => timeTicks(ticks, step) : (_, ticks) => ticks.map((tick) => number(tick, 4));
    const yAxis = { ...axis, label: this.yLabel || undefined, size: 46, space: 28, values: (_, ticks) => ticks.map((tick) => number(tick, 3)) };
    return {
      width: this.width, height: this.height, legend: { show: false }, pxAlign: 1,
      padding: [10, 16, 0, 0],
      cursor: { y: false, drag: { x: true, y: false }, points: { size: 6 }, ...(this.sync ? { sync: { key: this.sync } } : {}) },
      scales: { x: { time: this.time, range: (plot, low, high) => this.xScale(plot, low, high) }, y: { range: (_, low, high) => this.yScale(low, high) } },
      axes: [xAxis, yAxis],
      series: [{}, ...this.series.map((each, index) => this.seriesOptions(each, index))],
      bands: this.band ? [{ series: [2, 1], fill: colour("--band") }] : [],
      hooks: { setCursor: [(plot) => this.values(plot.cursor.idx)], drawClear: [(plot) => this.drawLines(plot)], draw: [(plot) => drawMarks(plot, this.marks, colour("--mark"), colour("--surface"))] },
    };
  }

  xScale(plot, low, high) {
    const [from, to] = this.limits(plot.data[0]);
    this.zoomed = Number.isFinite(low) && (low > plot.data[0][0] || high < plot.data[0][plot.data[0].length - 1]);
    if (!this.zoomed) return from === to ? [from - 1, to + 1] : [from, to];
    return [low, high];
  }

  yScale(low, high) {
    const bottom = this.yMin ?? low ?? 0;
    const top = this.yMax ?? high ?? 1;
    const pad = (top - bottom || Math.abs(top) || 1) * 0.08;
    return [this.yMin ?? bottom - pad, this.yMax ?? top + pad];
  }

  seriesOptions(each, index) {
    const stroke = this.colours[index];
    return {
      label: each.label, stroke, width: this.band ? 1 : 1.6, dash: this.band ? [] : DASHES[index % DASHES.length],
      points: { show: false }, spanGaps: false, fill: each.fill ? colour("--band") : undefined,
    };
  }

  drawLines(plot) {
    for (const { value, label } of this.yLines) {
      const y = plot.valToPos(value, "y", true);
      if (value < plot.scales.y.min || value > plot.scales.y.max) continue;
      line(plot, plot.bbox.left, y, plot.bbox.left + plot.bbox.width, y, colour("--mark"));
      words(plot, label, plot.bbox.left + 6 * devicePixelRatio, y - 4 * devicePixelRatio, colour("--mark"), null);
    }
  }

  drawLegend() {
    if (this.band || this.series.length < 2) return;
    this.legend.replaceChildren(...this.series.map((each, index) => {
      const swatch = svg("svg", { width: 26, height: 10, viewBox: "0 0 26 10", "aria-hidden": "true" },
        svg("line", { x1: 0, y1: 5, x2: 26, y2: 5, stroke: this.colours[index], "stroke-width": 2.4, "stroke-dasharray": DASHES[index % DASHES.length].join(" ") || null }));
      return h("li", {}, swatch, h("span", { text: each.label }), h("b", { class: "legend-value" }));
    }));
  }

  /** Shows the values under the cursor, else the last ones. */
  values(index) {
    if (this.band || this.data === null) return;
    const at = index ?? this.data[0].length - 1;
    const cells = this.legend.querySelectorAll(".legend-value");
    cells.forEach((cell, series) => setText(cell, number(this.data[series + 1]?.[at])));
  }

  close() {
    open.delete(this);
    this.observer.disconnect();
    this.plot?.destroy();
    this.plot = null;
  }
}

const TICKS = [
  [60, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }],
  [86400, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }],
  [Infinity, { day: "numeric", month: "short" }],
];

/** Words of a time axis: 24 hours, and the day at midnight. */
function timeTicks(ticks, step) {
  const day = new Intl.DateTimeFormat("en", TICKS[2][1]);
  const clock = new Intl.DateTimeFormat("en", TICKS.find(([below]) => step < below)[1]);
  return ticks.map((tick) => {
    const at = new Date(tick * 1000);
    return step >= 60 && at.getHours() === 0 && at.getMinutes() === 0 ? day.format(at) : clock.format(at);
  });
}

/** Marks: dashed lines with names, in rows so that two names do not cover each other. */
function drawMarks(plot, marks, stroke, paper) {
  const ends = [];
  for (const { name, f_hz: hz, harmonic } of [...marks].sort((a, b) => a.f_hz - b.f_hz)) {
    if (hz < plot.scales.x.min || hz > plot.scales.x.max) continue;
    const x = plot.valToPos(hz, "x", true);
    line(plot, x, plot.bbox.top, x, plot.bbox.top + plot.bbox.height, stroke);
    const text = harmonic > 1 ? `${harmonic}×${name}` : name;
    const width = measure(plot, text);
    let row = ends.findIndex((end) => end < x - width / 2);
    if (row === -1) row = ends.length;
    if (row >= MARK_ROWS) continue; // the line stays, its name has no place
    ends[row] = x + width / 2 + 6 * devicePixelRatio;
    words(plot, text, Math.min(x - width / 2, plot.bbox.left + plot.bbox.width - width), plot.bbox.top + (12 + row * 14) * devicePixelRatio, stroke, paper);
  }
}

const font = () => `600 ${11 * devicePixelRatio}px system-ui, sans-serif`;

function measure({ ctx }, text) {
  ctx.save();
  ctx.font = font();
  const { width } = ctx.measureText(text);
  ctx.restore();
  return width;
}

function line({ ctx }, x1, y1, x2, y2, stroke) {
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x1, y1);
  ctx.lineTo(x2, y2);
  ctx.stroke();
  ctx.restore();
}

function words({ ctx }, text, x, y, fill, paper) {
  ctx.save();
  ctx.font = font();
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  if (paper) {
    ctx.strokeStyle = paper;
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.lineJoin = "round";
    ctx.strokeText(text, x, y);
  }
  ctx.fillStyle = fill;
  ctx.fillText(text, x, y);
  ctx.restore();
}
