// Follow the alarms of all agents, so that no event is missed and no old alarm is taken for a valid one.
//
// node follow.js HOST PORT [PREFIX]      (npm install mqtt)
//
// One line on stdout for each alarm, event and state of an agent; README.md has the rules.
const { randomUUID } = require("node:crypto");
const mqtt = require("mqtt");

const [host, port, prefix = "drsn/v1"] = process.argv.slice(2);
const WAIT_MS = 500; // A missing event may still be on its way; then it is requested.
const ANSWER_MS = 5000; // After this time without an answer, the request is sent again.
const replyTopic = `${prefix}/_reply/${randomUUID()}`;

const streams = new Map(); // sensor -> its events: `seq` counts them within one `epoch` of one agent
const alarms = new Map(); // sensor -> its retained alarm
const statuses = new Map(); // agent -> its retained status

const client = mqtt.connect(`mqtt://${host}:${port}`, { protocolVersion: 5, clean: true, resubscribe: false });
client.on("error", (error) => console.error(error.message));
client.on("connect", () => {
  // The session is clean, and the broker sends what it retains again.
  const filters = ["+/alarm", "+/event", "_agent/+/status"].map((each) => `${prefix}/${each}`);
  client.subscribe([...filters, replyTopic], { qos: 1 });
});
client.on("offline", () => {
  statuses.clear(); // Without a connection, no alarm is known to be valid.
  console.log("connection lost");
});
client.on("message", (topic, payload) => {
  try {
    take(topic, payload.length ? JSON.parse(payload) : null);
  } catch (error) {
    console.error("not a document of an agent:", topic, error.message); // any client may publish there
  }
});
setInterval(requestMissing, WAIT_MS);

function take(topic, document) {
  const levels = topic.slice(prefix.length + 1).split("/");
  const kind = levels.at(-1);
  if (topic === replyTopic) {
    reply(document);
  } else if (kind === "status") {
    statuses.set(levels[1], document ?? {});
    console.log("agent", levels[1], document?.state ?? "removed");
    for (const [sensor, alarm] of alarms) if (alarm.agent === levels[1]) show(sensor);
  } else if (kind === "alarm" && document === null) {
    alarms.delete(levels[0]); // `forget` has removed the sensor
    streams.delete(levels[0]);
  } else if (kind === "alarm") {
    alarms.set(levels[0], document);
    streamOf(document, document.seq);
    show(levels[0]);
  } else if (kind === "event") {
    takeEvent(document);
  }
}

// The stream of a document; `last` is its begin if it is new: another agent or epoch begins again.
function streamOf(document, last) {
  const { agent, epoch, sensor, seq } = document;
  if (!Number.isInteger(seq)) throw new Error("no seq");
  let stream = streams.get(sensor);
  if (stream?.agent !== agent || stream?.epoch !== epoch) {
    // `last`: all events up to this one were processed; `newest`: the agent has made the events up to this one.
    stream = { agent, epoch, last, newest: last, requested: 0, nextRequestMs: 0 };
    streams.set(sensor, stream);
  }
  stream.newest = Math.max(stream.newest, seq);
  return stream;
}

// Process an event that is the next one; one that came before is a repetition, a later one must wait.
function takeEvent(event) {
  const stream = streamOf(event, event.seq - 1);
  if (event.seq !== stream.last + 1) return;
  stream.last += 1;
  console.log("event", event.sensor, event.seq, event.condition, event.state, event.event_id);
}

// Request the events that are missing, from the first one on.
function requestMissing() {
  const now = performance.now();
  for (const [sensor, stream] of streams) {
    if (stream.last >= stream.newest) {
      stream.nextRequestMs = now + WAIT_MS / 2; // at least one tick
    } else if (now >= stream.nextRequestMs && client.connected && works(stream)) {
      stream.requested = stream.newest;
      stream.nextRequestMs = now + ANSWER_MS;
      const request = { request_id: randomUUID(), by: "follow", sensor, from_seq: stream.last + 1 };
      const properties = { responseTopic: replyTopic };
      client.publish(`${prefix}/_agent/${stream.agent}/cmd/events`, JSON.stringify(request), { qos: 1, properties });
    }
  }
}

function reply(document) {
  if (!document.ok) return console.error("refused:", document.reason);
  const stream = streams.get(document.sensor);
  if (stream?.agent !== document.agent) return;
  const events = document.events.filter((each) => each.epoch === stream.epoch);
  for (const event of events) {
    lost(stream, document.sensor, event.seq - 1);
    takeEvent(event);
  }
  const pageEnd = Math.max(0, ...events.map((event) => event.seq), ...document.unreadable);
  lost(stream, document.sensor, document.more ? pageEnd : stream.requested);
  stream.nextRequestMs = 0; // the next page, if there is one
}

// The journal of the agent does not have these events any more.
function lost(stream, sensor, until) {
  if (until <= stream.last) return;
  console.log("lost", sensor, stream.last + 1, until);
  stream.last = until;
}

// An alarm is valid only while its agent works, with the same database.
function show(sensor) {
  const alarm = alarms.get(sensor);
  if (works(alarm)) console.log("alarm", sensor, alarm.state, alarm.condition ?? "-", alarm.event_id ?? "-");
  else console.log("alarm", sensor, "not_valid");
}

function works({ agent, epoch }) {
  const status = statuses.get(agent);
  return ["online", "degraded"].includes(status?.state) && status.epoch === epoch;
}
