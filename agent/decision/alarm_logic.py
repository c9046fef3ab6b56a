"""From a window to what changes: who may speak, by which rule, and what is told. No clock, no I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_state import OWN, TRANSITIONS, Change, Condition, SensorState, Signal, State, tell
from drsn.agent.decision.cusum import BOUND_NATS
from drsn.agent.decision.diagnosis import SENSOR_FAULT, SILENT, UNKNOWN
from drsn.agent.decision.rule import Word, tally, weigh
from drsn.agent.decision.running_gate import turn
from drsn.agent.decision.voting import Votes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.decision.alarm_state import Suppressor
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.decision.policy import Policy
    from drsn.agent.decision.rule import Terms
    from drsn.agent.decision.running_gate import Gate
    from drsn.model.contract import Severity


def step(
    sensor: SensorState, diagnosis: Diagnosis, policy: Policy, ratios: Mapping[str, float], decided_unix_ns: int
) -> tuple[SensorState, list[Change]]:
    """Let one window speak; return the sensor after it and what changed: clears, then raises, then suppressions.

    A window that the model abstains from speaks for `unknown`; it has no vote on the others, and less weight. One with
    a sensor fault speaks for `sensor_fault` alone, and while that stands or the gate is closed all others rest. A
    change starts the count of its condition anew: what spoke for an alarm before it was cleared raises it no more.

    Args:
        sensor: before the window.
        diagnosis: of the window.
        policy: of the sensor.
        ratios: log-likelihood ratio of each condition of the model, in nats; only the sequential test looks at it.
        decided_unix_ns: the agent's clock.
    """
    reading = diagnosis.reading
    faulty = diagnosis.condition == SENSOR_FAULT  # its RMS says nothing about the machine
    gate = sensor.gate if faulty else turn(sensor.gate, policy.limits, reading.rms, reading.rpm, reading.advance_ns)
    rests = faulty or suppressor(sensor.conditions, gate, policy) is not None
    after: dict[str, Condition] = {}
    due: list[tuple[Signal, str]] = []
    for name, before in sensor.conditions.items():
        after[name], changes = _heard(name, before, diagnosis, policy, ratios, rests=rests)
        signal = _clear(name, policy) if before.state.active else Signal.RAISE
        if changes and (before.state, signal) in TRANSITIONS:
            due.append((signal, name))
    due.sort(key=lambda pair: pair[0] is Signal.RAISE)
    for seq, (signal, name) in enumerate(due, start=sensor.seq + 1):
        after[name] = _changed(after[name], name, signal, diagnosis, policy, seq, decided_unix_ns)
    moved = tell_standing(after, suppressor(after, gate, policy), policy, sensor.seq + len(due), decided_unix_ns)
    changed = [Change(name, after[name]) for name in (*(name for _, name in due), *moved)]
    return replace(sensor, conditions=after, seq=sensor.seq + len(changed), gate=gate), changed


def _heard(
    name: str, before: Condition, diagnosis: Diagnosis, policy: Policy, ratios: Mapping[str, float], *, rests: bool
) -> tuple[Condition, bool]:
    """A condition after a window has spoken about it, if it may, and whether it must change."""
    reading, terms = diagnosis.reading, _terms(name, policy)
    condition = replace(before, votes=Votes(), evidence=0.0, held_ns=0) if reading.fresh else before
    if not _may_speak(name, diagnosis, terms, rests=rests):
        return condition, name == SILENT and condition.state.active
    condition, changes = weigh(condition, _word(name, diagnosis, ratios), terms)
    if condition.state.active:
        condition = replace(condition, active_ns=condition.active_ns + reading.advance_ns)
    return condition, changes


def tell_standing(
    conditions: dict[str, Condition], by: Suppressor | None, policy: Policy, seq: int, decided_unix_ns: int
) -> list[str]:
    """Note, in place, who suppresses each condition and how urgent it is; the names of those that this changes.

    Args:
        conditions: of one sensor.
        by: why nobody judges its machine.
        policy: of the sensor.
        seq: of its last event.
        decided_unix_ns: the agent's clock.
    """
    moved: list[str] = []
    for name, condition in conditions.items():
        if condition.state is State.NORMAL and condition.suppressed_by == condition.put_aside:
            continue
        suppressed_by, severity = condition.put_aside, condition.severity
        if condition.state is not State.NORMAL and name not in OWN:
            suppressed_by = suppressed_by or by
        if condition.state.active and severity is not None:
            severity = max(severity, _severity(name, condition, policy), key=lambda each: each.rank)
        if (suppressed_by, severity) != (condition.suppressed_by, condition.severity):
            moved.append(name)
            told = tell(condition, seq + len(moved))
            conditions[name] = replace(
                told,
                suppressed_by=suppressed_by,
                severity=severity,
                decided_unix_ns=decided_unix_ns,
                by=None,
                comment=None,
            )
    return moved


def _severity(name: str, condition: Condition, policy: Policy) -> Severity:
    return policy.urgency.severity(name, condition.label, condition.confidence, condition.active_ns)


def fall_silent(sensor: SensorState, policy: Policy, now_unix_ns: int) -> tuple[SensorState, list[Change]]:
    """No window came for too long; return the sensor after that and what changed."""
    before = sensor.conditions.get(SILENT, Condition())
    if (before.state, Signal.RAISE) not in TRANSITIONS:
        return sensor, []
    silent = replace(
        before,
        state=TRANSITIONS[before.state, Signal.RAISE],
        suppressed_by=before.put_aside,
        since_unix_ns=now_unix_ns,
        decided_unix_ns=now_unix_ns,
        label=SILENT,
        window_label="",
        confidence=1.0,
        severity=policy.urgency.severity(SILENT, SILENT, 1.0, 0),
        told=(),
        by=None,
        comment=None,
        acked_by=None,
    )
    silent = tell(silent, sensor.seq + 1)
    conditions = {**sensor.conditions, SILENT: silent}
    return replace(sensor, conditions=conditions, seq=silent.seq), [Change(SILENT, silent)]


def suppressor(conditions: Mapping[str, Condition], gate: Gate, policy: Policy) -> Suppressor | None:
    """Why nobody judges the machine; None while it is judged."""
    fault = conditions.get(SENSOR_FAULT)
    if fault is not None and fault.state.active:
        return "sensor_fault"
    return None if gate.lets_through(policy.limits) else "gate"


def _may_speak(name: str, diagnosis: Diagnosis, terms: Terms, *, rests: bool) -> bool:
    if name in OWN:
        return name == SENSOR_FAULT
    weighed = terms.threshold_nats is not None  # then doubt is: by the window's ceiling
    return not rests and (name == UNKNOWN or weighed or diagnosis.condition != UNKNOWN)


def _terms(name: str, policy: Policy) -> Terms:
    return policy.sensor_fault if name in OWN else policy.unknown if name == UNKNOWN else policy.machine


def _word(name: str, diagnosis: Diagnosis, ratios: Mapping[str, float]) -> Word:
    reading = diagnosis.reading
    # A condition that the model no longer knows is one that it does not see.
    z = ratios.get(name, -BOUND_NATS)
    share = reading.advance_ns / reading.duration_ns
    return Word(name == diagnosis.condition, z, reading.advance_ns, share, diagnosis.ceiling_nats)


def _clear(name: str, policy: Policy) -> Signal:
    """What it is for this condition to be over: latches are for what the model finds in a machine."""
    if policy.latch and name not in (UNKNOWN, *OWN):
        return Signal.CLEAR_LATCH
    return Signal.CLEAR_REQUIRE_ACK if policy.require_ack else Signal.CLEAR


def _changed(
    condition: Condition, name: str, signal: Signal, diagnosis: Diagnosis, policy: Policy, seq: int, decided_ns: int
) -> Condition:
    """The condition in its next state, told of the window that decided."""
    terms = _terms(name, policy)
    count, of = (0, 0) if name == SILENT else tally(condition, terms)
    of_the_agent = diagnosis.confidence if name in (diagnosis.condition, UNKNOWN) else 0.0
    now = replace(
        condition,
        state=TRANSITIONS[condition.state, signal],
        votes=Votes(),
        evidence=0.0,
        held_ns=0,
        suppressed_by=condition.put_aside,
        since_unix_ns=diagnosis.reading.end_unix_ns,
        decided_unix_ns=decided_ns,
        window_label=diagnosis.label,
        confidence=diagnosis.condition_probabilities.get(name, of_the_agent),
        count=count,
        of=of,
        weight=None if terms.threshold_nats is None else condition.evidence,
        clock_synced=diagnosis.reading.clock_synced,
        by=None,
        comment=None,
    )
    if signal is Signal.RAISE:
        now = replace(now, label=diagnosis.label, active_ns=0, told=(), acked_by=None)
        now = replace(now, severity=_severity(name, now, policy))
    return tell(now, seq)
