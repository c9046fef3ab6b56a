// All machines, the most urgent first, with counts that filter.

import { arrange, h, Rows, setAttribute, setText } from "./dom.js";
import { agentsPanel } from "./agents_panel.js";
import { icon } from "./icons.js";
import { COLUMNS, machineRow } from "./machine_row.js";
import { settings } from "./settings.js";
import { isLive, machineOf, machines as allMachines, store } from "./store.js";
import { conditionTitle, groupOf, GROUPS, machineTitle, SEVERITIES, STATES, urgency } from "./words.js";

const HOLD_MS = 3000;
const BY_NAME = new Intl.Collator("en", { numeric: true });
const ICONS = { new: "major", known: "acked", invalid: "unknown", not_watched: "not_watched", normal: "normal" };

/** The filter stays while the page is open. */
const filter = { text: "", group: null };

export function overview() {
  const rows = new Rows(machineRow);
  const body = h("div", { role: "rowgroup", class: "rows" });
  const empty = h("p", { class: "empty" });
  const shown = h("p", { class: "shown", role: "status" });
  const search = h("input", {
    type: "search", id: "search", placeholder: "Machine, condition or agent", "aria-label": "Filter the machines by text", value: filter.text, autocomplete: "off",
    on: { input: () => { filter.text = search.value.trim(); order(true); } },
  });
  const tiles = groupTiles(() => order(true));
  const table = h("div", { role: "table", "aria-label": "Machines, the most urgent first", class: "machines" },
    h("div", { role: "rowgroup", class: "head" }, h("div", { role: "row", class: "row" },
      COLUMNS.map((name) => h("div", { role: "columnheader", class: "cell", text: name })))), body);
  const panel = agentsPanel({ compact: true });
  const root = h("div", { class: "overview" },
    h("section", { class: "list", "aria-labelledby": "machines-title" },
      h("h1", { id: "machines-title", class: "sr-only", text: "Machines" }), tiles.node,
      h("div", { class: "toolbar" }, search, shown), table, empty),
    h("aside", { "aria-label": "Agents, and sources that are not watched" }, panel.root));
  let heldUntil = 0;
  let pending = 0;
  const hold = () => { heldUntil = performance.now() + HOLD_MS; };
  body.addEventListener("pointermove", hold);
  body.addEventListener("keydown", (event) => { hold(); keys(event, body, rows); });

  /** Puts the rows in order, but not under a pointer that is about to press a button. */
  function order(now = false) {
    const wait = heldUntil - performance.now();
    clearTimeout(pending);
    if (!now && wait > 0 && body.childElementCount > 0) {
      pending = setTimeout(order, wait + 50);
      return;
    }
    const words = filter.text.toLowerCase();
    const machines = allMachines().filter((each) => matches(each, words));
    const ranks = new Map(machines.map((each) => [each, urgency(each)]));
    machines.sort((a, b) => ranks.get(a) - ranks.get(b) || BY_NAME.compare(a.sensor, b.sensor));
    arrange(body, machines.map((each) => rows.get(each.sensor, each).node));
    rows.keep(new Set(store.machines.keys()));
    setText(shown, machines.length === store.machines.size ? `${machines.length} machines` : `${machines.length} of ${store.machines.size} machines`);
    setText(empty, machines.length ? "" : filter.group === "not_watched" && store.notWatched.length ? "No machine. The list of sources that are not watched has the others, with the remedy." : store.machines.size ? "No machine matches the filter." : !isLive() ? "Without a connection no machine can be shown." : "No agent has published a machine yet. Check the broker and the prefix in the settings of this page.");
    table.hidden = machines.length === 0;
  }

  function update(change) {
    tiles.update();
    panel.update(change);
    const sensors = change.machines ?? new Set(store.machines.keys());
    if (sensors.size === 0) return;
    for (const sensor of sensors) {
      const machine = machineOf(sensor);
      if (machine && rows.rows.has(sensor)) rows.get(sensor, machine);
    }
    order();
  }

  order(true);
  tiles.update();
  return {
    root, title: "Machines", update,
    tick() { for (const row of rows.rows.values()) row.tick(); panel.tick(); },
    close() { clearTimeout(pending); },
  };
}

function matches(machine, words) {
  if (filter.group && groupOf(machine) !== filter.group) return false;
  if (!words) return true;
  const text = [machine.sensor, machine.agent, machineTitle(machine), conditionTitle(machine.condition), machine.condition, STATES[machine.state], SEVERITIES[machine.severity]].join(" ");
  return text.toLowerCase().includes(words);
}

/** Counts of the groups; each is a switch of the filter. */
function groupTiles(changed) {
  const counts = {};
  const buttons = Object.entries(GROUPS).map(([group, words]) => {
    counts[group] = h("strong", { text: "0" });
    return h("button", {
      type: "button", class: `tile tile-${group}`, "data-group": group, "aria-pressed": String(filter.group === group),
      on: { click: () => { filter.group = filter.group === group ? null : group; press(); changed(); } },
    }, icon(ICONS[group], 22), counts[group], h("span", { text: words }));
  });
  const press = () => buttons.forEach((button) => setAttribute(button, "aria-pressed", String(button.dataset.group === filter.group)));
  return {
    node: h("div", { class: "tiles", role: "group", "aria-label": "Filter by state" }, buttons),
    update() {
      const found = Object.fromEntries(Object.keys(GROUPS).map((group) => [group, 0]));
      for (const machine of allMachines()) found[groupOf(machine)] += 1;
      found.not_watched += store.notWatched.length;
      buttons.forEach((button) => {
        setText(counts[button.dataset.group], String(found[button.dataset.group]));
        button.classList.toggle("zero", found[button.dataset.group] === 0);
      });
    },
  };
}

/** Arrows move between machines; `a` acknowledges the one that has the focus. */
function keys(event, body, rows) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const row = document.activeElement.closest(".row");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const wanted = step === 1 ? row?.nextElementSibling : step === -1 ? row?.previousElementSibling : null;
  if (step) {
    event.preventDefault();
    (wanted ?? row)?.querySelector("a")?.focus();
  } else if (event.key === "a" && settings().keys) {
    const sensor = row?.querySelector("a")?.textContent;
    if (sensor) rows.rows.get(sensor)?.act();
  }
}
