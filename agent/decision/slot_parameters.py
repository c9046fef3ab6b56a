"""What decides about the windows of each sensor, as one record a sensor: the numbers of its policy and of its states.

A window that is counted by these numbers may be found to change something. Then `alarm_logic.step` decides, and the
numbers are made anew from the state after it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drsn.agent.decision import any_fault
from drsn.agent.decision.alarm_logic import rule_of, suppressor, worse_than
from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, Condition, State
from drsn.agent.decision.counters import WORDS
from drsn.agent.decision.diagnosis import ANY_FAULT, SENSOR_FAULT, SILENT, UNKNOWN
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.voting import mask_of
from drsn.agent.monitoring.findings import OBSERVED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.agent.decision.alarm_state import SensorState, Suppressor
    from drsn.agent.decision.policy import Policy
    from drsn.agent.decision.rule import AlarmRule

SUPPRESSORS: tuple[Suppressor | None, ...] = (None, "sensor_fault", "gate")
"""What may suppress the machine conditions, by code."""

_ABSENT = Condition()
"""Of a sensor that has no monitor for the condition; it counts no window."""

BY_NOTHING, BY_SENSOR_FAULT, BY_GATE = range(len(SUPPRESSORS))

_FIRST_SLOTS = 64  # doubled when they are used up
NEVER_NS = np.iinfo(np.int64).max


@lru_cache
def parameter_dtype(conditions: int) -> np.dtype[np.void]:
    """The record of a sensor with so many conditions."""
    k = (conditions,)
    return np.dtype(
        [
            ("mask", "u8", (*k, WORDS)),  # of the quorum for a raise, or for a clear if the condition is active
            ("threshold_nats", "f8", k),  # infinite: votes decide
            ("delay_ns", "i8", k),
            ("escalates_ns", "i8", k),  # `active_ns` from which on the severity is higher
            ("novelty", "f8"),  # up to which the model does not abstain
            ("rms", "f8"),  # as GateLimits
            ("rpm", "f8"),
            ("hysteresis", "f8"),
            ("settle_ns", "i8"),
            ("rpm_change", "f8"),
            ("votes", "i4", k),  # of the quorum
            ("of", "i4", k),
            ("weighed", "?", k),  # CUSUM decides
            ("counts_doubt", "?", k),  # the condition counts a window from which the model abstains
            ("active", "?", k),  # that of `ANY_FAULT`: an alarm of a machine fault of the model
            ("present", "?", k),  # the sensor has the condition
            ("worse_than", "i1", k),  # a window whose zone has a higher rank makes the condition worse
            ("one_fault", "?"),  # one condition of the model is active
            ("given", "?"),  # there is a gate
            ("machine_weighed", "?"),
            ("fault_active", "?"),
            ("suppressible", "?"),  # an alarm stands that the agent may suppress
            ("suppressor", "i1"),  # for which the standing alarms were updated last
            ("calm", "?"),  # no alarm, no gate, and no rule that is met without evidence
        ],
        align=True,
    )


class ColumnParameters(NamedTuple):
    """The parameters of one condition as Python numbers, as in `parameter_dtype`."""

    active: bool
    mask: int
    votes: int
    of: int
    threshold_nats: float | None
    delay_ns: int
    escalates_ns: int
    counts_doubt: bool
    present: bool
    worse_than: int


class SensorParameters(NamedTuple):
    """The parameters of one sensor as Python numbers, as in `parameter_dtype`."""

    columns: list[ColumnParameters]
    limits: GateLimits
    novelty: float
    machine_weighed: bool
    fault_active: bool
    suppressible: bool
    suppressor: int
    one_fault: bool
    calm: bool


class SlotParameters:
    """The parameters of all sensors by slot.

    Args:
        conditions: the columns.
    """

    def __init__(self, conditions: Sequence[str]) -> None:
        self.vote_words = 1
        """Words of the vote histories that the longest quorum so far uses."""
        self.any_weighed = False
        """A condition was decided by CUSUM so far."""
        self.any_machine_weighed = False
        """A condition of the model was decided by CUSUM so far."""
        self.any_gate = False
        """A sensor had a gate so far."""
        self._conditions = tuple(conditions)
        self._single: dict[int, SensorParameters] = {}
        self._records = np.zeros(_FIRST_SLOTS, parameter_dtype(len(conditions)))

    def rows(self, slots: NDArray[np.intp]) -> NDArray[np.void]:
        """A copy of the records of these slots; each was set before, or the row is of no use."""
        # numpy copies words three times as fast as structured rows.
        words = self._records.view(np.int64).reshape(len(self._records), -1).take(slots, axis=0, mode="clip")
        records: NDArray[np.void] = words.view(self._records.dtype)[:, 0]
        return records

    def calm(self, slots: NDArray[np.intp]) -> NDArray[np.bool_]:
        """bool[slots]: the sensor has no alarm and no gate."""
        return self._records["calm"].take(slots, mode="clip")

    def set(self, slot: int, state: SensorState, policy: Policy, novelty: float) -> None:
        """Take over what a window has led to.

        Args:
            slot: of the sensor.
            state: after the window, with all conditions of the columns; of `OBSERVED` some may be absent.
            policy: of the sensor.
            novelty: up to which its windows are diagnosed.
        """
        self._grow(slot)
        self._single.pop(slot, None)
        conditions = {**state.conditions, ANY_FAULT: any_fault.as_condition(state.any_fault, state.conditions)}
        self._set_conditions(slot, [conditions.get(name, _ABSENT) for name in self._conditions], policy)
        record, limits, machine = self._records[slot], policy.limits, policy.machine
        record["novelty"], record["given"] = novelty, limits.given
        record["rms"], record["rpm"] = _number(limits.rms), _number(limits.rpm)
        record["hysteresis"], record["settle_ns"] = limits.hysteresis, limits.settle_ns
        record["rpm_change"], record["machine_weighed"] = limits.rpm_change, machine.threshold_nats is not None
        record["fault_active"] = state.conditions[SENSOR_FAULT].state.active
        record["present"] = [name in conditions for name in self._conditions]
        record["one_fault"] = len(any_fault.active(state.conditions)) == 1
        record["suppressible"] = any(map(_suppressible, state.conditions, state.conditions.values()))
        record["suppressor"] = SUPPRESSORS.index(suppressor(state.conditions, state.gate, policy))
        record["calm"] = not (
            limits.given or record["suppressible"] or record["fault_active"] or record["active"].any()
        )
        record["calm"] &= bool((record["threshold_nats"] > 0).all())
        self.any_gate |= limits.given
        self.any_machine_weighed |= machine.threshold_nats is not None

    def single(self, slot: int) -> SensorParameters:
        """The parameters of one slot, which were set."""
        single = self._single.get(slot)
        if single is None:
            single = self._single[slot] = _single(self._records[slot])
        return single

    def _set_conditions(self, slot: int, conditions: list[Condition], policy: Policy) -> None:
        record, rules = self._records[slot], [rule_of(name, policy) for name in self._conditions]
        active = [condition.state.active for condition in conditions]
        quorums = [rule.fall if is_active else rule.rise for rule, is_active in zip(rules, active, strict=True)]
        masks = b"".join([mask_of(quorum.of) for quorum in quorums])
        record["mask"] = np.frombuffer(masks, np.uint64).reshape(-1, WORDS)
        record["weighed"] = weighed = [rule.threshold_nats is not None for rule in rules]
        record["threshold_nats"] = [np.inf if rule.threshold_nats is None else rule.threshold_nats for rule in rules]
        record["delay_ns"] = [
            rule.off_delay_ns if is_active else rule.on_delay_ns for rule, is_active in zip(rules, active, strict=True)
        ]
        record["escalates_ns"] = [
            _escalates_ns(name, condition, policy) for name, condition in zip(self._conditions, conditions, strict=True)
        ]
        record["votes"], record["of"] = [q.votes for q in quorums], [q.of for q in quorums]
        record["counts_doubt"] = [_counts_doubt(name, rule) for name, rule in zip(self._conditions, rules, strict=True)]
        record["active"] = active
        record["worse_than"] = list(map(worse_than, self._conditions, conditions))
        self.vote_words = max(self.vote_words, *(-(-q.of // 64) for q in quorums))
        self.any_weighed |= any(weighed)

    def _grow(self, slot: int) -> None:
        if slot >= len(self._records):
            more = np.zeros(max(len(self._records), slot + 1), self._records.dtype)
            self._records = np.concatenate([self._records, more])


def _single(record: np.void) -> SensorParameters:
    r = {name: record[name].tolist() for name in record.dtype.names or ()}
    thresholds_nats = [nats if math.isfinite(nats) else None for nats in r["threshold_nats"]]
    masks = [int.from_bytes(mask.tobytes(), "little") for mask in record["mask"]]
    columns = zip(r["active"], masks, r["votes"], r["of"], thresholds_nats, r["delay_ns"], r["escalates_ns"],
                  r["counts_doubt"], r["present"], r["worse_than"], strict=True)  # fmt: skip
    rms, rpm = (None if math.isnan(r[name]) else r[name] for name in ("rms", "rpm"))
    return SensorParameters(
        [ColumnParameters(*column) for column in columns],
        GateLimits(rms, rpm, r["hysteresis"], r["settle_ns"], r["rpm_change"]),
        *(r[name] for name in SensorParameters._fields[2:]),
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _counts_doubt(name: str, rule: AlarmRule) -> bool:
    """The condition counts a window from which the model abstains, as in `alarm_logic`."""
    return name != SILENT and (name in (UNKNOWN, SENSOR_FAULT, *OBSERVED) or rule.threshold_nats is not None)


def _suppressible(name: str, condition: Condition) -> bool:
    stands = condition.state is not State.NORMAL and name not in SENSOR_CONDITIONS
    return stands and condition.operator_suppression is None


def _escalates_ns(name: str, condition: Condition, policy: Policy) -> int:
    """`active_ns` at which the severity of the condition becomes higher."""
    after_ns, severity = policy.urgency.escalate_after_ns, condition.severity
    if not condition.state.active or severity is None or after_ns <= 0:
        return NEVER_NS
    later = policy.urgency.severity(name, condition.label, condition.confidence, after_ns)
    return after_ns if later.rank > severity.rank else NEVER_NS
