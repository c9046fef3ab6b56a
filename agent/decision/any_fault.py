"""Any machine fault: what the windows of all faults of the model say together, whichever fault each of them names.

A model may name the races of one damage in turn, and a machine may have two faults. Then no condition reaches its rule,
although every window is one of a fault. So the windows of any fault are counted beside the conditions, by the same
rule: by votes, or by the likelihood of all faults together against that of `normal`. While no condition of the model is
active, they raise the one that leads. While one is active, they keep the last of them up until the faults end, so that
an alarm does not end and begin again whenever the windows name another fault. `any fault` is no condition: it has no
state of its own, and no document shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, TRANSITIONS, AnyFault, Condition, Signal, State
from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.agent.decision.voting import Votes
from drsn.agent.monitoring.findings import OBSERVED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.decision.rule import AlarmRule

NO_FAULT_OF_THE_MODEL = frozenset({UNKNOWN, *SENSOR_CONDITIONS, *OBSERVED})
"""Conditions that are no machine fault of the model."""


def active(conditions: Mapping[str, Condition]) -> list[str]:
    """The machine faults of the model whose alarm is active. An orphan is none: it must hide no fault of this model."""
    faults = [name for name in conditions if name not in NO_FAULT_OF_THE_MODEL]
    return [name for name in faults if conditions[name].state.active and not conditions[name].orphaned]


def as_condition(counted: AnyFault, conditions: Mapping[str, Condition]) -> Condition:
    """The counts as those of a condition that is active while one of `conditions` is: its rule is then for a clear."""
    state = State.ACTIVE_UNACKED if active(conditions) else State.NORMAL
    return Condition(state, counted.votes, counted.evidence, counted.held_ns)


def decide(
    due: Iterable[tuple[Signal, str]], after: Mapping[str, Condition], any_fault: Condition, *, met: bool,
    diagnosis: Diagnosis, rule: AlarmRule,
) -> tuple[list[tuple[Signal, str]], str | None]:  # fmt: skip
    """Add what the windows of any fault raise, and leave out what they keep up.

    Args:
        due: the changes by the rules of the conditions.
        after: the conditions with the window counted, before the changes.
        any_fault: likewise.
        met: its rule is met: for a raise, or for a clear while an alarm stands.
        diagnosis: of the window.
        rule: of the conditions of the model.

    Returns:
        The changes; and the condition that is raised, None: none is.
    """
    due = list(due)
    changing = {name for _, name in due}
    if any(signal is Signal.RAISE and name not in NO_FAULT_OF_THE_MODEL for signal, name in due):
        return due, None
    if not any_fault.state.active:
        if not met:
            return due, None
        leading = _leading(after, diagnosis, rule)
        return ([*due, (Signal.RAISE, leading)], leading) if leading is not None else (due, None)
    standing = active(after)
    if met or not changing.issuperset(standing):
        return due, None
    kept = max(standing, key=lambda name: diagnosis.condition_probabilities.get(name, 0.0))
    return [(signal, name) for signal, name in due if name != kept], None


def after_changes(counted: Condition, conditions: Mapping[str, Condition], rule: AlarmRule) -> AnyFault:
    """The counts after the changes of a window: from now on for the other change, if that is due next.

    The votes stay: whenever the last windows meet the rule for a raise, an alarm stands. But if the same windows meet
    the rules for a clear and for a raise, the clear comes first and the votes begin anew.

    Args:
        counted: with the window.
        conditions: of the sensor after the changes.
        rule: of the conditions of the model.
    """
    if bool(active(conditions)) == counted.state.active:
        return AnyFault(counted.votes, counted.evidence, counted.held_ns)
    both = counted.state.active and counted.votes.votes_for(rule.rise.of) >= rule.rise.votes
    return AnyFault(Votes() if both or rule.threshold_nats is not None else counted.votes)


def _leading(conditions: Mapping[str, Condition], diagnosis: Diagnosis, rule: AlarmRule) -> str | None:
    """The fault with the most votes or evidence; among equals the most probable one of this window."""

    def lead(name: str) -> tuple[float, float]:
        condition, probability = conditions[name], diagnosis.condition_probabilities.get(name, 0.0)
        by_votes = rule.threshold_nats is None
        return condition.votes.votes_for(rule.rise.of) if by_votes else condition.evidence, probability

    faults = [name for name, c in conditions.items() if not (c.orphaned or name in NO_FAULT_OF_THE_MODEL)]
    possible = [name for name in faults if (conditions[name].state, Signal.RAISE) in TRANSITIONS]
    return max(possible, key=lead, default=None)
