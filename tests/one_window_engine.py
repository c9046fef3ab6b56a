"""The alarm engine one window at a time, on a dict of states: what the engine in arrays must equal, bit for bit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_engine import Outcome
from drsn.agent.decision.alarm_logic import fall_silent, step, suppressor
from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, Change, Condition, SensorState, State
from drsn.agent.decision.baseline import with_allowance
from drsn.agent.decision.cusum import Likelihood, LogLikelihoodRatios, ceiling_nats
from drsn.agent.decision.diagnosis import SENSOR_FAULT, UNKNOWN, Diagnosis
from drsn.agent.decision.learnt_alarms import end_alarms
from drsn.agent.decision.operator_action import OperatorAction, RefusedError, apply, unshelve_expired
from drsn.agent.decision.orphans import marked
from drsn.agent.decision.policy_cache import PolicyCache
from drsn.agent.decision.severity import severities_of
from drsn.agent.decision.shelving_timer import ShelvingTimer
from drsn.agent.decision.silence_timer import CHECK_EVERY_S, MAX_TICK_S, MISSED_PERIODS, PERIOD_DECAY
from drsn.model.contract import NORMAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.decision.commissioning import Commissioning, CommissioningRequest
    from drsn.agent.decision.policy import Policy
    from drsn.model.contract import ModelContract


class OneSensorSilence:
    """The silence timer, sensor by sensor."""

    def __init__(self, periods_s: Mapping[str, float], after_s: Callable[[str], float]) -> None:
        self._after_s = after_s
        self._periods_s = dict(periods_s)
        self._last_s = dict.fromkeys(periods_s, 0.0)
        self._silent: set[str] = set()
        self._clock_s = 0.0
        self._tick_s: float | None = None
        self._check_s = 0.0

    def tick(self, now_s: float, *, connected: bool) -> list[str]:
        before_s, self._tick_s = self._tick_s, now_s
        if before_s is not None and connected:
            self._clock_s += min(now_s - before_s, MAX_TICK_S)
        if self._clock_s < self._check_s:
            return []
        self._check_s = self._clock_s + CHECK_EVERY_S
        fallen = [name for name in self._last_s if name not in self._silent and self._overdue(name)]
        self._silent.update(fallen)
        return fallen

    def restart(self, name: str) -> float:
        last_s, self._last_s[name] = self._last_s.get(name), self._clock_s
        self._silent.discard(name)
        period_s = self._periods_s.get(name, 0.0)
        if last_s is not None:
            pause_s = self._clock_s - last_s
            # A sensor that was gone for an hour has no period of an hour: a pause counts as twice the period at most.
            most_s = max(2 * period_s, self._after_s(name) / MISSED_PERIODS)
            period_s = max(min(pause_s, most_s), period_s - pause_s * PERIOD_DECAY)
        self._periods_s[name] = period_s
        return period_s

    def forget(self, name: str) -> None:
        self._silent.discard(name)
        for kept in (self._last_s, self._periods_s):
            kept.pop(name, None)

    def _overdue(self, name: str) -> bool:
        after_s, period_s = self._after_s(name), self._periods_s[name]
        # One window alone gives no period.
        return after_s > 0 < period_s and self._clock_s - self._last_s[name] > max(after_s, MISSED_PERIODS * period_s)


class OneWindowEngine:
    """The engine; its methods are those of `AlarmEngine`."""

    def __init__(
        self,
        contract: ModelContract,
        bundle_sha256: str,
        policy_of: Callable[[str], Policy],
        sensors: Mapping[str, SensorState] | None = None,
        commissioning: Commissioning | None = None,
    ) -> None:
        faults = [name for name in contract.alarm_conditions if name != NORMAL]
        self._conditions = (*faults, UNKNOWN, *SENSOR_CONDITIONS)
        self._bundle_sha256 = bundle_sha256
        self._threshold = contract.abstention_threshold
        self._ratios = LogLikelihoodRatios(contract)
        self._policies = PolicyCache(policy_of, severities_of(contract))
        self._commissioning = commissioning
        stored = sensors or {}
        self.sensors: dict[str, SensorState] = {
            name: marked(sensor, self._conditions) for name, sensor in stored.items() if sensor.conditions
        }
        self.forgotten: dict[str, SensorState] = {n: stored[n] for n in stored if n not in self.sensors}
        periods_s = {name: sensor.period_s for name, sensor in self.sensors.items()}
        self._silence = OneSensorSilence(periods_s, lambda name: self._policy(name).silent_after_s)
        self._shelvings = ShelvingTimer(self.sensors)

    def feed(self, diagnosis: Diagnosis, now_unix_ns: int) -> Outcome:
        name = diagnosis.reading.sensor
        sensor = self.sensors.get(name)
        if sensor is not None and sensor.commission is not None:
            allowance = sensor.commission.allowance(self._bundle_sha256)
            diagnosis = with_allowance(diagnosis, self._threshold, allowance)
        outcome = self._outcome(name, diagnosis, self._step(name, diagnosis, now_unix_ns))
        if self._commissioning is not None:
            self._commissioning.add_window(name, diagnosis, outcome.suppressed_by)
        return outcome

    def refuse(self, name: str, fault: str, now_unix_ns: int) -> Outcome | None:
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
        return self._outcome(name, None, self._step(name, diagnosis, now_unix_ns))

    def tick(self, now_s: float, now_unix_ns: int, *, connected: bool) -> list[Outcome]:
        outcomes = []
        for name in self._silence.tick(now_s, connected=connected):
            last_unix_ns = now_unix_ns - round(1e9 * (self._silence._clock_s - self._silence._last_s[name]))
            self.sensors[name], changes = fall_silent(
                self._completed(name), self._policy(name), now_unix_ns, last_unix_ns, clock_synced=False
            )
            outcomes.append(self._outcome(name, None, changes))
        for name in self._shelvings.expired(now_unix_ns):
            self.sensors[name], changes = unshelve_expired(self.sensors[name], self._policy(name), now_unix_ns)
            self._shelvings.update(name, self.sensors[name])
            if changes:
                outcomes.append(self._outcome(name, None, changes))
        done = [] if self._commissioning is None else self._commissioning.tick(self.sensors, now_s, now_unix_ns)
        for name, sensor in done:
            after, changes = end_alarms(sensor, now_unix_ns)
            self.sensors[name] = marked(after, self._conditions)
            self._shelvings.update(name, self.sensors[name])
            outcomes.append(self._outcome(name, None, changes))
        return outcomes

    def state(self, name: str) -> SensorState:
        if name not in self.sensors:
            raise RefusedError(f"this agent has no sensor {name!r}")
        return self._completed(name)

    def operate(self, name: str, action: OperatorAction, now_unix_ns: int) -> Outcome:
        after, changes = apply(self.state(name), action, self._policy(name), now_unix_ns)
        self.sensors[name] = marked(after, self._conditions)
        self._shelvings.update(name, self.sensors[name])
        return self._outcome(name, None, changes)

    def forget(self, name: str, by: str) -> Outcome:
        sensor = self.state(name)
        unseen = [key for key, c in sensor.conditions.items() if c.state is not State.NORMAL and not c.state.acked]
        if unseen:
            raise RefusedError(f"forget: {', '.join(unseen)} is not acknowledged; acknowledge it first")
        if self._commissioning is not None:
            self._commissioning.cancel(name, by)
        del self.sensors[name]
        forgotten = self.forgotten[name] = SensorState({}, seq=sensor.seq)
        self._silence.forget(name)
        self._policies.forget(name)
        self._shelvings.update(name, forgotten)
        return Outcome(name, None, forgotten, ())

    def begin_commissioning(self, name: str, request: CommissioningRequest) -> None:
        sensor, policy = self.state(name), self._policies.configured(name)
        if self._commissioning is None:
            raise RefusedError("this agent cannot commission")
        if request.gate and policy.limits.rms is not None:
            raise RefusedError(
                f"gate: the settings give {name} a gate RMS of {policy.limits.rms:g}, which has priority"
            )
        self._commissioning.begin(name, sensor, request, policy.limits.settle_ns)

    def undo_commissioning(self, name: str, by: str) -> Outcome | None:
        sensor = self.state(name)
        if self._commissioning is not None and self._commissioning.cancel(name, by):
            return None
        if sensor.commission is None:
            raise RefusedError(f"{name} is not commissioned")
        self.sensors[name] = replace(sensor, commission=None)
        return self._outcome(name, None, [])

    def _step(self, name: str, diagnosis: Diagnosis, now_unix_ns: int) -> list[Change]:
        policy = self._policy(name)
        probabilities = diagnosis.summed_probabilities or diagnosis.condition_probabilities
        likelihood = Likelihood()
        if policy.machine.threshold_nats is not None and probabilities:
            likelihood = Likelihood(self._ratios(probabilities), ceiling_nats(diagnosis.novelty, self._threshold))
        after, changes = step(self._completed(name, diagnosis), diagnosis, policy, likelihood, now_unix_ns)
        after = marked(after, self._conditions) if changes else after
        self.sensors[name] = replace(after, period_s=self._silence.restart(name))
        return changes

    def _outcome(self, name: str, diagnosis: Diagnosis | None, changes: list[Change]) -> Outcome:
        sensor = self.sensors[name]
        by = suppressor(sensor.conditions, sensor.gate, self._policy(name))
        if diagnosis is not None and diagnosis.condition == SENSOR_FAULT:
            by = "sensor_fault"
        return Outcome(name, diagnosis, sensor, tuple(changes), by)

    def _policy(self, name: str) -> Policy:
        return self._policies.of(name, self.sensors.get(name))

    def _completed(self, name: str, diagnosis: Diagnosis | None = None) -> SensorState:
        sensor = self.sensors.get(name)
        if sensor is None:
            before = self.forgotten.get(name)
            sensor = replace(SensorState.new(self._conditions), seq=before.seq if before else 0)
        evaluated = [] if diagnosis is None else [n for n, o in diagnosis.observed.items() if not math.isnan(o.nats)]
        missing = [key for key in (*self._conditions, *evaluated) if key not in sensor.conditions]
        # Conditions that a new bundle does not have stay, and are cleared by votes like any other.
        if not missing:
            return sensor
        # If all conditions of a sensor are out of service, so are the new ones.
        new = Condition(out_of_service=all(each.out_of_service for each in sensor.conditions.values()))
        return replace(sensor, conditions={**sensor.conditions, **dict.fromkeys(missing, new)})
