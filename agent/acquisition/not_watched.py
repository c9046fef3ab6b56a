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
    "illegal_id": "The sensor id has more than 64 characters. Use fewer topic levels in the input's `sensor`.",
    "unknown_topic": "No input matches the topic. Add an input with this `topic`, or publish to a topic of an input.",
    "max_sensors": "`agent.max_sensors` is reached. Raise it, or remove sensors with `drsn-agent forget`.",
    "wrong_rate": "The sample rate is missing or too low for the model. Set it, or use a bundle for slower sensors.",
    "wrong_channels": "The packet has another number of channels than expected. Correct the input's `channels`.",
    "non_finite": "Samples are NaN, infinite or above 1e15. Check the sensor, its cable and the input's `dtype`.",
    "undecodable": "The codec cannot read the payload. Compare both with `drsn-agent check --sample`.",
    "wrong_encoding": "The payload has another encoding than the input states. Set what the log line proposes.",
    "too_large": "The packet is too large. Send smaller packets, or raise the input's `max_packet_bytes`.",
    "retained": "The packet is retained. Publish without the retain flag, and delete the retained packet.",
    "internal": "A defect of the agent. Report the log line to the authors.",
    NO_PACKET: "No packet arrives. Check the sensor and its connection; `drsn-agent forget` removes an old sensor.",
    FIRST_WINDOW: "The first window is not complete. Wait for more packets.",
    NO_WINDOW: "Packets cannot be joined to windows. Send `seq`, `t0` or whole windows, or set `continuous = true`.",
    GAPS: "Too many packets are lost to decide an alarm. Find the cause, or send larger packets.",
    RATE_CHANGES: "The sample rate changes too often. Let the sensor keep one sample rate.",
    MEMORY: "The memory for samples is full. Send whole windows, lower the sample rate, or raise `agent.max_sensors`.",
    REPEATS: "Packets repeat old `seq` numbers. Let the sensor increase `seq`, and change `boot_id` at each start.",
    TOO_OLD: "Packets are older than `agent.max_age_s`. Set the sensor's clock, or raise `agent.max_age_s`.",
    OTHER_AGENT: "Another agent also publishes alarms of this sensor. Let only one agent read it.",
    EPOCH: "The alarm was restored from the broker, and no packet came yet. Wait, or `drsn-agent forget` the sensor.",
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
