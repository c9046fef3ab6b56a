// One machine in the overview. Only cells whose content differs are written.

import { h, setAttribute, setText } from "./dom.js";
import * as commands from "./commands.js";
import { badge, commandButton, stateWords } from "./alarm_item.js";
import { ageOf, duration, NONE, number, percent, setTime, timeNode, withUnit } from "./format.js";
import { sparkline } from "./sparkline.js";
import { ageS } from "./store.js";
import { machineDetail, machineTitle, needsAnswer, SEVERITIES } from "./words.js";

export const COLUMNS = ["State", "Machine", "Condition", "Severity", "Confidence", "Since", "RMS, last hour", "Data", "Answer"];

const cell = (name, ...children) => h("div", { role: "cell", class: `cell c-${name}` }, ...children);

/** Makes a row; `update(machine)` writes it, `tick()` its ages. */
export function machineRow(machine) {
  const parts = {
    badge: cell("state"),
    link: h("a", { class: "machine-link" }),
    agent: h("small", { class: "agent" }),
    title: h("span", { class: "title" }),
    detail: h("small", { class: "detail" }),
    severity: cell("severity"),
    confidence: cell("confidence"),
    since: timeNode(null),
    sinceAge: h("small"),
    spark: sparkline(),
    rms: h("small", { class: "rms" }),
    data: cell("data"),
    answer: cell("answer"),
  };
  const node = h("div", { role: "row", class: "row" },
    parts.badge, cell("machine", parts.link, parts.agent), cell("condition", parts.title, parts.detail),
    parts.severity, parts.confidence, cell("since", parts.since, parts.sinceAge),
    cell("trend", parts.spark.node, parts.rms), parts.data, parts.answer);
  const row = { node, machine, parts, shown: "" };
  return { node, machine: () => row.machine, link: parts.link, update: (each) => update(row, each), tick: () => tick(row), act: () => parts.answer.querySelector("button")?.click() };
}

function update(row, machine) {
  row.machine = machine;
  const { parts } = row;
  const words = stateWords(machine);
  const shown = [words, machine.state, machine.severity, machine.suppressed_by, machine.event_id, machine.agent].join();
  if (shown !== row.shown) {
    row.shown = shown;
    row.node.className = `row edge-${edge(machine)} ${needsAnswer(machine) ? "open" : ""}`;
    parts.badge.replaceChildren(badge(machine, words));
    setText(parts.link, machine.sensor);
    setAttribute(parts.link, "href", `#/machine/${encodeURIComponent(machine.sensor)}`);
    setText(parts.agent, machine.agent);
    answerButton(row, machine);
  }
  setText(parts.title, machineTitle(machine));
  setText(parts.detail, machineDetail(machine));
  setText(parts.severity, machine.state === "normal" || !machine.severity ? "" : SEVERITIES[machine.severity] ?? machine.severity);
  setText(parts.confidence, machine.state === "normal" ? "" : percent(machine.confidence).replace(NONE, ""));
  setTime(parts.since, machine.since ?? machine.not_watched?.since ?? null);
  const { result } = machine;
  parts.spark.update(machine.trend, `RMS of the last hour, now ${withUnit(result?.rms, result?.unit)}`);
  setText(parts.rms, result ? withUnit(result.rms, result.unit) : "");
  tick(row);
}

/** Ages change without a message. */
function tick({ parts, machine }) {
  const age = ageOf(machine.since ?? machine.not_watched?.since ?? null);
  setText(parts.sinceAge, age === null ? "" : duration(age));
  const seen = ageS(machine);
  const rate = machine.windows_per_s ? `, ${number(machine.windows_per_s, 2)} windows/s` : "";
  setText(parts.data, seen === null ? "no data" : seen < 5 ? "now" : `${duration(seen)} ago`);
  setAttribute(parts.data, "title", seen === null ? null : `last result ${duration(seen)} ago${rate}`);
  parts.data.classList.toggle("old", seen === null || seen > 60);
}

function edge(machine) {
  if (machine.state === "unknown" || machine.state === "not_watched" || machine.state === "normal") return machine.state;
  return machine.suppressed_by ? "quiet" : machine.severity ?? "minor";
}

function answerButton(row, machine) {
  const { answer } = row.parts;
  const focused = answer.contains(document.activeElement);
  const condition = (machine.conditions ?? []).find(needsAnswer);
  answer.replaceChildren(...(condition && machine.state !== "unknown"
    ? [commandButton("Acknowledge", () => commands.acknowledge(row.machine, condition), { kind: "primary small", label: `Acknowledge ${machine.sensor}, ${machineTitle(machine)}` })]
    : []));
  if (focused) (answer.querySelector("button") ?? row.parts.link).focus({ preventScroll: true });
}
