// A piece of signal: waveform, spectrum, envelope spectrum with the bearing's frequencies, learned thresholds, windows.
// For the live snapshot and for the evidence of an event.

import { h, setText, svg } from "./dom.js";
import { Chart } from "./charts.js";
import { number, percent, timeNode, withUnit } from "./format.js";
import { conditionTitle, SUPPRESSED } from "./words.js";

const LOW_HZ = 500;

export function pictureView() {
  const waveform = new Chart({ title: "Waveform", xLabel: "time, s", series: [{ label: "lowest" }, { label: "highest" }], band: true, height: 190 });
  const spectrum = new Chart({ title: "Spectrum", xLabel: "frequency, Hz", series: [{ label: "amplitude" }], yMin: 0, height: 190 });
  const envelope = new Chart({ title: "Envelope spectrum", xLabel: "frequency, Hz", series: [{ label: "amplitude" }], yMin: 0, height: 230 });
  const facts = h("p", { class: "small picture-facts" });
  const marks = h("p", { class: "small" });
  const whole = h("button", { type: "button", class: "small", "aria-pressed": "false", text: "Whole range" });
  const thresholds = h("div", { class: "thresholds" });
  const windows = h("div");
  let wholeRange = false;
  let picture = null;
  whole.addEventListener("click", () => {
    wholeRange = !wholeRange;
    whole.setAttribute("aria-pressed", String(wholeRange));
    if (picture) envelope.setXRange(range(picture, wholeRange));
  });
  envelope.node.firstChild.append(whole);

  function set(now) {
    picture = now;
    const unit = now.unit ?? "";
    facts.replaceChildren(timeNode(now.t0), ` · ${number(now.sample_rate_hz, 5)} Hz · ${now.rpm ? `${number(now.rpm, 4)} 1/min` : "speed not known"}${now.channels?.length > 1 ? ` · channel ${now.channels[0]}` : ""}`);
    for (const chart of [waveform, spectrum, envelope]) chart.yLabel = unit ? `amplitude, ${unit}` : "amplitude";
    const { t, min, max } = now.waveform;
    waveform.set([t, min, max], `from ${withUnit(Math.min(...min), unit)} to ${withUnit(Math.max(...max), unit)}`);
    spectrum.set([now.spectrum.f_hz, now.spectrum.amplitude], peakWords(now.spectrum));
    envelope.setMarks(now.marks ?? []);
    envelope.xRange = range(now, wholeRange);
    envelope.set([now.envelope.f_hz, now.envelope.amplitude], peakWords(now.envelope));
    setText(marks, markWords(now.marks ?? []));
    thresholds.replaceChildren(...thresholdContent(now.thresholds));
    windows.replaceChildren(windowTable(now.windows ?? []));
  }

  function say(text) {
    if (picture === null) for (const chart of [waveform, spectrum, envelope]) chart.say(text);
  }

  return {
    charts: h("div", { class: "picture" }, waveform.node, spectrum.node, h("div", { class: "wide" }, envelope.node, marks)),
    facts, thresholds, windows, set, say,
    close() { for (const chart of [waveform, spectrum, envelope]) chart.close(); },
  };
}

/** Envelope spectrum: up to the highest mark, because bearing frequencies are low. */
function range({ envelope, marks }, whole) {
  const last = envelope.f_hz[envelope.f_hz.length - 1] ?? 1;
  if (whole) return [0, last];
  return [0, Math.min(last, Math.max(LOW_HZ, 1.1 * Math.max(0, ...(marks ?? []).map((mark) => mark.f_hz))))];
}

function peakWords({ f_hz: hz, amplitude }) {
  let best = 0;
  for (let index = 1; index < amplitude.length; index += 1) if (amplitude[index] > amplitude[best]) best = index;
  return amplitude.length ? `highest line at ${number(hz[best])} Hz` : "";
}

function markWords(marks) {
  const first = marks.filter((mark) => mark.harmonic === 1);
  if (!first.length) return "Without the bearing and the speed of the machine there are no marks. The settings of the sensor give both.";
  return `${first.map(({ name, f_hz: hz }) => `${name} ${number(hz, 4)} Hz`).join(" · ")}. A line of the spectrum at a mark and at its multiples points to that part. Slip moves a line by 1 % or 2 %.`;
}

/** Bars of the learned threshold factors: by block, mean and largest. */
function thresholdContent(blocks) {
  if (!blocks?.length) return [h("p", { class: "empty", text: "This network has no learned thresholds, or the record does not contain them." })];
  const bar = (share, kind) => svg("rect", { class: kind, x: 0, y: 0, width: Math.max(0.5, 100 * Math.min(1, share)), height: 10 });
  return [
    h("ul", { class: "bars" }, blocks.map(({ block, alpha_mean: mean, alpha_max: top }) => h("li", {},
      h("span", { text: `Block ${block}` }),
      svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, bar(top, "bar-max"), bar(mean, "bar-mean")),
      h("span", { class: "bar-values", text: `mean ${number(mean, 2)}, largest ${number(top, 2)}` })))),
    h("p", { class: "small", text: "Factor of the threshold below which a block of the network sets its signal to zero. 0: nothing is removed. 1: all that is below the mean magnitude." }),
  ];
}

function windowTable(windows) {
  const head = ["Window", "Condition", "Label", "Probability", "Novelty", "Counts"];
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Windows" }, h("table", {},
    h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col", text })))),
    h("tbody", {}, windows.map((each) => h("tr", {},
      h("td", {}, timeNode(each.t0)), h("td", { text: conditionTitle(each.condition) }), h("td", { text: each.label }),
      h("td", { class: "num", text: percent(each.probabilities?.[each.label] ?? null) }), h("td", { class: "num", text: number(each.novelty) }),
      h("td", { text: each.suppressed_by ? `no: ${(SUPPRESSED[each.suppressed_by] ?? each.suppressed_by).toLowerCase()}` : "yes" }))))));
}

