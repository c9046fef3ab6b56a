// Probabilities, novelty and RMS of the last results of a machine; new results are added as they come.

import { h, setText } from "./dom.js";
import { get, paths } from "./api.js";
import { Chart } from "./charts.js";
import { number, percent, withUnit } from "./format.js";

const MOST = 300;

export function recentCharts(sensor) {
  const sync = `recent-${sensor}`;
  const probabilities = new Chart({ title: "Probabilities", time: true, series: [], yMin: 0, yMax: 1, sync, height: 190 });
  const novelty = new Chart({ title: "Novelty: how unlike the training", time: true, series: [{ label: "novelty" }], sync, height: 130 });
  const rms = new Chart({ title: "RMS of each window", time: true, series: [{ label: "RMS" }], sync, height: 130 });
  const problem = h("p", { class: "small warn", role: "status" });
  let labels = [];
  let columns = null;
  let unit = null;

  const read = () => get(paths.recent(sensor))
    .then((recent) => {
      labels = recent.labels;
      columns = { t: [...recent.t], rms: [...recent.rms], novelty: [...recent.novelty], shares: labels.map((label) => [...recent.probabilities[label]]) };
      setText(problem, "");
      draw();
    })
    .catch((error) => setText(problem, error.message));

  /** Adds a result, if it is newer than the last one. */
  function add(result) {
    if (!result || columns === null) return;
    unit = result.unit;
    const t = Date.parse(result.t1) / 1000;
    if (!(t > (columns.t[columns.t.length - 1] ?? 0))) return;
    const now = Object.keys(result.probabilities);
    if (now.join() !== labels.join()) {
      labels = now;
      columns = { t: [], rms: [], novelty: [], shares: labels.map(() => []) };
    }
    columns.t.push(t);
    columns.rms.push(result.rms);
    columns.novelty.push(result.novelty);
    labels.forEach((label, index) => columns.shares[index].push(result.probabilities[label]));
    for (const column of [columns.t, columns.rms, columns.novelty, ...columns.shares]) if (column.length > MOST) column.shift();
    draw();
  }

  function draw() {
    const last = columns.t.length - 1;
    probabilities.setSeries(labels.map((label) => ({ label })));
    const best = labels.reduce((top, _, index) => (columns.shares[index][last] > (columns.shares[top]?.[last] ?? -1) ? index : top), 0);
    probabilities.set([columns.t, ...columns.shares], last < 0 ? "" : `now ${labels[best]} ${percent(columns.shares[best][last])}`);
    novelty.set([columns.t, columns.novelty], `now ${number(columns.novelty[last])}`);
    rms.set([columns.t, columns.rms], `now ${withUnit(columns.rms[last], unit)}`);
  }

  read();
  return {
    node: h("div", { class: "recent" }, problem, probabilities.node, novelty.node, rms.node),
    read, add,
    close() { for (const chart of [probabilities, novelty, rms]) chart.close(); },
  };
}
