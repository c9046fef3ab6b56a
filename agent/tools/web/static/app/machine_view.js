// One machine: its alarms, the live signal, diagnosis over time, trend and events.

import { arrange, h, Rows, setText } from "./dom.js";
import { get, paths } from "./api.js";
import { alarmItem, badge, commandButton, stateWords } from "./alarm_item.js";
import { standing } from "./alarms_view.js";
import * as commands from "./commands.js";
import { eventList } from "./event_list.js";
import { duration, NONE, number, percent, withUnit } from "./format.js";
import { liveSignal } from "./live_signal.js";
import { recentCharts } from "./recent_charts.js";
import { ageS, machineOf, store } from "./store.js";
import { trendChart } from "./trend_chart.js";
import { conditionMeaning, machineDetail, machineTitle } from "./words.js";

const card = (title, id, ...content) => h("section", { class: "card", "aria-labelledby": id }, h("h2", { id, text: title }), content);

export function machineView(sensor) {
  const head = h("div", { class: "machine-head" });
  const items = new Rows(() => alarmItem({ withMachine: false }));
  const list = h("ul", { class: "alarms" });
  const noAlarm = h("p", { class: "empty" });
  const numbers = h("dl", { class: "numbers" });
  const live = liveSignal(sensor);
  const recent = recentCharts(sensor);
  const trend = trendChart(sensor);
  const events = eventList({ withMachine: false });
  const eventProblem = h("p", { class: "empty", role: "status" });
  const tools = h("div", { class: "buttons" });
  const root = h("div", { class: "machine" },
    h("p", { class: "back" }, h("a", { href: "#/", text: "← All machines" })),
    head,
    card("Alarms of this machine", "m-alarms", list, noAlarm),
    card("Now", "m-now", numbers),
    h("section", { class: "card wide", "aria-labelledby": "m-live" }, live.heading("m-live"), live.picture.facts, live.status, live.picture.charts),
    h("div", { class: "column" }, card("Diagnosis over time", "m-recent", recent.node), card("Windows of the live signal", "m-windows", live.picture.windows)),
    h("div", { class: "column" }, card("Trend", "m-trend", trend.node), card("Events", "m-events", eventProblem, events.node),
      card("Learned thresholds", "m-thresholds", live.picture.thresholds), card("Service of the machine", "m-service", tools)));

  const readEvents = () => get(paths.events(sensor)).then(({ events: found }) => { events.fill(found); setText(eventProblem, ""); }).catch((error) => setText(eventProblem, error.message));
  let headShown = "";

  function draw() {
    const machine = machineOf(sensor);
    const shown = machine ? [machine.state, machine.text, machine.severity, machine.suppressed_by, machine.agent, machine.agent_state, machine.condition].join("|") : "none";
    if (shown !== headShown) {
      headShown = shown;
      head.replaceChildren(...heading(sensor, machine));
      tools.replaceChildren(...(machine ? serviceButtons(machine) : []));
    }
    const mine = machine ? standing().filter((item) => item.machine.sensor === sensor) : [];
    arrange(list, mine.map((item) => items.get(item.condition.condition, item).node));
    items.keep(new Set(mine.map((item) => item.condition.condition)));
    setText(noAlarm, mine.length || !machine ? "" : machine.state === "normal" ? "No alarm stands." : machineDetail(machine));
    drawNumbers(numbers, machine);
  }

  draw();
  readEvents();
  return {
    root, title: sensor,
    update(change) {
      if (change.whole) { recent.read(); trend.read(); readEvents(); }
      if (change.machines === null || change.machines.has(sensor)) {
        draw();
        recent.add(store.machines.get(sensor)?.result);
      }
      for (const event of change.events) if (event.sensor === sensor) events.add(event);
    },
    tick() {
      const mine = standing().filter((item) => item.machine.sensor === sensor);
      for (const item of mine) items.rows.get(item.condition.condition)?.tick(item);
      drawNumbers(numbers, machineOf(sensor));
      live.tick();
    },
    close() { live.close(); recent.close(); trend.close(); },
  };
}

function heading(sensor, machine) {
  if (!machine) return [h("h1", { text: sensor }), h("p", { class: "empty", text: "No agent publishes a machine of this name. Its stored events are below." })];
  const detail = machineDetail(machine);
  return [
    h("div", { class: "machine-title" }, h("h1", { text: sensor }), badge(machine, stateWords(machine)), h("span", { class: "small", text: `agent ${machine.agent}` })),
    h("p", { class: "lead" }, h("strong", { text: machineTitle(machine) }), detail ? ` – ${detail}` : machine.state === "normal" ? ` – ${conditionMeaning("normal")}` : ""),
  ];
}

function serviceButtons(machine) {
  if (!store.page.commands_allowed) return [h("p", { class: "empty", text: "This page sends no commands: its server does not permit them." })];
  const out = machine.suppressed_by === "out_of_service";
  return [
    out ? commandButton("Put in service", () => commands.inService(machine)) : commandButton("Take out of service …", () => commands.outOfService(machine)),
    commandButton("Remove this sensor …", () => commands.forget(machine)),
  ];
}

/** The last result as numbers with units. */
function drawNumbers(node, machine) {
  const result = machine?.result;
  const seen = machine ? ageS(machine) : null;
  const rows = {
    "Last result": seen === null ? "none yet" : seen < 3 ? "now" : `${duration(seen)} ago`,
    Windows: machine?.windows_per_s ? `${number(machine.windows_per_s)} per s` : NONE,
    "Most probable": result ? `${result.label}, ${percent(result.confidence)}` : NONE,
    Novelty: number(result?.novelty),
    RMS: withUnit(result?.rms, result?.unit),
    Peak: withUnit(result?.peak, result?.unit),
    "Crest factor": number(result?.crest_factor),
    Kurtosis: number(result?.kurtosis),
    Velocity: withUnit(result?.velocity_rms_mm_s, "mm/s"),
    "Zone (ISO 20816-3)": result?.zone ?? NONE,
    Baseline: result?.commission ? `learned from ${result.commission.windows} windows` : "not learned",
    Model: result?.bundle ?? NONE,
  };
  if (node.childElementCount === 0) {
    node.append(...Object.keys(rows).map((name) => h("div", {}, h("dt", { text: name }), h("dd", { "data-name": name }))));
  }
  for (const cell of node.querySelectorAll("dd")) setText(cell, rows[cell.dataset.name]);
}
