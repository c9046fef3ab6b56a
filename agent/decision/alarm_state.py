"""The alarms of one sensor: states, what may follow what, and what they remember. No clock, no I/O.

State names follow OPC UA Part 9 (active x acknowledged, latched). Each machine condition of the bundle, and each of the
agent's own, is a machine of its own, so that a change from one fault to another is two events, the clear first.
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
"""Why a condition is nobody's work now; an operator's word comes before the agent's own."""

OWN = (SENSOR_FAULT, SILENT)
"""Conditions of the sensor, which the agent itself finds: only an operator suppresses them."""

Shown = Literal["normal", "active_unacked", "active_acked", "cleared_unacked"]
"""States as documents name them: a latched alarm goes on being shown as it stood, with `latched` beside it."""


class State(str, Enum):
    """Of one condition of one sensor."""

    NORMAL = "normal"
    ACTIVE_UNACKED = "active_unacked"
    ACTIVE_ACKED = "active_acked"
    LATCHED_UNACKED = "latched_unacked"
    LATCHED_ACKED = "latched_acked"
    CLEARED_UNACKED = "cleared_unacked"

    @property
    def active(self) -> bool:
        """What the condition is about is there now."""
        return self in (State.ACTIVE_UNACKED, State.ACTIVE_ACKED)

    @property
    def latched(self) -> bool:
        """It is gone, and the alarm waits for a reset."""
        return self in (State.LATCHED_UNACKED, State.LATCHED_ACKED)

    @property
    def acked(self) -> bool:
        """Somebody has seen this alarm."""
        return self in (State.ACTIVE_ACKED, State.LATCHED_ACKED)

    @property
    def shown(self) -> Shown:
        """As documents name it."""
        if self.latched:
            return "active_acked" if self.acked else "active_unacked"
        return self.value  # type: ignore[return-value]  # the other four are those of `Shown`


class Signal(str, Enum):
    """What can happen to a condition."""

    RAISE = "raise"
    CLEAR = "clear"
    CLEAR_REQUIRE_ACK = "clear [require_ack]"
    CLEAR_LATCH = "clear [latch]"
    ACK = "ack"
    RESET = "reset"
    RESET_REQUIRE_ACK = "reset [require_ack]"


_IN, _NEW, _SEEN = State.NORMAL, State.ACTIVE_UNACKED, State.ACTIVE_ACKED
_HELD, _HELD_SEEN, _GONE = State.LATCHED_UNACKED, State.LATCHED_ACKED, State.CLEARED_UNACKED

TRANSITIONS: dict[tuple[State, Signal], State] = {
    (_IN, Signal.RAISE): _NEW,
    (_HELD, Signal.RAISE): _NEW,
    (_HELD_SEEN, Signal.RAISE): _NEW,
    (_GONE, Signal.RAISE): _NEW,
    (_NEW, Signal.ACK): _SEEN,
    (_HELD, Signal.ACK): _HELD_SEEN,
    (_GONE, Signal.ACK): _IN,
    (_NEW, Signal.CLEAR): _IN,
    (_SEEN, Signal.CLEAR): _IN,
    (_NEW, Signal.CLEAR_REQUIRE_ACK): _GONE,
    (_SEEN, Signal.CLEAR_REQUIRE_ACK): _IN,
    (_NEW, Signal.CLEAR_LATCH): _HELD,
    (_SEEN, Signal.CLEAR_LATCH): _HELD_SEEN,
    (_HELD, Signal.RESET): _IN,
    (_HELD_SEEN, Signal.RESET): _IN,
    (_HELD, Signal.RESET_REQUIRE_ACK): _GONE,
    (_HELD_SEEN, Signal.RESET_REQUIRE_ACK): _IN,
}
"""What follows what; a pair that is absent changes nothing."""

TOLD = 32
"""Events of an alarm that an acknowledgement may name: the newest so many."""


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
    severity: Severity | None = None
    """None: never raised."""
    active_ns: int = 0
    """Signal that was judged since it was raised."""
    told: tuple[int, ...] = ()
    """`seq` of the newest events since it was raised, its raise among them."""
    acked_by: str | None = None
    shelved_until_unix_ns: int = 0
    out_of_service: bool = False
    by: str | None = None
    """Who commanded this state; None: it was decided."""
    comment: str | None = None

    @property
    def put_aside(self) -> Suppressor | None:
        """Whether an operator suppresses it, and how."""
        return "out_of_service" if self.out_of_service else "shelved" if self.shelved_until_unix_ns else None


def tell(condition: Condition, seq: int) -> Condition:
    """The condition as event `seq` leaves it."""
    return replace(condition, seq=seq, told=(*condition.told, seq)[-TOLD:])


@dataclass(frozen=True, slots=True)
class SensorState:
    """The alarms of one sensor."""

    conditions: Mapping[str, Condition]
    seq: int = 0
    """Of its last event; rises by one an event."""
    gate: Gate = field(default_factory=Gate)
    period_s: float = 0.0
    """From one window to the next, pauses well counted; 0: not known."""
    commission: Baseline | None = None
    """What was learnt of its machine while that was healthy."""

    @classmethod
    def new(cls, conditions: Iterable[str]) -> SensorState:
        """A sensor of which nothing is known yet."""
        return cls({name: Condition() for name in conditions})

    @property
    def standing(self) -> dict[str, Condition]:
        """The conditions that are not normal, or that an operator has put aside."""
        return {n: c for n, c in self.conditions.items() if c.state is not State.NORMAL or c.put_aside}


@dataclass(frozen=True, slots=True)
class Change:
    """One condition changed: the seed of an event."""

    name: str
    condition: Condition
