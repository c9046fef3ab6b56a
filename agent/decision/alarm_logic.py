"""Alarm logic: from one window to the changes of a sensor's conditions. No clock, no I/O."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.decision import any_fault
from drsn.agent.decision.alarm_state import (
    SENSOR_CONDITIONS,
    TRANSITIONS,
    Change,
    Condition,
    SensorState,
    Signal,
    State,
    with_event,
)
from drsn.agent.decision.cusum import BOUND_NATS
from drsn.agent.decision.diagnosis import ANY_FAULT, SENSOR_FAULT, SILENT, UNKNOWN
from drsn.agent.decision.rule import WindowEvidence, deciding_votes, update
from drsn.agent.decision.running_gate import update_gate
from drsn.agent.decision.voting import Votes
from drsn.agent.monitoring.findings import CHANGED, NO_MONITOR, OBSERVED, VIBRATION_LEVEL
from drsn.agent.monitoring.vibration_zones import MOST_RANK, zone_rank
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from drsn.agent.decision.alarm_state import Suppressor
    from drsn.agent.decision.cusum import Likelihood
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.decision.policy import Policy
    from drsn.agent.decision.rule import AlarmRule
    from drsn.agent.decision.running_gate import Gate
    from drsn.model.contract import Severity


def step(
    sensor: SensorState, diagnosis: Diagnosis, policy: Policy, likelihood: Likelihood, decided_unix_ns: int
) -> tuple[SensorState, list[Change]]:
    """Apply one window; return the sensor after it and its changes: clears, then raises, then suppressions.

    A window that the model abstains from votes for `unknown`; it has no vote on the other conditions, and less weight
    in a CUSUM. A window with a sensor fault votes for `sensor_fault` only. While that is active or the gate is closed,
    the counts of all other conditions rest. A change resets the count of its condition: the windows before a clear do
    not count for the next raise. The conditions that monitors raise count what the monitors found, whatever the model
    makes of the window; a higher zone while `vibration_level` stands is a change. The windows of all machine faults
    together are counted too (drsn.agent.decision.any_fault).

    Args:
        sensor: before the window.
        diagnosis: of the window.
        policy: of the sensor.
        likelihood: of the window; used by CUSUM only.
        decided_unix_ns: the agent's clock.
    """
    reading = diagnosis.reading
    faulty, gate = diagnosis.condition == SENSOR_FAULT, sensor.gate
    if not faulty:  # else the window's RMS is not the machine's
        gate = update_gate(gate, policy.limits, reading.rms, reading.rpm, reading.advance_ns)
    rests = faulty or suppressor(sensor.conditions, gate, policy) is not None
    after, due = _count_all(sensor, diagnosis, policy, likelihood, rests=rests)
    counted = any_fault.as_condition(sensor.any_fault, sensor.conditions)
    counted, met = _count(ANY_FAULT, counted, diagnosis, policy, likelihood, rests=rests)
    due, leading = any_fault.decide(due, after, counted, met=met, diagnosis=diagnosis, rule=policy.machine)
    if leading is not None:  # its event gives the figures of what has raised it
        after[leading] = replace(after[leading], votes=counted.votes, evidence=counted.evidence)
    due.sort(key=lambda pair: pair[0] is Signal.RAISE)
    for seq, (signal, name) in enumerate(due, start=sensor.seq + 1):
        after[name] = _changed(after[name], name, signal, diagnosis, policy, seq, decided_unix_ns)
    by, seq = suppressor(after, gate, policy), sensor.seq + len(due)
    worse = {name for name, was in sensor.conditions.items() if after[name].label != was.label}
    worse.difference_update(name for _, name in due)
    suppressed = update_suppression(after, by, policy, seq, decided_unix_ns, worse)
    changed = [Change(name, after[name]) for name in (*(name for _, name in due), *suppressed)]
    faults, last_seq = any_fault.after_changes(counted, after, policy.machine), sensor.seq + len(changed)
    return replace(sensor, conditions=after, seq=last_seq, gate=gate, any_fault=faults), changed


def _count_all(
    sensor: SensorState, diagnosis: Diagnosis, policy: Policy, likelihood: Likelihood, *, rests: bool
) -> tuple[dict[str, Condition], list[tuple[Signal, str]]]:
    """The conditions with the window counted, and the changes that are due by the rule of each."""
    after: dict[str, Condition] = {}
    due: list[tuple[Signal, str]] = []
    for name, before in sensor.conditions.items():
        after[name], changes = _count(name, before, diagnosis, policy, likelihood, rests=rests)
        signal = _clear(name, policy) if before.state.active else Signal.RAISE
        if changes and (before.state, signal) in TRANSITIONS:
            due.append((signal, name))
    return after, due


def _count(
    name: str, before: Condition, diagnosis: Diagnosis, policy: Policy, likelihood: Likelihood, *, rests: bool
) -> tuple[Condition, bool]:
    """The condition with the window counted, if it counts, and whether the condition must change."""
    reading, rule = diagnosis.reading, rule_of(name, policy)
    condition = replace(before, votes=Votes(), evidence=0.0, held_ns=0) if reading.fresh else before
    if not _counts(name, diagnosis, rule, rests=rests):
        return condition, name == SILENT and condition.state.active
    condition, changes = update(condition, _evidence(name, diagnosis, likelihood), rule)
    if condition.state.active:
        condition = replace(condition, active_ns=condition.active_ns + reading.advance_ns)
    found = diagnosis.observed.get(name)
    if not changes and found is not None and found.nats > 0 and zone_rank(found.label) > worse_than(name, condition):
        label, confidence = _of_window(name, diagnosis)
        condition = replace(condition, label=label, window_label=label, confidence=confidence)
    return condition, changes


def worse_than(name: str, condition: Condition) -> int:
    """Rank of the zone above which a window makes a condition worse; the highest one if none does."""
    ranked = name == VIBRATION_LEVEL and condition.state.active
    return zone_rank(condition.label) if ranked else MOST_RANK


def update_suppression(
    conditions: dict[str, Condition],
    by: Suppressor | None,
    policy: Policy,
    seq: int,
    decided_unix_ns: int,
    worse: Collection[str] = (),
) -> list[str]:
    """Update suppression and severity of each condition in place; return the names of those that this changes.

    Args:
        conditions: of one sensor.
        by: what suppresses its machine conditions; None: nothing does.
        policy: of the sensor.
        seq: of its last event.
        decided_unix_ns: the agent's clock.
        worse: conditions whose label has changed while they stand.
    """
    changed: list[str] = []
    for name, condition in conditions.items():
        if condition.state is State.NORMAL and condition.suppressed_by == condition.operator_suppression:
            continue
        suppressed_by, severity = condition.operator_suppression, condition.severity
        if condition.state is not State.NORMAL and name not in SENSOR_CONDITIONS:
            suppressed_by = suppressed_by or by
        if condition.state.active and severity is not None:
            severity = max(severity, _severity(name, condition, policy), key=lambda each: each.rank)
        if name in worse or (suppressed_by, severity) != (condition.suppressed_by, condition.severity):
            changed.append(name)
            conditions[name] = replace(
                with_event(condition, seq + len(changed)),
                suppressed_by=suppressed_by,
                severity=severity,
                decided_unix_ns=decided_unix_ns,
                by=None,
                comment=None,
            )
    return changed


def _severity(name: str, condition: Condition, policy: Policy) -> Severity:
    return policy.urgency.severity(name, condition.label, condition.confidence, condition.active_ns)


def fall_silent(
    sensor: SensorState, policy: Policy, now_unix_ns: int, last_unix_ns: int, *, clock_synced: bool
) -> tuple[SensorState, list[Change]]:
    """Raise `silent`: no window came for too long. Return the sensor after that and its change.

    Args:
        sensor: before.
        policy: of the sensor.
        now_unix_ns: the agent's clock.
        last_unix_ns: the agent's clock at the last window: the sensor is silent since then.
        clock_synced: the agent's clock is right.
    """
    before = sensor.conditions.get(SILENT, Condition())
    if (before.state, Signal.RAISE) not in TRANSITIONS:
        return sensor, []
    silent = replace(
        before,
        state=TRANSITIONS[before.state, Signal.RAISE],
        suppressed_by=before.operator_suppression,
        since_unix_ns=last_unix_ns,
        decided_unix_ns=now_unix_ns,
        clock_synced=clock_synced,
        label=SILENT,
        window_label="",
        confidence=1.0,
        severity=policy.urgency.severity(SILENT, SILENT, 1.0, 0),
        told=(),
        by=None,
        comment=None,
        acked_by=None,
    )
    silent = with_event(silent, sensor.seq + 1)
    conditions = {**sensor.conditions, SILENT: silent}
    return replace(sensor, conditions=conditions, seq=silent.seq), [Change(SILENT, silent)]


def suppressor(conditions: Mapping[str, Condition], gate: Gate, policy: Policy) -> Suppressor | None:
    """What suppresses the machine conditions of a sensor; None: nothing does."""
    fault = conditions.get(SENSOR_FAULT)
    if fault is not None and fault.state.active:
        return "sensor_fault"
    return None if gate.is_open(policy.limits) else "gate"


def _counts(name: str, diagnosis: Diagnosis, rule: AlarmRule, *, rests: bool) -> bool:
    if name in SENSOR_CONDITIONS:
        return name == SENSOR_FAULT
    if name in OBSERVED:
        found = diagnosis.observed.get(name)
        return not rests and (found is None or not math.isnan(found.nats))
    cusum = rule.threshold_nats is not None  # which counts an abstention too, limited by the window's ceiling
    return not rests and (name == UNKNOWN or cusum or diagnosis.condition != UNKNOWN)


def rule_of(name: str, policy: Policy) -> AlarmRule:
    """The rule of a condition."""
    if name in OBSERVED:
        return {CHANGED: policy.changed, VIBRATION_LEVEL: policy.vibration_level}[name]
    return policy.sensor_fault if name in SENSOR_CONDITIONS else policy.unknown if name == UNKNOWN else policy.machine


def _evidence(name: str, diagnosis: Diagnosis, likelihood: Likelihood) -> WindowEvidence:
    reading = diagnosis.reading
    share = reading.advance_ns / reading.duration_ns
    if name in OBSERVED:  # one that no monitor evaluates any more counts as absent
        found = diagnosis.observed.get(name)
        nats = NO_MONITOR if found is None else found.nats
        z = min(BOUND_NATS, max(-BOUND_NATS, nats))
        return WindowEvidence(nats > 0, z, reading.advance_ns, share, BOUND_NATS)
    vote = name == diagnosis.condition
    if name == ANY_FAULT:
        vote = diagnosis.condition != NORMAL and diagnosis.condition not in any_fault.NO_FAULT_OF_THE_MODEL
    # A condition that the present bundle does not have counts as absent.
    z = likelihood.ratios.get(name, -BOUND_NATS)
    return WindowEvidence(vote, z, reading.advance_ns, share, likelihood.ceiling_nats)


def _clear(name: str, policy: Policy) -> Signal:
    """The signal of a clear. Only machine conditions latch."""
    if policy.latch and name not in (UNKNOWN, *SENSOR_CONDITIONS):
        return Signal.CLEAR_LATCH
    return Signal.CLEAR_REQUIRE_ACK if policy.require_ack else Signal.CLEAR


def _changed(
    condition: Condition, name: str, signal: Signal, diagnosis: Diagnosis, policy: Policy, seq: int, decided_ns: int
) -> Condition:
    """The condition in its next state, with the figures of the deciding window."""
    rule = rule_of(name, policy)
    count, of = (0, 0) if name == SILENT else deciding_votes(condition, rule)
    label, confidence = _of_window(name, diagnosis)
    now = replace(
        condition,
        state=TRANSITIONS[condition.state, signal],
        votes=Votes(),
        evidence=0.0,
        held_ns=0,
        suppressed_by=condition.operator_suppression,
        since_unix_ns=diagnosis.reading.end_unix_ns,
        decided_unix_ns=decided_ns,
        window_label=label,
        confidence=confidence,
        count=count,
        of=of,
        weight=None if rule.threshold_nats is None else condition.evidence,
        clock_synced=diagnosis.reading.clock_synced,
        by=None,
        comment=None,
    )
    if signal is Signal.RAISE:
        marked = condition.false_alarm_seq if condition.shelved_until_unix_ns else 0
        now = replace(now, label=_own_label(name, diagnosis, label), active_ns=0, told=(), acked_by=None)
        now = replace(now, false_alarm_seq=marked)
        now = replace(now, severity=_severity(name, now, policy))
    return with_event(now, seq)


def _own_label(name: str, diagnosis: Diagnosis, label: str) -> str:
    """The label of the window if it is one of this condition's, else the condition."""
    probabilities = diagnosis.condition_probabilities
    return name if name in probabilities and name != max(probabilities, key=probabilities.__getitem__) else label


def _of_window(name: str, diagnosis: Diagnosis) -> tuple[str, float]:
    """The label and P(condition) of the deciding window."""
    found = diagnosis.observed.get(name)
    if found is not None and not math.isnan(found.nats):
        nats = min(BOUND_NATS, max(-BOUND_NATS, found.nats))
        return found.label, 1 / (1 + math.exp(-nats))
    confidence = diagnosis.confidence if name in (diagnosis.condition, UNKNOWN) else 0.0
    return diagnosis.label, diagnosis.condition_probabilities.get(name, confidence)
