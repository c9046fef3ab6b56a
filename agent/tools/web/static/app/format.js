// Numbers with units, ages and times: local, with UTC in the tooltip.

import { h, setAttribute, setText } from "./dom.js";
import { nowMs } from "./clock.js";

export const NONE = "–";

// Made once: a format costs far more than its use.
const FORMATS = [0, 1, 2, 3, 4].map((digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits }));

/** A number with three significant digits: 0.315, 12.4, 1,830. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(digits - 1).replace("e+", "e");
  const decimals = size === 0 ? 0 : Math.max(0, Math.min(4, digits - 1 - Math.floor(Math.log10(size))));
  return FORMATS[decimals].format(value);
}

export function withUnit(value, unit) {
  const text = number(value);
  return text === NONE || !unit ? text : `${text} ${unit}`;
}

export function percent(share) {
  if (share === null || share === undefined) return NONE;
  if (share > 0.999 && share < 1) return "> 99.9 %";
  return `${(share * 100).toFixed(share > 0.99 && share < 1 ? 1 : 0)} %`;
}

/** 4 s, 12 min, 3 h 5 min, 2 d 4 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return joined(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return joined(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h");
}

function joined(large, largeUnit, small, smallUnit) {
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;
}

/** Age of a text in ISO 8601; null: no time. */
export function ageOf(iso) {
  const ms = Date.parse(iso ?? "");
  return Number.isNaN(ms) ? null : (nowMs() - ms) / 1000;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });

/** Local time: 04:12:33 today, 30 Nov 23:58 before. */
export function localTime(iso) {
  const at = new Date(iso ?? "");
  if (Number.isNaN(at.getTime())) return NONE;
  const today = new Date(nowMs()).toDateString() === at.toDateString();
  return today ? CLOCK.format(at) : `${DAY.format(at)} ${CLOCK.format(at).slice(0, 5)}`;
}

export function utcTime(iso) {
  const at = new Date(iso ?? "");
  return Number.isNaN(at.getTime()) ? "" : `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** A <time> element; `setTime` changes it. */
export function timeNode(iso) {
  const node = h("time");
  setTime(node, iso);
  return node;
}

export function setTime(node, iso, none = NONE) {
  setText(node, iso ? localTime(iso) : none);
  setAttribute(node, "datetime", iso || null);
  setAttribute(node, "title", utcTime(iso) || null);
}
