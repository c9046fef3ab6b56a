"""Tables of the agent's limits, with their values taken from the code."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).parents[2]


class Limit(NamedTuple):
    """One row of a table."""

    name: str
    form: Callable[[Any], str]
    """The value of the constant as text."""
    where: str
    """Module of `drsn` and constant, `agent.storage.limits:RETRY_S`; or a section of the settings and its field."""
    effect: str
    """What happens at the limit."""


def number(value: float) -> str:
    """`10,000`."""
    return f"{value:,g}" if value < 1e6 else f"{value:,.0f}"


def counted(text: str) -> Callable[[float], str]:
    """`{}` in `text` stands for the number."""
    return lambda value: text.format(number(value))


def duration(seconds: float) -> str:
    """`250 ms`, `60 s`, `10 min`, `7 days`."""
    for size_s, unit in ((86_400.0, "days"), (600.0, "min")):
        if seconds >= size_s:
            return f"{seconds / (60.0 if unit == 'min' else size_s):g} {unit}"
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def size(nbytes: int) -> str:
    """`64 KiB`, `16 MiB`; `100 MB` where it is not a power of two."""
    for unit, step in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if nbytes >= step and nbytes % step == 0:
            return f"{nbytes // step} {unit}"
    return f"{nbytes / 1_000_000:g} MB" if nbytes >= 1_000_000 else f"{nbytes:,} bytes"


def queue_limit(qos: bool) -> Callable[[Any], str]:  # noqa: FBT001 (the key of QUEUE_LIMITS)
    """Of commands that wait."""
    return lambda limits: f"{limits[qos].commands:,} commands, {size(limits[qos].size_bytes)}"


PACKETS = (
    Limit("age of a packet", duration, "agent.settings.sections:AgentSection.max_age_s",
          "it is acknowledged and counted `stale`, not diagnosed"),
    Limit("wait of votes for their commit", duration, "agent.storage.group_commit:GROUP_S", "they are committed"),
    Limit("pause in packets of QoS 1", duration, "agent.storage.group_commit:LULL_S", "what waits is committed"),
    Limit("packets on probation after a crash", number, "agent.storage.poison_guard:PROBATION_PACKETS",
          "until then each packet is handled alone, after its digest is written to `in_hand.json`"),
    Limit("crashes during one packet", number, "agent.storage.poison_guard:MAX_CRASHES",
          "the packet is refused as `poison`"),
    Limit("time to finish a packet", duration, "agent.service.waits:Waits.ack_age_s",
          "the agent closes the connection; the broker sends this packet and those behind it again, in order"),
    Limit("unacknowledged packets", counted("{} x Receive Maximum"),
          "agent.mqtt.connection_options:MAX_UNACKED_FACTOR", "the agent closes the connection; nothing is lost"),
    Limit("time to a sensor's first whole window", duration, "agent.acquisition.sensor_quota:TRIAL_S",
          "the sensor loses its place among `agent.max_sensors`"),
    Limit("earlier boots of a sensor that are remembered", number, "agent.acquisition.continuity:PAST_BOOTS",
          "packets of an older boot count as new"),
    Limit("first packets of a count whose samples are compared", number, "agent.acquisition.fingerprints:FIRST_PACKETS",
          "a sensor that starts its count again later than that is read again after the repeats in a row"),
    Limit("repeats in a row before a sensor is not watched", number, "agent.acquisition.sensor_stream:STANDS_STILL",
          "it is `not_watched: repeats`"),
    Limit("repeats in a row", number, "agent.acquisition.sensor_stream:MAX_REPEATS",
          "the sensor counts as restarted"),
)  # fmt: skip

EVENTS = (
    Limit("refused packets in a row of a source that was watched", number,
          "agent.acquisition.source_watch:REFUSED_IN_A_ROW", "it is not watched"),
    Limit("refused sources that are listed", number, "agent.acquisition.not_watched:MAX_SOURCES",
          "further ones are only counted, up to ten thousand"),
    Limit("age of a sensor's time", lambda ns: duration(ns / 1e9), "agent.acquisition.plausible_time:PAST_NS",
          "`since` is the agent's time, and `clock_synced` false"),
    Limit("the same in the future", lambda ns: duration(ns / 1e9), "agent.acquisition.plausible_time:FUTURE_NS",
          "the same"),
    Limit("wait for the disk", duration, "agent.storage.limits:TIMEOUT_S", "the agent goes on in memory"),
    Limit("wait for another process that has locked the database", duration, "agent.storage.database:BUSY_S",
          "the agent goes on in memory"),
    Limit("pause between attempts to write", duration, "agent.storage.limits:RETRY_S", "the agent tries again"),
    Limit("events in memory", number, "agent.storage.limits:MAX_EVENTS_IN_MEMORY",
          "the oldest are dropped and counted as `lost_events`"),
    Limit("damaged or outdated databases that are kept", number, "agent.storage.state_dir:MAX_SET_ASIDE",
          "the oldest is deleted"),
    Limit("size of the journal", size, "agent.storage.database:JOURNAL_BYTES",
          "the oldest events are deleted, published or not"),
    Limit("age of published events", duration, "agent.storage.database:RETENTION_S",
          "they are deleted with the next commit"),
    Limit("trends that are not written yet", duration, "agent.service.trend_keeper:FLUSH_S",
          "they are written; a killed process loses them"),
    Limit("rows of trends that wait for the disk", number, "agent.service.trend_keeper:MOST_PENDING",
          "the oldest are dropped"),
    Limit("replies that are kept", number, "agent.storage.database:MAX_REPLIES",
          "the oldest is deleted; its command would be executed again"),
    Limit("events at once after an outage", number, "agent.delivery.outbox:BURST", "the rate below applies"),
    Limit("rate of events", counted("{} a second"), "agent.delivery.outbox:PER_S", "the others wait in the journal"),
    Limit("unconfirmed events", number, "agent.delivery.outbox:IN_FLIGHT", "the others wait in the journal"),
    Limit("unconfirmed alarms", number, "agent.delivery.alarm_publisher:ALARMS_IN_FLIGHT",
          "the sensor's latest state goes out once more when there is room"),
    Limit("pause after a refused publish", duration, "agent.delivery.outbox:RETRY_AFTER_S",
          "the event goes out again; events of other sensors do not wait for it"),
    Limit("time of a reload's check", duration, "agent.service.reload:CHECK_TIMEOUT_S", "the reload is refused"),
    Limit("reload commands that wait for one check", number, "agent.service.reload_verb:MAX_WAITING",
          "one more is refused"),
)  # fmt: skip

IDENTITY = (
    Limit("silence after connecting", duration, "agent.service.lease_acquisition:QUIET_S",
          "there is no retained status: the `agent.id` is free"),
    Limit("wait for a sign of life, at least", duration, "agent.service.lease_acquisition:LEAST_WAIT_S",
          "the other agent has ended: the `agent.id` is free"),
    Limit("time between two corrections of a wrong status", duration, "agent.service.lease_defence:CONTRADICT_S",
          "the status goes out again"),
    Limit("wait for the retained alarms of an earlier state directory", duration, "agent.service.alarm_topics:READ_S",
          "what has come by then is taken over; it ends with a pause as long as the silence above"),
    Limit("retained alarms that are taken over", number, "agent.service.alarm_topics:MAX_READ",
          "32 MB of them, and `agent.max_sensors` sensors in all; more stay where they are"),
    Limit("time after which the alarm of a shared sensor goes out again", duration,
          "agent.service.shared_sensors:REPEAT_S", "the other agent finds out that this one still reads it"),
    Limit("time without an alarm of the other agent", duration, "agent.service.shared_sensors:EXPIRES_S",
          "the sensor is not shared any more"),
    Limit("takeovers of a connection", number, "agent.mqtt.connection:MAX_TAKEOVERS",
          "in the time below: the agent ends (69)"),
    Limit("time in which they are counted", duration, "agent.mqtt.connection:TAKEOVER_WINDOW_S",
          "older ones do not count"),
)  # fmt: skip

OUTSIDE = (
    Limit("an MQTT packet", size, "agent.mqtt.connection_options:MAX_PACKET_BYTES",
          "Maximum Packet Size of each connection, or twice the largest `inputs[].max_packet_bytes` if that is more. A "
          "broker of MQTT 5 does not send a larger packet; with 3.1.1 only its own `max_packet_size` helps"),
    Limit("a sensor's packet", size, "agent.settings.input_section:InputSection.max_packet_bytes",
          "setting of each input; a larger one is refused as `too_large`. Each codec has further checks"),
    Limit("characters of a topic for each `{name}` of its pattern", number, "agent.mqtt.topics:MAX_LEVEL_CHARS",
          "a longer topic is cut when it arrives, refused as `unknown_topic`, and not remembered"),
    Limit("user properties of a message", number, "agent.mqtt.properties:MAX_PROPERTIES", "the others are not read"),
    Limit("characters of a user property", number, "agent.mqtt.properties:MAX_PROPERTY_CHARS", "it is not read"),
    Limit("sensors", number, "agent.settings.sections:AgentSection.max_sensors",
          "setting; packets of one more are refused as `too_many_sensors`"),
    Limit("a sensor id", lambda value: f"`{value.pattern}`", "agent.mqtt.sensor_id:SENSOR_ID",
          "refused as `illegal_sensor`: an id is one topic level and the name of a folder"),
    Limit("messages in the inbox", counted("{} batches"), "agent.service.bootstrap:INBOX_BATCHES",
          "256 messages by default, 256 MiB if each has 1 MiB. QoS 0 is dropped (`shed`); QoS 1 stays at the broker"),
    Limit("a packet's rate", lambda value: f"{value / 1e6:g} MHz",
          "agent.acquisition.codecs.packet:MAX_SAMPLE_RATE_HZ", "refused as `wrong_rate`"),
    Limit("memory for the velocity of all sensors", size, "agent.monitoring.velocity_meter:FRAMES_BYTES",
          "the next sensor has no velocity, and the log a warning"),
    Limit("samples of a window", number, "agent.acquisition.sample_rate:MAX_WINDOW_SAMPLES",
          "refused as `wrong_rate`"),
    Limit("rates for which each of two bounds over all sensors suffices", counted("{} x the bundle's rate"),
          "agent.acquisition.memory_quota:RATES", "the sensor that needs most gets no memory (below)"),
    Limit("memory of all rings, at least", size, "agent.acquisition.sensor_registry:RINGS_BYTES",
          "the sensor is diagnosed by the windows that one packet holds"),
    Limit("memory of all windows kept as evidence, at least", size, "agent.service.evidence_wiring:TRAILS_BYTES",
          "the sensor's events have no evidence"),
    Limit("depth of a CBOR document", number, "agent.acquisition.codecs.cbor:MAX_DEPTH", "refused as `bad_document`"),
    Limit("a status or health under the agent's own id", size, "agent.service.peer_status:MAX_STATUS_BYTES",
          "a broker of MQTT 5 does not send a packet of twice this size; a longer document is cut, and counts as none"),
    Limit("a command", size, "agent.rpc.request:MAX_BYTES", "it is refused"),
    Limit("commands in one turn of the loop", number, "agent.service.waits:Waits.commands_a_turn",
          "the others wait for the next turn"),
    Limit("commands of QoS 1 that wait", queue_limit(True), "agent.rpc.queue:QUEUE_LIMITS",
          "one more is dropped, counted as `commands_dropped` and logged"),
    Limit("commands of QoS 0 that wait", queue_limit(False), "agent.rpc.queue:QUEUE_LIMITS", "as above"),
    Limit("characters of a response topic", number, "agent.mqtt.topics:MAX_REPLY_CHARS",
          "it is not used; nor one that is not printable or not under `<prefix>/_reply/`"),
    Limit("levels of a response topic", number, "agent.mqtt.topics:MAX_REPLY_LEVELS",
          "it is not used: mosquitto disconnects a client that publishes to deeper ones"),
    Limit("a TOML file: configuration, alarm cases, recipe, contract of a foreign network", size,
          "model.toml_file:MAX_BYTES", "it is refused"),
    Limit("a bundle", size, "model.bundle_source:MAX_BYTES",
          "it is refused; it is a directory or a plain file, read in place, never extracted"),
    Limit("files of a bundle", number, "model.bundle_source:MAX_FILES", "the bundle is refused"),
    Limit("the manifest of a bundle", size, "model.bundle:MAX_MANIFEST_BYTES", "the bundle is refused"),
    Limit("golden windows of a bundle", number, "model.bundle:MAX_GOLDEN",
          "the bundle is refused; `drsn-export` writes 128 at most"),
    Limit("text that goes to the broker: user name, prefix, topics", size, "agent.mqtt.utf8:MAX_BYTES",
          "`check` and `run` refuse it (78), the shell's commands too (64); so they do a character for which a broker "
          "may end the connection (MQTT 5, 1.5.4)"),
    Limit("the state file `in_hand.json`", size, "agent.storage.poison_guard:FILE_BYTES",
          "it is written again. What is no regular file, in the place of a state file or of the database, is not read"),
    Limit("the state file `commits`", size, "agent.storage.rollback_guard:FILE_BYTES", "as above"),
    Limit("the state file `instance`", size, "agent.service.run_id:ID_BYTES", "as above"),
    Limit("a file of evidence", size, "agent.evidence.npz_form:MAX_BYTES",
          "it is refused; it is not compressed, and shapes are compared with its size before memory is taken"),
)  # fmt: skip


def table(limits: Iterable[Limit]) -> str:
    """The limits as Markdown."""
    rows = ["| limit | value | where it is set | what happens at the limit |", "|---|---|---|---|"]
    rows += [f"| {limit.name} | {_value(limit)} | {_place(limit.where)} | {limit.effect} |" for limit in limits]
    return "\n".join(rows)


def _value(limit: Limit) -> str:
    module, _, name = limit.where.partition(":")
    owner, _, field = name.rpartition(".")
    section = resolve_name(f"drsn.{module}:{owner}") if owner else None
    if isinstance(section, type) and issubclass(section, BaseModel):
        return limit.form(section.model_fields[field].default)
    return limit.form(resolve_name(f"drsn.{limit.where}"))


def _place(where: str) -> str:
    module, _, name = where.partition(":")
    path = f"{module.replace('.', '/')}.py"
    return f"[`{path}`](../../{path}) `{name.rpartition('.')[2]}`"
