"""The alarm state machine: states, transitions, and what is stored of each condition. No clock, no I/O.

State names follow OPC UA Part 9 (active x acknowledged, latched). Each condition of a sensor is a state machine of its
own, so a change from one fault to another is two events, the clear first.

The fields of `Condition`, `SensorState` and of the dataclasses in them are a file format: they are JSON in the database
and in evidence records. Their names do not change.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (the store reads the types of `SensorState` at run time)
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Literal

from drsn.agent.decision.baseline import Baseline  # noqa: TC001 (as above)
from drsn.agent.decision.diagnosis import SENSOR_FAULT, SILENT
from drsn.agent.decision.running_gate import Gate
from drsn.agent.decision.voting import Votes
from drsn.model.contract import Severity  # noqa: TC001 (as above)

if TYPE_CHECKING:
    from collections.abc import Iterable

Suppressor = Literal["out_of_service", "shelved", "sensor_fault", "gate"]
"""What suppresses a condition; suppression by an operator comes before suppression by the agent."""

SENSOR_CONDITIONS = (SENSOR_FAULT, SILENT)
"""Conditions of the sensor itself, not of its machine; only an operator suppresses them."""

DocumentState = Literal["normal", "active_unacked", "active_acked", "cleared_unacked"]
"""States as documents name them. A latched alarm keeps the name of its active state; `latched` stands beside it."""


class State(str, Enum):
    """State of one condition of one sensor."""

    NORMAL = "normal"
    ACTIVE_UNACKED = "active_unacked"
    ACTIVE_ACKED = "active_acked"
    LATCHED_UNACKED = "latched_unacked"
    LATCHED_ACKED = "latched_acked"
    CLEARED_UNACKED = "cleared_unacked"

    @property
    def active(self) -> bool:
        """The condition is present now."""
        return self in (State.ACTIVE_UNACKED, State.ACTIVE_ACKED)

    @property
    def latched(self) -> bool:
        """The condition is gone, and the alarm waits for a reset."""
        return self in (State.LATCHED_UNACKED, State.LATCHED_ACKED)

    @property
    def acked(self) -> bool:
        """An operator has acknowledged this alarm."""
        return self in (State.ACTIVE_ACKED, State.LATCHED_ACKED)

    @property
    def in_documents(self) -> DocumentState:
        """The name of the state in documents."""
        if self.latched:
            return "active_acked" if self.acked else "active_unacked"
        return self.value  # type: ignore[return-value]  # the other four are those of `DocumentState`


class Signal(str, Enum):
    """Input of the state machine."""

    RAISE = "raise"
    CLEAR = "clear"
    CLEAR_REQUIRE_ACK = "clear [require_ack]"
    CLEAR_LATCH = "clear [latch]"
    ACK = "ack"
    RESET = "reset"
    RESET_REQUIRE_ACK = "reset [require_ack]"
    LEARN = "learn as healthy"


_NORMAL, _ACTIVE, _ACTIVE_ACKED = State.NORMAL, State.ACTIVE_UNACKED, State.ACTIVE_ACKED
_LATCHED, _LATCHED_ACKED, _CLEARED = State.LATCHED_UNACKED, State.LATCHED_ACKED, State.CLEARED_UNACKED

TRANSITIONS: dict[tuple[State, Signal], State] = {
    (_NORMAL, Signal.RAISE): _ACTIVE,
    (_LATCHED, Signal.RAISE): _ACTIVE,
    (_LATCHED_ACKED, Signal.RAISE): _ACTIVE,
    (_CLEARED, Signal.RAISE): _ACTIVE,
    (_ACTIVE, Signal.ACK): _ACTIVE_ACKED,
    (_LATCHED, Signal.ACK): _LATCHED_ACKED,
    (_CLEARED, Signal.ACK): _NORMAL,
    (_ACTIVE, Signal.CLEAR): _NORMAL,
    (_ACTIVE_ACKED, Signal.CLEAR): _NORMAL,
    (_ACTIVE, Signal.CLEAR_REQUIRE_ACK): _CLEARED,
    (_ACTIVE_ACKED, Signal.CLEAR_REQUIRE_ACK): _NORMAL,
    (_ACTIVE, Signal.CLEAR_LATCH): _LATCHED,
    (_ACTIVE_ACKED, Signal.CLEAR_LATCH): _LATCHED_ACKED,
    (_LATCHED, Signal.RESET): _NORMAL,
    (_LATCHED_ACKED, Signal.RESET): _NORMAL,
    (_LATCHED, Signal.RESET_REQUIRE_ACK): _CLEARED,
    (_LATCHED_ACKED, Signal.RESET_REQUIRE_ACK): _NORMAL,
    **{(state, Signal.LEARN): _NORMAL for state in State if state is not _NORMAL},
}
"""(State, signal) -> next state; a pair that is absent changes nothing."""

ACKNOWLEDGEABLE_EVENTS = 32
"""The newest events of an alarm, by which it can be acknowledged."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of one sensor as it stands. Stored; see the module's docstring."""

    state: State = State.NORMAL
    votes: Votes = field(default_factory=Votes)
    evidence: float = 0.0
    """CUSUM, in nats: for a raise; while the condition is active, for a clear."""
    held_ns: int = 0
    """Signal for which the rule has been met without a pause, in ns (on-delay, off-delay)."""
    suppressed_by: Suppressor | None = None
    seq: int = 0
    """Number of the event that made this state."""
    since_unix_ns: int = 0
    """End of the window that decided this state."""
    decided_unix_ns: int = 0
    """The agent's clock at that decision."""
    label: str = ""
    """The model's label when the alarm was raised."""
    window_label: str = ""
    """The model's label of the deciding window."""
    confidence: float = 0.0
    """P(condition) of the deciding window."""
    count: int = 0
    """Votes that decided this state ..."""
    of: int = 0
    """... among this many windows."""
    weight: float | None = None
    """Evidence that decided this state, in nats; None: votes did."""
    clock_synced: bool = False
    severity: Severity | None = None
    """None: never raised."""
    active_ns: int = 0
    """Signal since the raise during which the machine was diagnosed, in ns."""
    told: tuple[int, ...] = ()
    """`seq` of the newest events since the raise, which is among them; an acknowledgement names one of them."""
    acked_by: str | None = None
    shelved_until_unix_ns: int = 0
    out_of_service: bool = False
    by: str | None = None
    """Who commanded this state; None: the agent decided it."""
    comment: str | None = None
    orphaned: bool = False
    """The present bundle does not have the condition (drsn.agent.decision.orphans)."""
    false_alarm_seq: int = 0
    """Number of the event that an operator has marked as a false alarm; 0: none. The next raise ends the mark, unless
    the condition is shelved then: the same false alarm has come again."""

    @property
    def operator_suppression(self) -> Suppressor | None:
        """How an operator suppresses the condition; None: no operator does."""
        return "out_of_service" if self.out_of_service else "shelved" if self.shelved_until_unix_ns else None


def with_event(condition: Condition, seq: int) -> Condition:
    """The condition with `seq` as its last event."""
    return replace(condition, seq=seq, told=(*condition.told, seq)[-ACKNOWLEDGEABLE_EVENTS:])


@dataclass(frozen=True, slots=True)
class AnyFault:
    """What the windows of any machine fault have come to (drsn.agent.decision.any_fault). Stored; see above."""

    votes: Votes = field(default_factory=Votes)
    evidence: float = 0.0
    """As in `Condition`: for a raise; while an alarm of a machine fault of the model is active, for a clear."""
    held_ns: int = 0


@dataclass(frozen=True, slots=True)
class SensorState:
    """The alarm state of one sensor. Stored; see the module's docstring."""

    conditions: Mapping[str, Condition]
    seq: int = 0
    """Number of the sensor's last event; it rises by one an event."""
    gate: Gate = field(default_factory=Gate)
    period_s: float = 0.0
    """Longest usual time from one window to the next (drsn.agent.decision.silence_timer); 0: not known."""
    commission: Baseline | None = None
    """Baseline of the machine, learnt while it was healthy; None: it was not commissioned."""
    any_fault: AnyFault = field(default_factory=AnyFault)

    @classmethod
    def new(cls, conditions: Iterable[str]) -> SensorState:
        """The state of a new sensor."""
        return cls({name: Condition() for name in conditions})

    @property
    def standing(self) -> dict[str, Condition]:
        """The conditions that are not normal, or that an operator suppresses."""
        return {n: c for n, c in self.conditions.items() if c.state is not State.NORMAL or c.operator_suppression}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one condition; it becomes one event."""

    name: str
    condition: Condition
    """As the change leaves it."""
