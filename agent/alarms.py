"""From diagnoses to alarms: votes decide, a table says what may follow what. No clock, no I/O.

State names follow OPC UA Part 9 (active x acknowledged). Each machine condition of the bundle, and `unknown`,
is a machine of its own, so that a change from one fault to another is two events, the clear first.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (the store reads the types of `Sensor` at run time)
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from drsn.agent.diagnosis import UNKNOWN, Diagnosis
from drsn.agent.votes import Quorum, Votes

if TYPE_CHECKING:
    from collections.abc import Iterable


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
class Policy:
    """When to raise and when to clear."""

    raise_after: Quorum
    clear_after: Quorum


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of one sensor, as it stands."""

    state: State = State.NORMAL
    votes: Votes = field(default_factory=Votes)
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
    clock_synced: bool = False


@dataclass(frozen=True, slots=True)
class Sensor:
    """The alarms of one sensor."""

    conditions: Mapping[str, Condition]
    seq: int = 0
    """Of its last event; rises by one an event."""

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


def step(sensor: Sensor, diagnosis: Diagnosis, policy: Policy, decided_unix_ns: int) -> tuple[Sensor, list[Change]]:
    """Let one window vote; return the sensor after it and what changed, clears first.

    A window that the model abstains from votes for `unknown` and leaves the machine conditions as they are. A change
    starts the votes of its condition anew: what spoke for an alarm before it was cleared does not raise it again.
    """
    after: dict[str, Condition] = {}
    signals: list[tuple[Signal, str]] = []
    for name, condition in sensor.conditions.items():
        votes = Votes() if diagnosis.reading.fresh else condition.votes
        has_vote = name == UNKNOWN or diagnosis.condition != UNKNOWN
        if has_vote:
            votes = votes.push(name == diagnosis.condition)
        after[name] = replace(condition, votes=votes)
        signal = _signal(condition.state, votes, policy) if has_vote else None
        if signal is not None:
            signals.append((signal, name))
    changes: list[Change] = []
    seq = sensor.seq
    for signal, name in sorted(signals, key=lambda pair: pair[0] is Signal.RAISE):
        seq += 1
        after[name] = _apply(after[name], name, signal, diagnosis, policy, seq, decided_unix_ns)
        changes.append(Change(name, after[name]))
    return Sensor(after, seq), changes


def _signal(state: State, votes: Votes, policy: Policy) -> Signal | None:
    rise, fall = policy.raise_after, policy.clear_after
    if not state.active and votes.ayes(rise.of) >= rise.votes:
        signal = Signal.RAISE
    elif state.active and votes.noes(fall.of) >= fall.votes:
        signal = Signal.CLEAR
    else:
        return None
    return signal if (state, signal) in TRANSITIONS else None


def _apply(
    condition: Condition,
    name: str,
    signal: Signal,
    diagnosis: Diagnosis,
    policy: Policy,
    seq: int,
    decided_unix_ns: int,
) -> Condition:
    rising = signal is Signal.RAISE
    quorum = policy.raise_after if rising else policy.clear_after
    votes = condition.votes
    return replace(
        condition,
        state=TRANSITIONS[condition.state, signal],
        votes=Votes(),
        seq=seq,
        since_unix_ns=diagnosis.reading.end_unix_ns,
        decided_unix_ns=decided_unix_ns,
        label=diagnosis.label if rising else condition.label,
        window_label=diagnosis.label,
        confidence=diagnosis.condition_probabilities.get(name, diagnosis.confidence if name == UNKNOWN else 0.0),
        count=votes.ayes(quorum.of) if rising else votes.noes(quorum.of),
        of=quorum.of,
        clock_synced=diagnosis.reading.clock_synced,
    )
