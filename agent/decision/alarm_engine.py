"""Diagnoses in, alarm states and their changes out, for all sensors of one agent. No clock, no I/O, no documents."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_logic import fall_silent, step, suppressor
from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, Change, Condition, SensorState, State
from drsn.agent.decision.baseline import with_allowance
from drsn.agent.decision.batch_feed import FEW_ROWS, BatchFeed
from drsn.agent.decision.batch_step import WindowCounter
from drsn.agent.decision.cusum import Likelihood, LogLikelihoodRatios, ceiling_nats
from drsn.agent.decision.diagnosis import ANY_FAULT, SENSOR_FAULT, UNKNOWN, Diagnosis
from drsn.agent.decision.learnt_alarms import end_alarms
from drsn.agent.decision.operator_action import OperatorAction, RefusedError, apply, unshelve_expired
from drsn.agent.decision.orphans import marked
from drsn.agent.decision.plain_window import PlainWindow
from drsn.agent.decision.policy_cache import PolicyCache
from drsn.agent.decision.sensor_table import SensorTable
from drsn.agent.decision.severity import severities_of
from drsn.agent.decision.shelving_timer import ShelvingTimer
from drsn.agent.decision.silence_timer import SilenceTimer
from drsn.agent.decision.single_step import SingleCounter
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drsn.agent.decision.alarm_state import Suppressor
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.decision.commissioning import Commissioning, CommissioningRequest
    from drsn.agent.decision.diagnosis import Diagnoses
    from drsn.agent.decision.policy import Policy
    from drsn.model.contract import ModelContract


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one window, its absence, or a command led to."""

    name: str
    """The sensor's id."""
    diagnosis: Diagnosis | None
    """None: no window, or one that the model has not diagnosed."""
    sensor: SensorState
    """Its state afterwards."""
    changes: tuple[Change, ...]
    """In the order of their `seq`; each becomes one event."""
    suppressed_by: Suppressor | None = None
    """What suppresses the machine conditions; None: nothing does."""


class AlarmEngine:
    """Feeds diagnoses to the alarm states of their sensors.

    Args:
        contract: of the model; its conditions are those of every sensor.
        bundle_sha256: of the model; a baseline that was learnt for another one gives no allowance.
        policy_of: sensor id -> its alarm policy; asked once for each sensor.
        sensors: the states of an earlier run; one without conditions is what `forget` has left.
        commissioning: None: no baseline can be learnt; those in the states hold.
        observed: conditions that monitors raise, `OBSERVED`; none: the agent has no monitor. A sensor gets each with
            the first window that its monitor evaluates.
        few_rows: so many windows of a batch are counted one by one.
    """

    def __init__(
        self,
        contract: ModelContract,
        bundle_sha256: str,
        policy_of: Callable[[str], Policy],
        sensors: Mapping[str, SensorState] | None = None,
        commissioning: Commissioning | None = None,
        observed: Sequence[str] = (),
        few_rows: int = FEW_ROWS,
    ) -> None:
        faults = [name for name in contract.alarm_conditions if name != NORMAL]
        self._conditions = (*faults, UNKNOWN, *SENSOR_CONDITIONS)
        columns = (*faults, ANY_FAULT, UNKNOWN, *SENSOR_CONDITIONS, *observed)
        self._bundle_sha256 = bundle_sha256
        self._threshold = contract.abstention_threshold
        self._ratios = LogLikelihoodRatios(contract)
        self._policies = PolicyCache(policy_of, severities_of(contract))
        self._commissioning = commissioning
        single, plain = SingleCounter(contract, columns, self._ratios), PlainWindow(contract, self._ratios)
        self._counter = WindowCounter(contract, columns, self._ratios)
        """Counts the windows of a batch."""
        self._silence = SilenceTimer(lambda slot: self._policy(self.sensors.names[slot]).silent_after_s)
        self.sensors = SensorTable(columns, self._silence.forget)
        stored = sensors or {}
        self.forgotten: dict[str, SensorState] = {n: stored[n] for n in stored if not stored[n].conditions}
        """Forgotten sensors. Only their last `seq` is left: if one comes back, its event ids must not repeat."""
        present = {name: sensor for name, sensor in stored.items() if sensor.conditions}
        for name, sensor in present.items():
            self.sensors.load(name, sensor)
            self._silence.begin(self.sensors.slot(name), sensor.period_s)
        self.sensors.mark_stored()
        for name, sensor in present.items():
            if (now := marked(sensor, self._conditions)) is not sensor:
                self.sensors[name] = now  # the next commit writes it whole: counters refer to conditions by position
        self._shelvings = ShelvingTimer(present)
        self._batches = BatchFeed(self.sensors, self._counter, single, plain, self._silence, self.feed, few_rows)

    def feed(self, diagnosis: Diagnosis, now_unix_ns: int) -> Outcome:
        """Apply one diagnosed window."""
        name = diagnosis.reading.sensor
        sensor = self.sensors.cold_of(name)
        if sensor is not None and sensor.commission is not None:
            allowance = sensor.commission.allowance(self._bundle_sha256)
            diagnosis = with_allowance(diagnosis, self._threshold, allowance)
        outcome = self._outcome(name, diagnosis, *self._step(name, diagnosis, now_unix_ns))
        if self._commissioning is not None:
            self._commissioning.add_window(name, diagnosis, outcome.suppressed_by)
        return outcome

    def feed_batch(self, diagnoses: Diagnoses, decided_unix_ns: Sequence[int]) -> Decisions:
        """Apply the windows of a batch, those of one sensor in their order; equal to `feed` for each row.

        Args:
            diagnoses: of the batch.
            decided_unix_ns: of each row, the agent's clock.
        """
        names, new = diagnoses.batch.sensors, []
        slots = self.sensors.slots(names)
        if None in slots:
            new = [name for name in dict.fromkeys(names) if name not in self.sensors]
            for name in new:
                self.sensors[name] = self._completed(name)
            slots = self.sensors.slots(names)
        return self._batches(diagnoses, np.array(slots, np.intp), decided_unix_ns, new)

    def refuse(self, name: str, fault: str, now_unix_ns: int) -> Outcome | None:
        """Count a refused packet as a window with this sensor fault; None: the sensor has never made a window."""
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
        diagnosis = Diagnosis(reading, SENSOR_FAULT, fault, 1.0, {}, {}, 0.0)
        return self._outcome(name, None, *self._step(name, diagnosis, now_unix_ns))

    def tick(
        self,
        now_s: float,
        now_unix_ns: int,
        *,
        connected: bool,
        clock_synchronised: Callable[[float], bool] = lambda _now_s: False,
    ) -> list[Outcome]:
        """Handle what time brings: silent sensors, shelvings that are over, and commissioning that has ended.

        Args:
            now_s: monotonic.
            now_unix_ns: the agent's clock.
            connected: the broker has been connected since the last call.
            clock_synchronised: takes `now_s`; whether the agent's clock is right.
        """
        outcomes = []
        fallen = {self.sensors.names[slot]: slot for slot in self._silence.tick(now_s, connected=connected)}
        for name in [name for name in self.sensors if name in fallen] if fallen else ():
            last_unix_ns = now_unix_ns - round(1e9 * self._silence.pause_s(fallen[name]))
            self.sensors[name], changes = fall_silent(
                self._completed(name), self._policy(name), now_unix_ns, last_unix_ns,
                clock_synced=clock_synchronised(now_s),
            )  # fmt: skip
            outcomes.append(self._outcome(name, None, self.sensors[name], changes))
        for name in self._shelvings.expired(now_unix_ns):
            self.sensors[name], changes = unshelve_expired(self.sensors[name], self._policy(name), now_unix_ns)
            self._shelvings.update(name, self.sensors[name])
            if changes:
                outcomes.append(self._outcome(name, None, self.sensors[name], changes))
        done = [] if self._commissioning is None else self._commissioning.tick(self.sensors, now_s, now_unix_ns)
        outcomes += [self._commissioned(name, sensor, now_unix_ns) for name, sensor in done]
        return outcomes

    def state(self, name: str) -> SensorState:
        """The state of a sensor, with every condition of the present bundle in it.

        Raises:
            RefusedError: this agent has no such sensor.
        """
        if name not in self.sensors:
            raise RefusedError(f"this agent has no sensor {name!r}")
        return self._completed(name)

    def operate(self, name: str, action: OperatorAction, now_unix_ns: int) -> Outcome:
        """Apply an operator's action to a sensor's alarms.

        Args:
            name: of the sensor.
            action: the action, and who commands it.
            now_unix_ns: the wall clock.

        Raises:
            RefusedError: it is not possible. Nothing has changed.
        """
        after, changes = apply(self.state(name), action, self._policy(name), now_unix_ns)
        self.sensors[name] = marked(after, self._conditions)
        self._shelvings.update(name, self.sensors[name])
        if self._commissioning is not None:
            self._commissioning.note_alarms(name, self.sensors[name])
        return self._outcome(name, None, self.sensors[name], changes)

    def forget(self, name: str, by: str) -> Outcome:
        """Remove a sensor; only the number of its last event remains.

        Raises:
            RefusedError: the sensor is unknown, or an alarm of it is not acknowledged.
        """
        sensor = self.state(name)
        unseen = [key for key, c in sensor.conditions.items() if c.state is not State.NORMAL and not c.state.acked]
        if unseen:
            raise RefusedError(f"forget: {', '.join(unseen)} is not acknowledged; acknowledge it first")
        if self._commissioning is not None:
            self._commissioning.cancel(name, by)
            self._commissioning.use(name, None)
        del self.sensors[name]
        forgotten = self.forgotten[name] = SensorState({}, seq=sensor.seq)
        self._policies.forget(name)
        self._shelvings.update(name, forgotten)
        return Outcome(name, None, forgotten, ())

    def begin_commissioning(self, name: str, request: CommissioningRequest) -> None:
        """Begin to learn the baseline of a sensor's machine.

        Raises:
            RefusedError: not possible in this state.
        """
        sensor, policy = self.state(name), self._policies.configured(name)
        if self._commissioning is None:
            raise RefusedError("this agent cannot commission")
        if request.gate and policy.limits.rms is not None:
            raise RefusedError(
                f"gate: the settings give {name} a gate RMS of {policy.limits.rms:g}, which has priority"
            )
        self._commissioning.begin(name, sensor, request, policy.limits.settle_ns)
        self.sensors.outside[self.sensors.slot(name)] = True

    def undo_commissioning(self, name: str, by: str) -> Outcome | None:
        """End a commissioning that is under way (None), else remove the sensor's baseline.

        Raises:
            RefusedError: there is neither.
        """
        sensor = self.state(name)
        if self._commissioning is not None and self._commissioning.cancel(name, by):
            return None
        if sensor.commission is None:
            raise RefusedError(f"{name} is not commissioned")
        self.sensors[name] = sensor = replace(sensor, commission=None)
        if self._commissioning is not None:
            self._commissioning.use(name, sensor)
        return self._outcome(name, None, sensor, [])

    def _commissioned(self, name: str, sensor: SensorState, now_unix_ns: int) -> Outcome:
        """Take over a sensor's new baseline, which ends the alarms that it was learnt despite."""
        after, changes = end_alarms(sensor, now_unix_ns)
        self.sensors[name] = marked(after, self._conditions)
        self._shelvings.update(name, self.sensors[name])
        if self._commissioning is not None:
            self._commissioning.note_alarms(name, self.sensors[name])
        return self._outcome(name, None, self.sensors[name], changes)

    def _step(self, name: str, diagnosis: Diagnosis, now_unix_ns: int) -> tuple[SensorState, list[Change]]:
        policy = self._policy(name)
        probabilities = diagnosis.summed_probabilities or diagnosis.condition_probabilities
        likelihood = Likelihood()
        if policy.machine.threshold_nats is not None and probabilities:
            likelihood = Likelihood(self._ratios(probabilities), ceiling_nats(diagnosis.novelty, self._threshold))
        before = self._completed(name, diagnosis)
        after, changes = step(before, diagnosis, policy, likelihood, now_unix_ns)
        if name not in self.sensors:
            self.sensors[name] = before
        if changes:
            after = marked(after, self._conditions)
        slot = self.sensors.slot(name)
        more = len(after.conditions) != len(self.sensors.cold[slot].conditions)
        after = replace(after, period_s=self._silence.restart(slot))
        self.sensors.put(slot, after, [change.name for change in changes])
        if changes and self._commissioning is not None:
            self._commissioning.note_alarms(name, after)
        if changes or more or self.sensors.outside[slot]:
            self._take_over(name, slot, after, policy)
        return after, changes

    def _take_over(self, name: str, slot: int, sensor: SensorState, policy: Policy) -> None:
        """Let the batch step count the sensor's next windows, if it can."""
        threshold, allowance = self._threshold, 0.0
        if sensor.commission is not None:
            allowance = sensor.commission.allowance(self._bundle_sha256)
        novelty = math.inf if threshold is None else max(threshold, threshold + allowance)
        self._counter.parameters.set(slot, sensor, policy, novelty)
        commissioned = self._commissioning is not None and name in self._commissioning.under_way
        self.sensors.outside[slot] = commissioned or not self.sensors.is_regular(slot)

    def _outcome(self, name: str, diagnosis: Diagnosis | None, sensor: SensorState, changes: list[Change]) -> Outcome:
        by = suppressor(sensor.conditions, sensor.gate, self._policy(name))
        if diagnosis is not None and diagnosis.condition == SENSOR_FAULT:
            by = "sensor_fault"
        return Outcome(name, diagnosis, sensor, tuple(changes), by)

    def _policy(self, name: str) -> Policy:
        return self._policies.of(name, self.sensors.cold_of(name))

    def _completed(self, name: str, diagnosis: Diagnosis | None = None) -> SensorState:
        """The sensor's state, with every condition of the present bundle in it; a new one if there is none.

        Args:
            name: of the sensor.
            diagnosis: of a window; what its monitors evaluate is added.
        """
        sensor = self.sensors.get(name)
        if sensor is None:
            before = self.forgotten.get(name)
            sensor = replace(SensorState.new(self._conditions), seq=before.seq if before else 0)
        evaluated = () if diagnosis is None else diagnosis.evaluated
        missing = [key for key in (*self._conditions, *evaluated) if key not in sensor.conditions]
        # Conditions that a new bundle or the monitors do not have stay (orphans), and end by their rule like any other.
        if not missing:
            return sensor
        # If all conditions of a sensor are out of service, so are the new ones.
        new = Condition(out_of_service=all(each.out_of_service for each in sensor.conditions.values()))
        return replace(sensor, conditions={**sensor.conditions, **dict.fromkeys(missing, new)})
