// Events, the newest first.

import { arrange, h } from "./dom.js";
import { percent, timeNode } from "./format.js";
import { icon, iconOf } from "./icons.js";
import { conditionTitle, eventWords, labelText, SEVERITIES, SUPPRESSED } from "./words.js";

const MOST = 500;

/** A list of events; `add` puts a new one at the top, `fill` takes those that the server has stored. */
export function eventList({ withMachine }) {
  const list = h("ol", { class: "events", reversed: true });
  const empty = h("p", { class: "empty", text: "No events yet." });
  const known = new Map();
  const last = new Map(); // sensor and condition -> its newest event
  function make(event, fresh) {
    const key = `${event.sensor} ${event.condition}`;
    known.set(event.event_id, item(event, last.get(key), withMachine, fresh));
    last.set(key, event);
  }
  function add(event) {
    if (known.has(event.event_id)) return;
    make(event, true);
    list.prepend(known.get(event.event_id));
    if (list.childElementCount > MOST) list.lastElementChild.remove();
    empty.hidden = true;
  }
  /** Takes the events of the server, the newest first; those that came by the stream and are newer stay. */
  function fill(events) {
    const stored = events.map((event) => event.event_id);
    for (const event of [...events].reverse()) if (!known.has(event.event_id)) make(event, false);
    const newer = [...list.children].filter((node) => !stored.includes(node.dataset.event));
    arrange(list, [...newer, ...stored.map((id) => known.get(id))].slice(0, MOST));
    empty.hidden = list.childElementCount > 0;
  }
  return { node: h("div", {}, list, empty), add, fill };
}

function item(event, before, withMachine, fresh) {
  const at = event.decided_at ?? event.since;
  const sensor = encodeURIComponent(event.sensor);
  const words = eventWords(event, before);
  const suppressed = event.suppressed_by && !event.by ? ` (${(SUPPRESSED[event.suppressed_by] ?? event.suppressed_by).toLowerCase()})` : "";
  const label = labelText(event.condition, event.label);
  return h("li", { class: `event ${fresh ? "fresh" : ""}`, "data-event": event.event_id },
    timeNode(at),
    icon(iconOf(event), 18),
    h("div", { class: "event-text" },
      h("p", {},
        withMachine ? h("a", { href: `#/machine/${sensor}`, text: event.sensor }) : null,
        h("strong", { text: `${withMachine ? " " : ""}${words}${suppressed}` }),
        h("span", { text: `: ${conditionTitle(event.condition)}${label ? ` (${label})` : ""}` })),
      h("p", { class: "small" }, `${SEVERITIES[event.severity] ?? event.severity}, confidence ${percent(event.confidence)}, ${event.votes} of ${event.of} windows`,
        event.comment ? h("span", { class: "free", text: ` · “${event.comment}”` }) : null)),
    event.by ? null : h("a", { class: "button small", href: `#/machine/${sensor}/evidence/${encodeURIComponent(event.event_id)}`, text: "Signal", "aria-label": `Signal behind the event: ${event.sensor}, ${words}, ${conditionTitle(event.condition)}` }));
}
