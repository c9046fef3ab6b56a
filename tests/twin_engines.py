"""Two engines that get the same windows, commands and restarts.

One is fed with batches; the other is the reference of one_window_engine.py, which calls `alarm_logic.step` for each
window and keeps its states in a dict.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from feature_monitor import FeatureMonitor
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from one_window_engine import OneWindowEngine

from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.alarm_state import Condition, SensorState, State
from drsn.agent.decision.baseline import Baseline, BaselineStatistics
from drsn.agent.decision.commissioning import Commissioning, CommissioningRequest
from drsn.agent.decision.counters import merged
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.operator_action import ACTIONS, OperatorAction, RefusedError
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.sensor_table import PERIOD_TOLERANCE, PERIOD_TOLERANCE_S
from drsn.agent.decision.severity import Urgency
from drsn.agent.decision.slot_parameters import SUPPRESSORS
from drsn.agent.decision.voting import Quorum
from drsn.agent.monitoring.findings import NO_MONITOR, NOT_EVALUATED, OBSERVED, Findings
from drsn.model.contract import Label, ModelContract, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.decision.diagnosis import Diagnosis

LABELS = (
    Label(name="ok", condition="normal", healthy=True),
    Label(name="inner_race_007", condition="inner_race", severity=Severity.MINOR),
    Label(name="inner_race_014", condition="inner_race", severity=Severity.CRITICAL),
    Label(name="ball", condition="ball"),
)
CONTRACT = ModelContract(labels=LABELS, window=256, sample_rate_hz=12_000, bandwidth_hz=5_300, abstention_threshold=0.5)
WITH_PARENT = CONTRACT.model_copy(
    update={"labels": tuple(each if each.healthy else each.model_copy(update={"parent": "bearing"}) for each in LABELS)}
)
CONDITIONS = ("inner_race", "ball", "unknown", "sensor_fault", "silent", *OBSERVED)  # and `bearing`
BUNDLE = "0" * 64
SENSORS = ["a", "b", "c", "d", "e"]
MOST_WINDOWS = 16
WINDOW_NS = 170_000_001

ALIKE = [0.25, 0.25, 0.25, 0.25]
PROBABILITIES = [[0.97, 0.01, 0.01, 0.01], [0.01, 0.3, 0.68, 0.01], [0.05, 0.1, 0.1, 0.75], ALIKE, [np.nan] * 4]

QUORUMS = st.sampled_from([Quorum(1, 1), Quorum(2, 3), Quorum(3, 4), Quorum(60, 200)])
DELAYS = st.sampled_from([0, 0, 2 * WINDOW_NS])
RULES = st.builds(
    AlarmRule, QUORUMS, QUORUMS, st.sampled_from([None, None, 6.0, 12.0]), on_delay_ns=DELAYS, off_delay_ns=DELAYS
)
POLICIES = st.builds(
    Policy,
    machine=RULES,
    unknown=RULES,
    changed=RULES,
    vibration_level=RULES,
    sensor_fault=st.builds(AlarmRule, QUORUMS, QUORUMS),
    limits=st.sampled_from(
        [
            GateLimits(),
            GateLimits(rms=0.5, settle_ns=0),
            GateLimits(rms=0.5, rpm=900.0, settle_ns=2 * WINDOW_NS),
            GateLimits(rpm=900.0, settle_ns=WINDOW_NS),
        ]
    ),
    require_ack=st.booleans(),
    latch=st.booleans(),
    silent_after_s=st.sampled_from([0.0, 2.0]),
    urgency=st.sampled_from([Urgency(), Urgency({"unknown": Severity.MINOR}, escalate_after_ns=4 * WINDOW_NS)]),
)
POLICY_OF_EACH = st.fixed_dictionaries(dict.fromkeys(SENSORS, POLICIES))
RUNS = st.lists(
    st.tuples(
        st.integers(1, 5),  # so many of these windows
        st.sampled_from(SENSORS[:-1]),
        st.sampled_from([*PROBABILITIES, *PROBABILITIES[:3]]),
        st.sampled_from([-1.0, -1.0, 0.5, 0.7, 3.0, 30.0, np.nan, np.inf]),
        st.sampled_from([None] * 6 + ["flat", "clipping"]),
        st.integers(0, 9).map(lambda n: n == 0),  # fresh
        st.sampled_from([1.0, 1.0, 1.0, 0.45, 0.1]),  # RMS
        st.sampled_from([1000.0, 1005.0, 1000.0, 1100.0, 800.0, None]),
        st.sampled_from([WINDOW_NS, WINDOW_NS // 3]),  # new samples
        st.sampled_from([NO_MONITOR] * 2 + [NOT_EVALUATED, 4.0, 4.0, 100.0, 0.1, -3.0, -100.0]),  # `changed`
        st.sampled_from([NO_MONITOR] * 2 + [NOT_EVALUATED, 4.0, 4.0, -4.0]),  # `vibration_level`
        st.sampled_from([None, None, (0.0, 5.0, 0.0), (-2.0, 0.0, 1.0)]),  # bearing, a condition each
    ),
    min_size=1,
    max_size=8,
)
WINDOWS = st.tuples(RUNS, st.booleans()).map(lambda drawn: windows_of(*drawn))
Window = tuple[
    str, list[float], float, "str | None", bool, float, "float | None", int, float, float, "tuple[float, ...] | None"
]


def windows_of(runs: list[tuple[Any, ...]], mixed: bool) -> list[Window]:  # noqa: FBT001
    """The windows of the runs, one run after the other, or the first of each before the second of each."""
    windows = [(at, window) for times, *window in runs for at in range(times)]
    if mixed:
        windows.sort(key=lambda pair: pair[0])
    return [tuple(window) for _, window in windows][:MOST_WINDOWS]


def baseline(allowance: float, gate_rms: float | None = None) -> Baseline:
    return Baseline(BaselineStatistics(350, 0.0, 1.0, 1.0, 0.1, 1.0, allowance), BUNDLE, gate_rms, 0, "ana")


def batch_of(windows: list[Window], end_unix_ns: int = 0) -> tuple[WindowBatch, Outputs, Findings | None]:
    batch = WindowBatch(MOST_WINDOWS)
    for at, (name, _, _, fault, fresh, rms, rpm, advance_ns, *_nats) in enumerate(windows):
        end = end_unix_ns + at
        batch.append(Reading(name, end, WINDOW_NS, fresh, rms, 2.0, "g", at % 2 == 0, advance_ns, rpm, fault))
    probabilities = np.array([window[1] for window in windows], np.float32).reshape(-1, len(LABELS))
    outputs = Outputs(probabilities, np.array([window[2] for window in windows], np.float32), None)
    nats = np.array([window[8:10] for window in windows], np.float32).reshape(-1, len(OBSERVED))
    bearing = [bearing for window in windows for bearing in window[10:]]
    if (nats == NO_MONITOR).all() and not any(bearing):
        return batch, outputs, None
    bearing_nats = np.array([each or (0.0,) * 3 for each in bearing], np.float32) if any(bearing) else None
    share = None if bearing_nats is None else np.linspace(0.1, 1, len(windows), dtype=np.float32)
    label = np.array([[at % 2, at % 3] for at in range(len(windows))], np.int8)
    labels = (("level", "band"), ("zone_b", "zone_c", "zone_d"))
    return batch, outputs, Findings(bearing_nats, nats, label, labels, share)


def commissioning() -> Commissioning:
    return Commissioning(
        BUNDLE, CONTRACT.abstention_threshold, FeatureMonitor(CONTRACT), seconds=6.0, give_up_after_s=60.0
    )


def answer_of(act: Callable[[Any], object], engine: AlarmEngine | OneWindowEngine) -> object:
    """What the engine returns, or why it refuses."""
    try:
        return act(engine)
    except RefusedError as error:
        return str(error)


class Twins(RuleBasedStateMachine):
    """The engine and its reference."""

    @initialize(
        policies=POLICY_OF_EACH,
        few_rows=st.sampled_from([0, 0, 2, 99]),
        observed=st.sampled_from([OBSERVED, OBSERVED, ()]),
        contract=st.sampled_from([CONTRACT, WITH_PARENT]),
    )
    def begin(
        self,
        policies: dict[str, Policy],
        few_rows: int,
        observed: Sequence[str] = OBSERVED,
        contract: ModelContract = CONTRACT,
    ) -> None:
        self.few_rows, self.policies, self.observed, self.contract = few_rows, policies, observed, contract
        self.now_s, self.now_ns, self.requests = 0.0, 10**18, 0
        self.interpret = Interpreter(contract)
        self.stored: dict[str, tuple[SensorState, bytes]] = {}
        self._start({})

    def _start(self, sensors: dict[str, SensorState]) -> None:
        policy_of = self.policies.__getitem__
        self.arrays = AlarmEngine(
            self.contract, BUNDLE, policy_of, sensors, commissioning(), self.observed, self.few_rows
        )
        self.reference = OneWindowEngine(self.contract, BUNDLE, policy_of, sensors, commissioning())

    def _both(self, act: Callable[[Any], object]) -> None:
        assert answer_of(act, self.arrays) == answer_of(act, self.reference)

    @rule(windows=WINDOWS)
    def batch(self, windows: list[Window]) -> None:
        self.now_ns += len(windows) * WINDOW_NS
        batch, outputs, findings = self.measured(windows, self.now_ns)
        before, outcomes, decided_ns = [], [], [self.now_ns + row for row in range(batch.size)]
        for row, diagnosis in enumerate(self.diagnoses(batch, outputs, findings)):
            before.append(self.reference.sensors.get(diagnosis.reading.sensor))
            outcomes.append(self.reference.feed(diagnosis, decided_ns[row]))
        decisions = self.arrays.feed_batch(self.interpret.columns(batch, outputs, findings), decided_ns)
        expected = [(row, o) for row, o in enumerate(outcomes) if o.changes or before[row] is None]
        assert [(row, o.changes) for row, o in decisions.outcomes] == [(row, o.changes) for row, o in expected]
        assert repr(decisions.outcomes) == repr(expected), "NaN is not NaN"
        compare(decisions, before, outcomes)

    def measured(self, windows: list[Window], end_unix_ns: int) -> tuple[WindowBatch, Outputs, Findings | None]:
        """An agent without monitors has no findings."""
        batch, outputs, findings = batch_of(windows, end_unix_ns)
        return batch, outputs, findings if self.observed else None

    def diagnoses(self, batch: WindowBatch, outputs: Outputs, findings: Findings | None) -> list[Diagnosis]:
        """One window at a time, without the columns of the batch."""
        return self.interpret([batch.reading(row) for row in range(batch.size)], outputs, findings)

    @rule(windows=WINDOWS)
    def one_by_one(self, windows: list[Window]) -> None:
        for diagnosis in self.diagnoses(*self.measured(windows[:3], self.now_ns)):
            self._both(lambda engine, d=diagnosis: engine.feed(d, self.now_ns).changes)

    @rule(name=st.sampled_from(SENSORS), verb=st.sampled_from(sorted(ACTIONS)), seen=st.integers(0, 9),
          condition=st.sampled_from([None, *CONDITIONS, "bearing"]))  # fmt: skip
    def operate(self, name: str, verb: str, seen: int, condition: str | None) -> None:
        state = self.reference.sensors.get(name)
        seq = max(0, state.seq - seen) if state and verb == "ack" else None
        action = OperatorAction(verb, "ana", None, condition, seq, self.now_ns + 10**12 if verb == "shelve" else 0)
        self._both(lambda engine: engine.operate(name, action, self.now_ns))

    @rule(seconds=st.sampled_from([0.3, 1.0, 1.7, 5.0]), times=st.integers(1, 4), connected=st.booleans())
    def tick(self, seconds: float, times: int, *, connected: bool) -> None:
        for _ in range(times):
            self.now_s += seconds
            self.now_ns += round(seconds * 1e9)
            self._both(lambda engine: engine.tick(self.now_s, self.now_ns, connected=connected))

    @rule(name=st.sampled_from(SENSORS))
    def refuse(self, name: str) -> None:
        self._both(lambda engine: engine.refuse(name, "wrong_rate", self.now_ns))

    @rule(name=st.sampled_from(SENSORS))
    def forget(self, name: str) -> None:
        self._both(lambda engine: engine.forget(name, "ana"))

    @rule(name=st.sampled_from(SENSORS), gate=st.booleans(), undo=st.booleans())
    def commission(self, name: str, *, gate: bool, undo: bool) -> None:
        if undo:
            self._both(lambda engine: engine.undo_commissioning(name, "ana"))
        self.requests += 1
        request = CommissioningRequest(str(self.requests), "ana", gate=gate)
        self._both(lambda engine: engine.begin_commissioning(name, request))

    @rule(name=st.sampled_from(SENSORS), batches=st.sampled_from([1, 4, 18]), other=st.sampled_from(SENSORS))
    def healthy(self, name: str, batches: int, other: str) -> None:
        for _ in range(batches):
            window = (PROBABILITIES[0], 0.6, None, False, 1.0, 1000.0, WINDOW_NS, -1.0, NO_MONITOR, None)
            self.batch([(name, *window), (other, *window)] * (MOST_WINDOWS // 2))

    @rule(
        name=st.sampled_from(SENSORS), allowance=st.sampled_from([0.0, 3.0]), gate_rms=st.sampled_from([None, 0.5]),
        lost=st.sampled_from([None, *CONDITIONS, "bearing"]), old=st.sampled_from([None, None, *State]),
    )  # fmt: skip
    def set_from_outside(
        self, name: str, allowance: float, gate_rms: float | None, lost: str | None, *, old: State | None
    ) -> None:
        """As an older bundle may have left it: with another condition, or without one."""
        state = self.reference.sensors.get(name)
        if state is None:
            return
        conditions = {key: c for key, c in state.conditions.items() if key != lost}
        conditions |= {"cage": Condition(old, severity=Severity.MAJOR)} if old else {}
        state = replace(state, conditions=conditions, commission=baseline(allowance, gate_rms))
        self._both(lambda engine: engine.sensors.__setitem__(name, state))

    @rule(policies=st.none() | POLICY_OF_EACH, observed=st.sampled_from([None, None, OBSERVED, ()]))
    def restart(self, policies: dict[str, Policy] | None, observed: Sequence[str] | None = None) -> None:
        self.policies = policies or self.policies
        self.observed = self.observed if observed is None else observed
        self.commit()
        self._start({name: merged(*parts) for name, parts in self.stored.items()} | self.reference.forgotten)

    @rule()
    def commit(self) -> None:
        """What the journal holds: the cold part only when it has changed."""
        for name, cold, record, cold_changed in self.arrays.sensors.take_changed():
            self.stored[name] = (cold if cold_changed else self.stored[name][0], record)
        self.stored = {name: parts for name, parts in self.stored.items() if name in self.arrays.sensors}
        stored = {name: merged(*parts) for name, parts in self.stored.items()}
        periods_s = {name: state.period_s for name, state in self.reference.sensors.items()}
        for name, state in stored.items():
            late_s = PERIOD_TOLERANCE_S + PERIOD_TOLERANCE * state.period_s
            assert abs(periods_s[name] - state.period_s) <= late_s * (1 + 1e-9), "else it is written again"
        states = {name: replace(state, period_s=periods_s[name]) for name, state in stored.items()}
        assert states == self.reference.sensors

    @invariant()
    def the_states_are_equal(self) -> None:
        if hasattr(self, "arrays"):
            assert list(self.arrays.sensors.items()) == list(self.reference.sensors.items())
            assert self.arrays.forgotten == self.reference.forgotten


def compare(decisions: Decisions, before: list[SensorState | None], outcomes: list[Outcome]) -> None:
    """Each row of the columns is the outcome of its window."""
    parts = zip(decisions.before_cold, decisions.before, decisions.after_cold, decisions.after, strict=True)
    states = [(cold and merged(cold, record), merged(after, now)) for cold, record, after, now in parts]
    assert states == list(zip(before, (outcome.sensor for outcome in outcomes), strict=True))
    assert [SUPPRESSORS[code] for code in decisions.suppressed] == [outcome.suppressed_by for outcome in outcomes]
    diagnoses = [decisions.diagnosis(row) for row in range(len(outcomes))]
    assert repr(diagnoses) == repr([outcome.diagnosis for outcome in outcomes]), "NaN is not NaN"


def begun(policy: Policy, few_rows: int, observed: Sequence[str] = OBSERVED) -> Twins:
    twins = Twins()
    twins.begin(dict.fromkeys(SENSORS, policy), few_rows, observed)
    return twins


UNWATCHED = (NO_MONITOR, NO_MONITOR, None)
HEALTHY = (PROBABILITIES[0], -1.0, None, False, 1.0, 1000.0, WINDOW_NS, *UNWATCHED)
BALL = (PROBABILITIES[2], -1.0, None, False, 1.0, 1000.0, WINDOW_NS, *UNWATCHED)
STRANGE = (PROBABILITIES[0], 30.0, None, False, 1.0, 1000.0, WINDOW_NS, *UNWATCHED)
VOTES = AlarmRule(Quorum(2, 3), Quorum(2, 3))
