// All that the page shows, and who is told of a change. The server's documents stay as they came.

import { monotonicS, serverTime } from "./clock.js";

export const store = {
  page: { commands_allowed: false, needs_token: false, history_days: 0, version: "" },
  broker: null,
  prefix: "",
  agents: new Map(),
  machines: new Map(),
  notWatched: [],
  /** connecting, open or lost: the connection to the page's server. */
  link: "connecting",
  /** Monotonic time of the last message of the server, s. */
  heardS: 0,
};

const listeners = new Set();

const NOTHING = { machines: new Set(), agents: false, notWatched: false, link: false, whole: false, events: [] };

/**
 * `listener({machines, agents, notWatched, link, whole, events})` is called at each change. `machines`: the sensors, null
 * for all; `whole`: the whole state was read, so that what was read beside it may be old. Returns how to end it.
 */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function publish(change) {
  for (const listener of listeners) listener({ ...NOTHING, ...change });
}

/** Whether the states that the page shows are valid now. */
export const isLive = () => store.link === "open" && Boolean(store.broker?.connected);

/** A machine as it may be shown; without a connection its state is the last known one, and not valid. */
export function machineOf(sensor) {
  const machine = store.machines.get(sensor);
  return machine === undefined || isLive() || machine.state === "unknown" ? machine : { ...machine, state: "unknown", last_state: machine.state };
}

export const machines = () => [...store.machines.keys()].map(machineOf);

let stateAt = "";

/** Takes the whole state. */
export function takeState(state) {
  serverTime(state.now);
  stateAt = state.now;
  store.link = "open";
  store.page = state.page;
  store.broker = state.broker;
  store.prefix = state.prefix;
  store.agents = new Map(state.agents.map((each) => [each.agent, stamped(each, "health_age_s")]));
  store.machines = new Map(state.machines.map((each) => [each.sensor, stamped(each, "result_age_s")]));
  store.notWatched = state.not_watched;
  publish({ machines: null, agents: true, notWatched: true, link: true, whole: true });
}

/** Takes a change. One that is older than the state is left out. */
export function takeChange(change) {
  if (change.now < stateAt) return;
  serverTime(change.now);
  for (const each of change.machines ?? []) store.machines.set(each.sensor, stamped(each, "result_age_s"));
  for (const sensor of change.removed ?? []) store.machines.delete(sensor);
  for (const each of change.agents ?? []) store.agents.set(each.agent, stamped(each, "health_age_s"));
  if (change.not_watched) store.notWatched = change.not_watched;
  const live = isLive();
  if (change.broker) store.broker = change.broker;
  publish({
    machines: live !== isLive() ? null : new Set([...(change.machines ?? []).map((each) => each.sensor), ...(change.removed ?? [])]),
    agents: (change.agents ?? []).length > 0,
    notWatched: Boolean(change.not_watched),
    link: Boolean(change.broker),
  });
}

export function takeEvent(event) {
  publish({ events: [event] });
}

/** Takes the loss of the connection. */
export function loseLink() {
  if (store.link === "lost") return;
  store.link = "lost";
  publish({ machines: null, link: true });
}

/** Notes when the age of a document was 0, by the monotonic clock. */
function stamped(each, age) {
  each.seenS = each[age] === null || each[age] === undefined ? null : monotonicS() - each[age];
  return each;
}

/** Seconds since the last result or health of it; null: there was none. */
export const ageS = (each) => (each.seenS === null ? null : monotonicS() - each.seenS);
