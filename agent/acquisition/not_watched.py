"""Sources of packets that are not diagnosed, and why: the table of reasons, each with its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from drsn.agent.acquisition.codecs.packet import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SOURCES: Final = 1000
"""Refused sources that are held, and sources in a list, at most."""

MAX_BEYOND: Final = 10_000
"""Refused sources that are counted beyond those that are held."""

MAX_CHARS: Final = 200
"""Characters of a source. A topic may have 65,535."""

NO_PACKET: Final = "no_packet"
FIRST_WINDOW: Final = "first_window"
NO_WINDOW: Final = "no_window"
GAPS: Final = "gaps"
RATE_CHANGES: Final = "rate_changes"
MEMORY: Final = "memory"
REPEATS: Final = "repeats"
TOO_OLD: Final = "too_old"
OTHER_AGENT: Final = "other_agent"
EPOCH: Final = "epoch"

REASONS: Mapping[str, str] = MappingProxyType({
    "illegal_id": "Change the input's `sensor` template so that it gives at most 64 characters, escapes included.",
    "unknown_topic": "Add an input whose `topic` fits, or publish to a topic that an input names.",
    "max_sensors": "Raise `agent.max_sensors`, or free places with `drsn-agent forget`.",
    "wrong_rate": "Send or set the sample rate; if it is below the model's bandwidth, use a bundle for slower sensors.",
    "wrong_channels": "Name the input's `channels`, or send as many channels as the bundle needs.",
    "non_finite": "Look at the sensor and its cable: samples are NaN, infinite or above 1e15.",
    "undecodable": "Compare the payload with the input's codec (`drsn-agent check --sample`, docs/reference/mqtt.md).",
    "wrong_encoding": "Set the input's `dtype`, `byte_order`, `encoding` or `codec` as the line in the log proposes.",
    "too_large": "Send smaller packets, or raise the input's `max_packet_bytes`.",
    "retained": "Publish samples without the retain flag, and delete the retained packet.",
    "internal": "Report the log line to the authors: a defect of the agent.",
    NO_PACKET: "Look at the sensor and its connection; after a start wait for packets; `drsn-agent forget` removes it.",
    FIRST_WINDOW: "Wait for more packets: those that came are shorter than one window.",
    NO_WINDOW: "Send `seq`, `t0` or whole windows, or set the input's `continuous = true` (docs/reference/mqtt.md).",
    GAPS: "Find out where packets are lost, or send larger packets: too few windows follow each other for an alarm.",
    RATE_CHANGES: "Let the sensor keep one sample rate: samples are not joined across a change of it.",
    MEMORY: "Send whole windows in each packet, at a lower rate, or raise `agent.max_sensors`.",
    REPEATS: "Let the sensor count `seq` on, or change its `boot_id` at each start: its packets look like repetitions.",
    TOO_OLD: "Set the sensor's clock, or raise `agent.max_age_s`: its packets are older than that.",
    OTHER_AGENT: "Let one agent read this sensor: another agent publishes its alarm.",
    EPOCH: "Wait for packets, or `drsn-agent forget` the sensor: the retained alarm is of an earlier state directory.",
})  # fmt: skip
"""Reason -> remedy. A reason is part of the public documents and never changes its name."""

REASON_OF_REFUSAL: Mapping[Reason, str] = MappingProxyType({
    Reason.RETAINED: "retained",
    Reason.TOO_LARGE: "too_large",
    Reason.EMPTY: "undecodable",
    Reason.TRUNCATED: "undecodable",
    Reason.BAD_HEADER: "undecodable",
    Reason.BAD_CRC: "undecodable",
    Reason.BAD_DOCUMENT: "undecodable",
    Reason.BAD_PROPERTY: "undecodable",
    Reason.WRONG_ENCODING: "wrong_encoding",
    Reason.NON_FINITE: "non_finite",
    Reason.WRONG_RATE: "wrong_rate",
    Reason.WRONG_CHANNELS: "wrong_channels",
    Reason.UNKNOWN_TOPIC: "unknown_topic",
    Reason.ILLEGAL_SENSOR: "illegal_id",
    Reason.TOO_MANY_SENSORS: "max_sensors",
    Reason.POISON: "internal",
    Reason.INTERNAL: "internal",
})  # fmt: skip
"""Why a packet is refused -> why its source is not watched."""


@dataclass(frozen=True, slots=True)
class NotWatched:
    """A source of packets that the agent does not diagnose."""

    source: str
    """Sensor id, or the topic where no id could be made."""
    reason: str
    """A key of `REASONS`."""
    remedy: str
    """One sentence."""
    since_unix_ns: int

    @classmethod
    def of(cls, source: str, reason: str, since_unix_ns: int) -> NotWatched:
        """With the remedy of the table.

        Raises:
            KeyError: the reason is not in the table.
        """
        return cls(source, reason, REASONS[reason], since_unix_ns)


def shown_source(source: str) -> str:
    """A sensor id or topic, cut to `MAX_CHARS`."""
    return source if len(source) <= MAX_CHARS else f"{source[: MAX_CHARS - 1]}…"
