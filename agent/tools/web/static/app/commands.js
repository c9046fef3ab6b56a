// Commands to an agent: they need the person's name, and the server's token if it has one. The answer is shown.

import { ApiError, post } from "./api.js";
import { ask, say } from "./dialogs.js";
import { change, settings } from "./settings.js";
import { store } from "./store.js";
import { conditionTitle } from "./words.js";

/** Asks for the name once. Returns whether there is one. */
export async function requireName() {
  if (settings().by) return true;
  const answer = await ask({
    title: "Your name",
    text: "Each command carries the name of a person, so that others can see who answered an alarm. This browser keeps it.",
    fields: [{ name: "by", label: "Name", required: true }],
    submit: "Continue",
  });
  if (!answer?.by) return false;
  change({ by: answer.by });
  return true;
}

export async function requireToken(refused) {
  if (settings().token && !refused) return true;
  const answer = await ask({
    title: "Token",
    text: [refused ? "The server refused the token." : "The server accepts commands only with its token.", "The person who runs this page has it."],
    fields: [{ name: "token", label: "Token", type: "password", required: true }],
    submit: "Continue",
  });
  if (!answer?.token) return false;
  change({ token: answer.token });
  return true;
}

/** A write that needs the token: asks for it, also when the server refuses the one that is kept. Null: the person cancelled. */
export async function authorised(write) {
  if (store.page.needs_token && !(await requireToken(false))) return null;
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401 || !(await requireToken(true))) throw error;
    return write();
  }
}

/** Sends a command and shows its answer. Returns whether the agent carried it out. */
export async function send(command, done) {
  if (!store.page.commands_allowed) {
    say("This page may not send commands: its server does not permit them.", "bad");
    return false;
  }
  if (!(await requireName())) return false;
  try {
    const answer = await authorised(() => post("api/command", { ...command, by: settings().by }));
    if (answer === null) return false;
    if (answer.ok) say(done);
    else say(`The agent refused: ${answer.reason ?? "no reason given"}`, "bad");
    return answer.ok;
  } catch (error) {
    say(`Not sent: ${error.message}`, "bad");
    return false;
  }
}

const HOURS = [["3600", "1 hour"], ["7200", "2 hours"], ["14400", "4 hours"], ["28800", "8 hours (the most)"]];
const COMMENT = { name: "comment", label: "Comment (optional)", type: "textarea" };

const base = (machine, condition, verb) => ({
  agent: machine.agent, sensor: machine.sensor, verb, condition: condition.condition, event_id: condition.event_id,
});
const place = (machine, condition) => `${machine.sensor}, ${conditionTitle(condition.condition).toLowerCase()}`;

export function acknowledge(machine, condition) {
  return send(base(machine, condition, "ack"), `Acknowledged: ${place(machine, condition)}`);
}

export async function comment(machine, condition) {
  const answer = await ask({
    title: "Acknowledge with a comment", text: place(machine, condition),
    fields: [{ ...COMMENT, label: "Comment", required: true }], submit: "Acknowledge",
  });
  return answer && send({ ...base(machine, condition, "ack"), comment: answer.comment }, `Acknowledged: ${place(machine, condition)}`);
}

export async function real(machine, condition) {
  const answer = await ask({
    title: "A real fault", fields: [{ ...COMMENT, label: "What was found? (optional)" }], submit: "Acknowledge as real",
    text: [place(machine, condition), "This acknowledges the alarm, with a comment that begins with “real:”. Later evaluations can use it."],
  });
  const words = `real: ${answer?.comment || "confirmed"}`;
  return answer && send({ ...base(machine, condition, "ack"), comment: words }, `Acknowledged as a real fault: ${place(machine, condition)}`);
}

export async function falseAlarm(machine, condition) {
  const answer = await ask({
    title: "A false alarm", fields: [COMMENT], submit: "Mark as false alarm", danger: true,
    text: [place(machine, condition), "Use this only if the machine is healthy. The agent acknowledges the alarm, shelves it for 8 hours, and keeps the signal as a recording of the healthy machine."],
  });
  return answer && send({ ...base(machine, condition, "false_alarm"), comment: answer.comment || undefined }, `Marked as a false alarm: ${place(machine, condition)}`);
}

export async function shelve(machine, condition) {
  const answer = await ask({
    title: "Shelve", fields: [{ name: "duration_s", label: "For how long", type: "select", options: HOURS }, COMMENT], submit: "Shelve",
    text: [place(machine, condition), "A shelved alarm asks for no action until the time is over. The agent goes on to evaluate the machine."],
  });
  if (!answer) return false;
  const { event_id: _, ...command } = base(machine, condition, "shelve");
  return send({ ...command, duration_s: Number(answer.duration_s), comment: answer.comment || undefined }, `Shelved: ${place(machine, condition)}`);
}

export function unshelve(machine, condition) {
  const { event_id: _, ...command } = base(machine, condition, "unshelve");
  return send(command, `No longer shelved: ${place(machine, condition)}`);
}

export function reset(machine, condition) {
  return send(base(machine, condition, "reset"), `Reset: ${place(machine, condition)}`);
}

export async function outOfService(machine) {
  const answer = await ask({
    title: "Out of service", fields: [COMMENT], submit: "Take out of service", danger: true,
    text: [machine.sensor, "No alarm of this machine asks for action until a person puts it in service again. Use it for an overhaul."],
  });
  return answer && send({ agent: machine.agent, sensor: machine.sensor, verb: "out_of_service", comment: answer.comment || undefined }, `Out of service: ${machine.sensor}`);
}

export function inService(machine) {
  return send({ agent: machine.agent, sensor: machine.sensor, verb: "in_service" }, `In service again: ${machine.sensor}`);
}

export async function forget(machine) {
  const answer = await ask({
    title: "Remove this sensor", submit: "Remove", danger: true,
    text: [machine.sensor, "Use this for a sensor that no longer exists. Its alarm and its state are removed; its events stay in the journal."],
  });
  return answer && send({ agent: machine.agent, sensor: machine.sensor, verb: "forget" }, `Removed: ${machine.sensor}`);
}
