// RMS, and the vibration velocity where it is measured, over hours and days: from the page's own history.

import { h, setAttribute, setText } from "./dom.js";
import { get, paths } from "./api.js";
import { Chart } from "./charts.js";
import { duration, number } from "./format.js";
import { store } from "./store.js";

const RANGES = [[1, "1 h"], [8, "8 h"], [24, "24 h"], [168, "7 d"], [720, "30 d"], [2160, "90 d"]];
const EVERY_MS = 60000;
let hours = 24;

export function trendChart(sensor) {
  const rms = new Chart({ title: "RMS", time: true, series: [{ label: "mean" }, { label: "largest" }], yMin: 0, height: 180 });
  const velocity = new Chart({ title: "Velocity, mm/s", time: true, series: [{ label: "velocity" }], yMin: 0, height: 140 });
  const note = h("p", { class: "small", role: "status" });
  const buttons = ranges().map(([value, words]) => h("button", { type: "button", class: "small", "aria-pressed": String(value === hours), text: words, on: { click: () => choose(value) } }));
  velocity.node.hidden = true;

  function choose(value) {
    hours = value;
    for (const [index, [each]] of ranges().entries()) setAttribute(buttons[index], "aria-pressed", String(each === hours));
    read();
  }

  async function read() {
    try {
      const found = await get(paths.trend(sensor, hours));
      rms.set([found.t, found.rms, found.rms_max], found.t.length ? `now ${number(found.rms[found.rms.length - 1])}, highest ${number(Math.max(...found.rms_max))}` : "");
      const measured = found.velocity_mm_s.some((value) => value !== null);
      velocity.node.hidden = !measured;
      if (measured) velocity.set([found.t, found.velocity_mm_s], `now ${number(found.velocity_mm_s[found.velocity_mm_s.length - 1])} mm/s`);
      const points = found.t.length ? `One point is ${duration(found.step_s)}. This page keeps ${number(store.page.history_days)} days.` : "";
      setText(note, store.page.history_problem ?? points);
      note.classList.toggle("warn", Boolean(store.page.history_problem));
    } catch (error) {
      setText(note, error.message);
    }
  }

  const timer = setInterval(() => !document.hidden && read(), EVERY_MS);
  read();
  return {
    node: h("div", {}, h("div", { class: "buttons", role: "group", "aria-label": "Range of the trend" }, buttons), rms.node, velocity.node, note),
    read,
    close() {
      clearInterval(timer);
      rms.close();
      velocity.close();
    },
  };
}

/** The ranges that the page's history can fill. */
function ranges() {
  return RANGES.filter(([value]) => value <= Math.max(24, 24 * store.page.history_days));
}
