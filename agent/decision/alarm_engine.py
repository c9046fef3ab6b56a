"""Diagnoses in, alarm states and their changes out, for all sensors of one agent. No clock, no I/O, no documents."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_logic import fall_silent, step, suppressor
from drsn.agent.decision.alarm_state import OWN, Change, Condition, SensorState, State
from drsn.agent.decision.baseline import judged
from drsn.agent.decision.cusum import Ratios
from drsn.agent.decision.diagnosis import SENSOR_FAULT, UNKNOWN, Diagnosis
from drsn.agent.decision.operator_action import Operation, RefusedError, operate, shelving_is_over, unshelve_expired
from drsn.agent.decision.severity import severities_of
from drsn.agent.decision.silence_timer import SilenceTimer
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.decision.alarm_state import Suppressor
    from drsn.agent.decision.commissioning import Commissioner, CommissionRequest
    from drsn.agent.decision.policy import Policy
    from drsn.model.contract import ModelContract


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one window, its absence, or a command led to."""

    name: str
    """The sensor's id."""
    diagnosis: Diagnosis | None
    """None: no window, or none that the model has seen."""
    sensor: SensorState
    """Its state afterwards."""
    changes: tuple[Change, ...]
    """In the order of their `seq`; each becomes one event."""
    suppressed_by: Suppressor | None = None
    """Why the machine is not judged; None: it is."""


class AlarmEngine:
    """Feeds diagnoses to the alarm states of their sensors.

    Args:
        contract: whose conditions are judged.
        bundle_sha256: of the model; a baseline that was learnt for another one gives no allowance.
        policy_of: sensor id -> when to raise and clear; asked once.
        sensors: the states of an earlier run; one without a condition is what `forget` has left.
        commissioner: None: nothing can be commissioned; what was, holds.
    """

    def __init__(
        self,
        contract: ModelContract,
        bundle_sha256: str,
        policy_of: Callable[[str], Policy],
        sensors: Mapping[str, SensorState] | None = None,
        commissioner: Commissioner | None = None,
    ) -> None:
        self._conditions = (*(name for name in contract.conditions if name != NORMAL), UNKNOWN, *OWN)
        self._severities = severities_of(contract)
        self._bundle_sha256 = bundle_sha256
        self._policy_of = policy_of
        self._policies: dict[str, Policy] = {}
        self._ratios = Ratios(contract)
        self._threshold = contract.abstention_threshold
        self._commissioner = commissioner
        known = sensors or {}
        self.sensors: dict[str, SensorState] = {name: sensor for name, sensor in known.items() if sensor.conditions}
        self.forgotten: dict[str, SensorState] = {name: known[name] for name in known if name not in self.sensors}
        """Only their last `seq` is known: if they come back, their events go on from there, for ids are made of it."""
        periods_s = {name: sensor.period_s for name, sensor in self.sensors.items()}
        self._silence = SilenceTimer(periods_s, lambda name: self._policy(name).silent_after_s)
        self._shelved: dict[str, set[int]] = {}  # sensor -> when its shelvings end; asked in each turn of the loop
        for name in self.sensors:
            self._note_shelving(name)

    def feed(self, diagnosis: Diagnosis, now_unix_ns: int) -> Outcome:
        """Let one window speak and say what followed."""
        name = diagnosis.reading.sensor
        sensor = self.sensors.get(name)
        if sensor is not None and sensor.commission is not None:
            allowance = sensor.commission.allowance(self._bundle_sha256)
            diagnosis = judged(diagnosis, self._threshold, allowance)
        outcome = self._heard(name, diagnosis, now_unix_ns, diagnosis)
        if self._commissioner is not None:
            self._commissioner.see(name, diagnosis, outcome.suppressed_by)
        return outcome

    def refuse(self, name: str, fault: str, now_unix_ns: int) -> Outcome | None:
        """A packet was refused that shows a fault of its sensor; None of a sensor that never made a window."""
        if name not in self.sensors:
            return None
        reading = Reading(
            sensor=name,
            end_unix_ns=now_unix_ns,
            duration_ns=1,
            advance_ns=1,
            fresh=False,
            rms=0.0,
            peak=0.0,
            unit=None,
            clock_synced=False,
            fault=fault,
        )
        return self._heard(name, Diagnosis(reading, SENSOR_FAULT, fault, 1.0, {}, {}, 0.0), now_unix_ns, None)

    def listen(self, now_s: float, now_unix_ns: int, *, listening: bool) -> list[Outcome]:
        """Which sensors have fallen silent, whose shelvings are over, and which are commissioned by now.

        Args:
            now_s: monotonic.
            now_unix_ns: the agent's clock.
            listening: the broker has been connected since the last call.
        """
        outcomes = []
        for name in self._silence.listen(now_s, listening=listening):
            self.sensors[name], changes = fall_silent(self._known(name), self._policy(name), now_unix_ns)
            outcomes.append(self._outcome(name, None, changes))
        over = [n for n, ends in self._shelved.items() if any(shelving_is_over(end, now_unix_ns) for end in ends)]
        for name in sorted(over):
            self.sensors[name], changes = unshelve_expired(self.sensors[name], self._policy(name), now_unix_ns)
            self._note_shelving(name)
            if changes:
                outcomes.append(self._outcome(name, None, changes))
        done = [] if self._commissioner is None else self._commissioner.listen(self.sensors, now_s, now_unix_ns)
        for name, sensor in done:
            self.sensors[name] = sensor
            outcomes.append(self._outcome(name, None, []))
        return outcomes

    def state(self, name: str) -> SensorState:
        """The state of a sensor, with every condition of the present bundle in it.

        Raises:
            RefusedError: this agent has no such sensor.
        """
        if name not in self.sensors:
            raise RefusedError(f"this agent has no sensor {name!r}")
        return self._known(name)

    def operate(self, name: str, operation: Operation, now_unix_ns: int) -> Outcome:
        """Do to a sensor's alarms what an operator has commanded.

        Args:
            name: of the sensor.
            operation: what is asked.
            now_unix_ns: the wall clock.

        Raises:
            RefusedError: it can't be done; nothing has changed.
        """
        self.sensors[name], changes = operate(self.state(name), operation, self._policy(name), now_unix_ns)
        self._note_shelving(name)
        return self._outcome(name, None, changes)

    def forget(self, name: str, by: str) -> Outcome:
        """Know nothing more of a sensor; what remains is the number of its last event.

        Raises:
            RefusedError: an alarm of it waits for somebody to see it.
        """
        sensor = self.state(name)
        unseen = [key for key, c in sensor.conditions.items() if c.state is not State.NORMAL and not c.state.acked]
        if unseen:
            raise RefusedError(f"forget: {', '.join(unseen)} waits to be acknowledged; ack it first")
        if self._commissioner is not None:
            self._commissioner.cancel(name, by)
        self._silence.forget(name)
        for kept in (self.sensors, self._policies, self._shelved):
            kept.pop(name, None)
        self.forgotten[name] = SensorState({}, seq=sensor.seq)
        return Outcome(name, None, self.forgotten[name], ())

    def begin_commission(self, name: str, request: CommissionRequest) -> None:
        """Learn from now on what a sensor's machine is like.

        Raises:
            RefusedError: not possible as things stand.
        """
        sensor, given = self.state(name), self._policy_of(name).limits.rms
        if self._commissioner is None:
            raise RefusedError("this agent commissions nothing")
        if request.gate and given is not None:
            raise RefusedError(f"gate: the settings give {name} an RMS of {given:g}, and come first")
        self._commissioner.begin(name, sensor, request, self._policy(name).limits.settle_ns)

    def undo_commission(self, name: str, by: str) -> Outcome | None:
        """End a commissioning that is under way (None), else forget what the last one has learnt.

        Raises:
            RefusedError: there is neither.
        """
        sensor = self.state(name)
        if self._commissioner is not None and self._commissioner.cancel(name, by):
            return None
        if sensor.commission is None:
            raise RefusedError(f"{name} is not commissioned")
        self.sensors[name] = replace(sensor, commission=None)
        return self._outcome(name, None, [])

    def _note_shelving(self, name: str) -> None:
        ends = {c.shelved_until_unix_ns for c in self.sensors[name].conditions.values() if c.shelved_until_unix_ns}
        self._shelved.pop(name, None)
        if ends:
            self._shelved[name] = ends

    def _heard(self, name: str, diagnosis: Diagnosis, now_unix_ns: int, shown: Diagnosis | None) -> Outcome:
        policy = self._policy(name)
        sequential = policy.machine.threshold_nats is not None and diagnosis.condition_probabilities
        ratios = self._ratios(diagnosis.condition_probabilities) if sequential else {}
        after, changes = step(self._known(name), diagnosis, policy, ratios, now_unix_ns)
        self.sensors[name] = replace(after, period_s=self._silence.heard(name))
        return self._outcome(name, shown, changes)

    def _outcome(self, name: str, diagnosis: Diagnosis | None, changes: list[Change]) -> Outcome:
        sensor = self.sensors[name]
        by = suppressor(sensor.conditions, sensor.gate, self._policy(name))
        if diagnosis is not None and diagnosis.condition == SENSOR_FAULT:
            by = "sensor_fault"
        return Outcome(name, diagnosis, sensor, tuple(changes), by)

    def _policy(self, name: str) -> Policy:
        policy = self._policies.get(name)
        if policy is None:
            given = self._policy_of(name)
            urgency = replace(given.urgency, of={**self._severities, **given.urgency.of})
            policy = self._policies[name] = replace(given, urgency=urgency)
        sensor = self.sensors.get(name)
        found = None if sensor is None or sensor.commission is None else sensor.commission.gate_rms
        if found is None or policy.limits.rms is not None:
            return policy
        return replace(policy, limits=replace(policy.limits, rms=found))

    def _known(self, name: str) -> SensorState:
        """The sensor's state, with every condition of the present bundle in it."""
        sensor = self.sensors.get(name)
        if sensor is None:
            before = self.forgotten.get(name)
            return replace(SensorState.new(self._conditions), seq=before.seq if before else 0)
        missing = [key for key in self._conditions if key not in sensor.conditions]
        # Conditions that a new bundle no longer has stay, and clear by votes like any other.
        if not missing:
            return sensor
        # A sensor that is out of service with all that it has stays so.
        new = Condition(out_of_service=all(each.out_of_service for each in sensor.conditions.values()))
        return replace(sensor, conditions={**sensor.conditions, **dict.fromkeys(missing, new)})
