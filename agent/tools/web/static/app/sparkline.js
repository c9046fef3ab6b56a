// A small line without axes: the RMS of the last hour.

import { setAttribute, svg } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;

/** The line around the middle of its values; a gap ends a piece. */
export function pathOf(values) {
  const known = values.filter((value) => value !== null);
  const middle = (Math.max(...known) + Math.min(...known)) / 2;
  // At least half of the value, so that noise does not look like a change of the machine.
  const span = Math.max(Math.max(...known) - Math.min(...known), Math.abs(middle) / 2) || 1;
  const step = WIDTH / Math.max(1, values.length - 1);
  let path = "";
  let down = false;
  values.forEach((value, index) => {
    if (value !== null) {
      const y = HEIGHT / 2 - ((value - middle) / span) * (HEIGHT - 4);
      path += `${down ? "L" : "M"}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
    }
    down = value !== null;
  });
  return path;
}

export function sparkline() {
  const line = svg("path", { class: "spark-line", d: "" });
  const node = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": "" }, line);
  let last = "";
  return {
    node,
    update(values, words) {
      const path = (values ?? []).filter((value) => value !== null).length > 1 ? pathOf(values) : "";
      if (path !== last) setAttribute(line, "d", (last = path));
      setAttribute(node, "aria-label", path ? words : "no trend yet");
    },
  };
}
