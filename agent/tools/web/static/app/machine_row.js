// One machine in the overview. Only cells whose content differs are written.

import { h, setAttribute, setText } from "./dom.js";
import * as commands from "./commands.js";
import { badge, commandButton, stateWords } from "./alarm_item.js";
import { ageOf, duration, number, percent, setTime, timeNode, withUnit } from "./format.js";
import { sparkline } from "./sparkline.js";
import { ageS, store } from "./store.js";
import { machineDetail, machineTitle, needsAnswer, SEVERITIES } from "./words.js";

export const COLUMNS = ["State", "Machine", "Condition", "Severity", "Confidence", "Since", "RMS, last hour", "Data", "Answer"];

const cell = (name, ...children) => h("div", { role: "cell", class: `cell c-${name}` }, ...children);

/** Makes a row; `update(machine)` writes it, `tick()` its ages. A row outside of the window is written when it comes into view. */
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
  const row = { node, machine, parts, shown: "", visible: true };
  node.addEventListener("contentvisibilityautostatechange", ({ skipped }) => {
    row.visible = !skipped;
    if (row.visible) writeNumbers(row);
  });
  return { node, update: (each) => update(row, each), tick: () => row.visible && tick(row), act: () => parts.answer.querySelector("button")?.click() };
}

/** State and condition of every row are written at once, so that a search of the browser finds them. */
function update(row, machine) {
  row.machine = machine;
  const { parts } = row;
  const words = stateWords(machine);
  const title = machineTitle(machine);
  const detail = machineDetail(machine);
  const shown = [words, title, detail, machine.state, machine.severity, machine.suppressed_by, machine.event_id, machine.agent].join("|");
  if (shown !== row.shown) {
    row.shown = shown;
    row.node.className = `row edge-${edge(machine)} ${needsAnswer(machine) ? "open" : ""}`;
    parts.badge.replaceChildren(badge(machine, words));
    setText(parts.link, machine.sensor);
    setAttribute(parts.link, "href", `#/machine/${encodeURIComponent(machine.sensor)}`);
    setText(parts.agent, machine.agent);
    setText(parts.title, title);
    setText(parts.detail, detail);
    setText(parts.severity, machine.state === "normal" || !machine.severity ? "" : SEVERITIES[machine.severity] ?? machine.severity);
    answerButton(row, machine);
  }
  if (row.visible) writeNumbers(row);
}

const sinceOf = (machine) => machine.since ?? machine.not_watched?.since ?? null;

function writeNumbers(row) {
  const { parts, machine } = row;
  const { result } = machine;
  setText(parts.confidence, machine.state === "normal" || machine.confidence === null ? "" : percent(machine.confidence));
  setTime(parts.since, sinceOf(machine), "");
  const rms = result ? withUnit(result.rms, result.unit) : "";
  setText(parts.rms, rms);
  parts.spark.update(machine.trend, `RMS of the last hour, now ${rms}`);
  tick(row);
}

/** Ages change without a message. */
function tick({ parts, machine }) {
  const age = ageOf(sinceOf(machine));
  setText(parts.sinceAge, age === null ? "" : duration(age));
  const seen = ageS(machine);
  const rate = machine.windows_per_s ? `, ${number(machine.windows_per_s, 2)} windows/s` : "";
  setText(parts.data, seen === null ? "no data" : seen < 5 ? "now" : `${duration(seen)} ago`);
  setAttribute(parts.data, "title", seen === null ? null : `last result ${seen < 5 ? "now" : `${duration(seen)} ago`}${rate}`);
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
  answer.replaceChildren(...(condition && machine.state !== "unknown" && store.page.commands_allowed
    ? [commandButton("Acknowledge", () => commands.acknowledge(row.machine, condition), { kind: "primary small", label: `Acknowledge ${machine.sensor}, ${machineTitle(machine)}` })]
    : []));
  if (focused) (answer.querySelector("button") ?? row.parts.link).focus({ preventScroll: true });
}
