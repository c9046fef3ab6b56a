"""The alarms of one sensor: states, what may follow what, and what they remember. No clock, no I/O.

State names follow OPC UA Part 9 (active x acknowledged). Each machine condition of the bundle, and each of the agent's
own, is a machine of its own, so that a change from one fault to another is two events, the clear first.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (the store reads the types of `Sensor` at run time)
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal

from drsn.agent.diagnosis import SENSOR_FAULT, SILENT
from drsn.agent.gate import Gate
from drsn.agent.votes import Votes

if TYPE_CHECKING:
    from collections.abc import Iterable

Suppressor = Literal["shelved", "out_of_service", "sensor_fault", "gate"]
"""Why a condition that stands is nobody's work now; those of commands are not given yet."""

OWN = (SENSOR_FAULT, SILENT)
"""Conditions of the sensor, which the agent itself finds: nothing suppresses them."""


class State(str, Enum):
    """Of one condition of one sensor."""

    NORMAL = "normal"
    ACTIVE_UNACKED = "active_unacked"
    ACTIVE_ACKED = "active_acked"
    CLEARED_UNACKED = "cleared_unacked"

    @property
    def active(self) -> bool:
        """The condition holds now."""
        return self in (State.ACTIVE_UNACKED, State.ACTIVE_ACKED)


class Signal(str, Enum):
    """What can happen to a condition."""

    RAISE = "raise"
    CLEAR = "clear"


TRANSITIONS: dict[tuple[State, Signal], State] = {
    (State.NORMAL, Signal.RAISE): State.ACTIVE_UNACKED,
    (State.ACTIVE_UNACKED, Signal.CLEAR): State.NORMAL,
    (State.ACTIVE_ACKED, Signal.CLEAR): State.NORMAL,
}
"""What follows what; a pair that is absent changes nothing."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of one sensor, as it stands."""

    state: State = State.NORMAL
    votes: Votes = field(default_factory=Votes)
    evidence: float = 0.0
    """Of the sequential test, in nats: that it begins, or while it is active that it is over."""
    held_ns: int = 0
    """Signal for which the rule has been met."""
    suppressed_by: Suppressor | None = None
    seq: int = 0
    """Of the event that made this state."""
    since_unix_ns: int = 0
    """End of the window that decided it."""
    decided_unix_ns: int = 0
    label: str = ""
    """The model's label when the alarm was raised."""
    window_label: str = ""
    """The model's label of the deciding window."""
    confidence: float = 0.0
    """P(condition) of the deciding window."""
    count: int = 0
    """Votes that decided it."""
    of: int = 0
    weight: float | None = None
    """Evidence that decided it, in nats; None: votes did."""
    clock_synced: bool = False


@dataclass(frozen=True, slots=True)
class Sensor:
    """The alarms of one sensor."""

    conditions: Mapping[str, Condition]
    seq: int = 0
    """Of its last event; rises by one an event."""
    gate: Gate = field(default_factory=Gate)
    period_s: float = 0.0
    """From one window to the next, pauses well counted; 0: not known."""

    @classmethod
    def new(cls, conditions: Iterable[str]) -> Sensor:
        """A sensor of which nothing is known yet."""
        return cls({name: Condition() for name in conditions})

    @property
    def standing(self) -> dict[str, Condition]:
        """The conditions that are not normal."""
        return {name: c for name, c in self.conditions.items() if c.state is not State.NORMAL}


@dataclass(frozen=True, slots=True)
class Change:
    """One condition changed: the seed of an event."""

    name: str
    condition: Condition
