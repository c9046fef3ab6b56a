// One alarm (a condition of a machine) with its buttons: in the list of alarms and on the page of a machine.

import { h } from "./dom.js";
import * as commands from "./commands.js";
import { percent, timeNode, ageOf, duration } from "./format.js";
import { icon, iconOf } from "./icons.js";
import { store } from "./store.js";
import { conditionMeaning, conditionRemedy, conditionTitle, labelText, needsAnswer, SEVERITIES, STATES, SUPPRESSED } from "./words.js";

/** A badge with icon and words; solid while it asks for an answer. */
export function badge(each, words) {
  const solid = needsAnswer(each);
  const kind = each.state === "unknown" || each.state === "normal" || each.state === "not_watched" ? each.state : each.severity ?? "minor";
  return h("span", { class: `badge ${solid ? "solid" : "outline"} kind-${kind}` }, icon(iconOf(each), 16), h("span", { text: words }));
}

export function stateWords(each) {
  if (each.suppressed_by && each.state !== "normal") return SUPPRESSED[each.suppressed_by] ?? each.suppressed_by;
  if (each.latched) return `${STATES[each.state]}, latched`;
  return STATES[each.state] ?? each.state;
}

/** The buttons of an alarm: [words, command, class]. */
function actions(condition) {
  if (!store.page.commands_allowed) return [];
  const open = condition.state === "active_unacked" || condition.state === "cleared_unacked";
  const shelved = condition.suppressed_by === "shelved" || Boolean(condition.shelved_until);
  return [
    open && ["Acknowledge", commands.acknowledge, "primary"],
    open && ["With comment …", commands.comment, ""],
    open && ["Real fault …", commands.real, ""],
    !condition.false_alarm && ["False alarm …", commands.falseAlarm, ""],
    shelved ? ["End shelving", commands.unshelve, ""] : ["Shelve …", commands.shelve, ""],
    condition.latched && ["Reset", commands.reset, ""],
  ].filter(Boolean);
}

/** A button that sends a command and cannot be pressed twice. */
export function commandButton(words, run, { kind = "", label = null } = {}) {
  const button = h("button", { type: "button", class: kind, text: words, "aria-label": label });
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      await run();
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}

/** An item that is made again when its document differs; the focus stays on the item. */
export function alarmItem({ withMachine }) {
  const node = h("li", { class: "alarm", tabindex: "-1" });
  let shown = "";
  return {
    node,
    update({ machine, condition }) {
      const now = JSON.stringify([condition, machine.state === "unknown", machine.agent_state]);
      if (now === shown) return;
      shown = now;
      const focused = node.contains(document.activeElement);
      const kind = machine.state === "unknown" ? "unknown" : condition.severity;
      node.className = `alarm edge-${kind} ${needsAnswer(condition) ? "open" : ""}`;
      node.replaceChildren(...content(machine, condition, withMachine));
      if (focused) node.focus();
    },
    tick({ condition }) {
      const age = node.querySelector(".since-age");
      if (age) age.textContent = sinceAge(condition);
    },
  };
}

const sinceAge = (condition) => ` (${duration(ageOf(condition.since))})`;

function content(machine, condition, withMachine) {
  const invalid = machine.state === "unknown";
  const title = conditionTitle(condition.condition);
  const label = labelText(condition.condition, condition.label);
  const heading = h("h3", {},
    withMachine ? h("a", { href: `#/machine/${encodeURIComponent(machine.sensor)}`, text: machine.sensor }) : null,
    h("span", { text: (withMachine ? " " : "") + (invalid ? `Last known: ${title}` : title) }),
    label ? h("small", { text: ` ${label}` }) : null);
  const words = invalid ? { ...condition, state: "unknown" } : condition;
  return [
    h("div", { class: "alarm-head" }, badge(words, invalid ? "Not valid now" : stateWords(condition)), heading),
    facts(machine, condition),
    h("p", { class: "remedy", text: `${conditionMeaning(condition.condition)} ${conditionRemedy(condition.condition)}`.trim() }),
    invalid ? h("p", { class: "remedy", text: "No command can be sent now." }) : h("div", { class: "buttons" }, actions(condition).map(([text, run, style]) =>
      commandButton(text, () => run(machine, condition), { kind: style, label: `${text}: ${machine.sensor}, ${title}` })), signalLink(machine, condition)),
  ];
}

/** To the signal behind the alarm. The event of a command has none. */
function signalLink({ sensor }, { by, event_id: event, condition }) {
  if (by) return null;
  const href = `#/machine/${encodeURIComponent(sensor)}/evidence/${encodeURIComponent(event)}`;
  return h("a", { class: "button", href, text: "Signal", "aria-label": `Signal behind the alarm: ${sensor}, ${conditionTitle(condition)}` });
}

function facts(machine, condition) {
  const parts = [
    ["Severity", h("span", { text: SEVERITIES[condition.severity] ?? condition.severity })],
    ["Since", h("span", {}, timeNode(condition.since), h("span", { class: "since-age", text: sinceAge(condition) }))],
    ["Confidence", h("span", { text: percent(condition.confidence) })],
    ["Windows", h("span", { text: `${condition.votes} of ${condition.of}` })],
    condition.acked_by && ["Acknowledged by", h("span", { text: condition.acked_by })],
    condition.shelved_until && ["Shelved until", timeNode(condition.shelved_until)],
    condition.false_alarm && ["Marked", h("span", { text: "false alarm" })],
    condition.comment && ["Comment", h("span", { class: "free", text: condition.by ? `${condition.comment} (${condition.by})` : condition.comment })],
    condition.orphaned && ["Model", h("span", { text: "the present model does not have this condition" })],
    ["Agent", h("span", { text: machine.agent })],
  ].filter(Boolean);
  return h("dl", { class: "facts" }, parts.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", {}, value))));
}
