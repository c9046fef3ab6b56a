// What documents contain, in plain words: conditions, states, severities, events. And the order of urgency.

/** Condition -> title, meaning, what to do. The same content as docs/use/alarms.md. */
const CONDITIONS = {
  inner_race: ["Bearing defect: inner race", "The model finds a defect in the inner race of the bearing.", "Look at the signal. Plan an inspection of the bearing."],
  outer_race: ["Bearing defect: outer race", "The model finds a defect in the outer race of the bearing.", "Look at the signal. Plan an inspection of the bearing."],
  ball: ["Bearing defect: ball", "The model finds a defect in a ball or roller of the bearing.", "Look at the signal. Plan an inspection of the bearing."],
  bearing: ["Bearing defect", "The model finds a bearing defect, but cannot name the part.", "Look at the signal. Give the sensor its bearing and speed in the settings."],
  unknown: ["Signal not known", "The signal is unlike all signals in the training of the model.", "Check the sensor and the machine. Let the agent learn the healthy machine."],
  changed: ["Machine has changed", "The machine differs from its healthy baseline.", "Look at what changed. Compare with the last work on the machine."],
  vibration_level: ["Vibration too high", "The vibration velocity is in a high zone of ISO 20816-3.", "Look at the trend. Plan a repair."],
  sensor_fault: ["Sensor fault", "The signal of the sensor is wrong, for example clipped or constant.", "Check sensor, cable and amplifier."],
  silent: ["No data", "The sensor sends no usable data.", "Check the power of the sensor, and the network."],
  normal: ["Normal", "The agent has evaluated the sensor and finds no problem.", ""],
};

/** Why a source is not watched -> title; the agent's document has the remedy. */
const REASONS = {
  no_packet: "No packet arrives", first_window: "First window is not complete", no_window: "Packets make no window", gaps: "Too many lost packets",
  rate_changes: "Sample rate changes", memory: "No memory for samples", repeats: "Repeated packets", too_old: "Packets are too old",
  other_agent: "Another agent has this sensor", epoch: "No packet since the restart", illegal_id: "Sensor id is too long", unknown_topic: "Topic without an input",
  max_sensors: "Too many sensors", wrong_rate: "Wrong sample rate", wrong_channels: "Wrong number of channels", non_finite: "Samples are no numbers",
  undecodable: "Payload cannot be read", wrong_encoding: "Wrong encoding", too_large: "Packet is too large", retained: "Packet is retained", internal: "Defect of the agent",
};

const plain = (name) => name.replaceAll("_", " ").replace(/^./, (c) => c.toUpperCase());

export const reasonTitle = (reason) => REASONS[reason] ?? plain(reason ?? "not watched");
export const conditionTitle = (name) => (name ? CONDITIONS[name]?.[0] ?? plain(name) : "");
export const conditionMeaning = (name) => CONDITIONS[name]?.[1] ?? "";
export const conditionRemedy = (name) => CONDITIONS[name]?.[2] ?? "";

/** The label as an addition to the title; empty if it says the same. */
export function labelText(condition, label) {
  if (!label || label === condition) return "";
  return condition === "unknown" ? `nearest: ${label}` : label;
}

export const STATES = {
  active_unacked: "New alarm",
  active_acked: "Acknowledged",
  cleared_unacked: "Ended, not acknowledged",
  normal: "Normal",
  not_watched: "Not watched",
  unknown: "Not valid now",
};

export const SUPPRESSED = {
  shelved: "Shelved",
  out_of_service: "Out of service",
  sensor_fault: "Sensor fault",
  gate: "Machine stands",
};

export const SEVERITIES = { critical: "Critical", major: "Major", minor: "Minor", info: "Info" };

const SEVERITY_RANK = { critical: 0, major: 1, minor: 2, info: 3 };
const STATE_RANK = { active_unacked: 0, cleared_unacked: 1, active_acked: 2, not_watched: 4, normal: 6 };

/** Smaller is more urgent. */
export function urgency(machine) {
  if (machine.last_state) return urgency({ ...machine, state: machine.last_state, last_state: null }); // the order stays
  if (machine.state === "unknown") return machine.condition ? 35 + (SEVERITY_RANK[machine.severity] ?? 4) / 10 : 45;
  if (machine.suppressed_by && machine.state !== "normal") return 50;
  return (STATE_RANK[machine.state] ?? 5) * 10 + (SEVERITY_RANK[machine.severity] ?? 4);
}

export const isNewAlarm = (each) => each.state === "active_unacked" && !each.suppressed_by;
export const needsAnswer = (each) => (each.state === "active_unacked" || each.state === "cleared_unacked") && !each.suppressed_by;

/** The group of a machine, for the counts and the filter. */
export function groupOf(machine) {
  if (machine.state === "unknown") return "invalid";
  if (machine.state === "not_watched") return "not_watched";
  if (machine.state === "normal") return "normal";
  return needsAnswer(machine) ? "new" : "known";
}

export const GROUPS = {
  new: "To acknowledge",
  known: "Acknowledged or shelved",
  invalid: "Not valid now",
  not_watched: "Not watched",
  normal: "Normal",
};

/** Title of a machine: what a person must know first. */
export function machineTitle(machine) {
  const title = conditionTitle(machine.condition);
  if (machine.state === "unknown") return lastKnown(machine, title);
  if (machine.state === "not_watched") return reasonTitle(machine.not_watched?.reason);
  if (machine.state === "normal") return "Normal";
  return title || STATES[machine.state] || machine.state;
}

function lastKnown(machine, title) {
  if (title && machine.condition !== "normal") return `Last known: ${title}`;
  if (machine.last_state) return `Last known: ${STATES[machine.last_state].toLowerCase()}`;
  const [, last] = (machine.text ?? "").split("last known ");
  return last ? `Last known: ${last}` : "No valid state";
}

/** Second line of a machine. */
export function machineDetail(machine) {
  if (machine.state === "unknown") return agentProblem(machine);
  if (machine.state === "not_watched") return machine.not_watched?.remedy ?? "";
  if (machine.state === "normal") return "";
  return labelText(machine.condition, machine.conditions?.[0]?.label);
}

function agentProblem(machine) {
  if (machine.agent_state === "offline") return `Agent ${machine.agent} is offline`;
  if (machine.agent_state === "stopped") return `Agent ${machine.agent} is stopped`;
  return machine.last_state ? "No connection" : (machine.text ?? "").split(": last known")[0].replace(/^./, (c) => c.toUpperCase());
}

/** What an event reports. `before`: the event before it of the same condition, if it is known. */
export function eventWords(event, before) {
  const by = event.by ? ` by ${event.by}` : "";
  const words = changeWords(event, before);
  if (words) return words + by;
  if (event.by) return event.state === "normal" ? `Ended${by}` : event.acked && event.acked_by === event.by ? `Acknowledged${by}` : `Changed${by}`;
  if (event.latched) return "Cause is gone; latched";
  if (event.active) return event.acked ? "Alarm goes on, acknowledged" : "Alarm";
  return event.state === "cleared_unacked" ? "Ended, not acknowledged" : "Ended";
}

/** What differs from the event before; empty: nothing that has its own words. */
function changeWords(event, before) {
  const was = before ?? {};
  if (event.false_alarm && event.false_alarm !== was.false_alarm) return "Marked as a false alarm";
  if (event.suppressed_by !== (was.suppressed_by ?? null)) {
    if (event.suppressed_by === "shelved") return "Shelved";
    if (event.suppressed_by === "out_of_service") return "Taken out of service";
    if (was.suppressed_by === "shelved") return "Shelving ended";
    if (was.suppressed_by === "out_of_service") return "Put in service";
  }
  if (before && event.by && event.acked && !was.acked) return "Acknowledged";
  if (before && event.state === was.state && event.severity !== was.severity) return `Severity is now ${(SEVERITIES[event.severity] ?? event.severity).toLowerCase()}`;
  return "";
}
