// All alarms that stand, with their buttons, and the events as they come.

import { arrange, h, Rows, setText } from "./dom.js";
import { get, paths } from "./api.js";
import { alarmItem } from "./alarm_item.js";
import { eventList } from "./event_list.js";
import { machines, store } from "./store.js";
import { urgency } from "./words.js";

export function alarmsView() {
  const rows = new Rows(() => alarmItem({ withMachine: true }));
  const list = h("ul", { class: "alarms" });
  const empty = h("p", { class: "empty" });
  const events = eventList({ withMachine: true });
  const problem = h("p", { class: "empty", role: "status" });
  const root = h("div", { class: "alarms-view" },
    h("section", { "aria-labelledby": "alarms-title" }, h("h1", { id: "alarms-title", text: "Alarms" }), list, empty),
    h("section", { "aria-labelledby": "events-title" }, h("h2", { id: "events-title", text: "Events" }), problem, events.node));

  function all() {
    const items = standing();
    arrange(list, items.map((item) => rows.get(keyOf(item), item).node));
    rows.keep(new Set(items.map(keyOf)));
    setText(empty, items.length ? "" : store.machines.size ? "No alarm stands." : "No machine yet.");
  }

  const read = () => get(paths.events(null)).then(({ events: found }) => { events.fill(found); setText(problem, ""); }).catch((error) => setText(problem, error.message));
  read();
  all();
  return {
    root, title: "Alarms",
    update(change) {
      if (change.machines === null || change.machines.size > 0) all();
      if (change.whole) read();
      for (const event of change.events) events.add(event);
    },
    tick() { for (const item of standing()) rows.rows.get(keyOf(item))?.tick(item); },
    close() {},
  };
}

const keyOf = ({ machine, condition }) => `${machine.sensor} ${condition.condition}`;

/** Every condition that is not normal, the most urgent first. */
export function standing() {
  return machines()
    .flatMap((machine) => (machine.conditions ?? []).filter((each) => each.state !== "normal" || each.suppressed_by === "shelved").map((condition) => ({ machine, condition })))
    .sort((a, b) => rank(a) - rank(b) || (a.condition.since < b.condition.since ? 1 : -1));
}

const rank = ({ machine, condition }) => urgency(machine.state === "unknown" ? machine : condition);
