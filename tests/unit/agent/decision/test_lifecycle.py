"""Any sequence of windows, commands, restarts and clock jumps: no event lost or doubled, the retained state their fold.

Two engines get the same input; one of them is restarted from what its database would hold whenever hypothesis chooses,
the other never. Their changes must be equal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from plant import BUNDLE
from pydantic import TypeAdapter

from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, SensorState, State
from drsn.agent.decision.baseline import Baseline, BaselineStatistics
from drsn.agent.decision.cusum import threshold_nats
from drsn.agent.decision.diagnosis import SENSOR_FAULT, UNKNOWN, Diagnosis
from drsn.agent.decision.operator_action import ACTIONS, MAX_SHELF_NS, SHELVES, OperatorAction, RefusedError
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.severity import Urgency, severities_of
from drsn.agent.decision.voting import Quorum
from drsn.agent.schema.render import Identity, Renderer
from drsn.agent.service.bootstrap import reference_to
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.schema.documents import AlarmDocument, EventDocument

CONTRACT = BUNDLE.contract
FAULTS = [name for name in CONTRACT.conditions if name != "normal"]
CONDITIONS = ["normal", *FAULTS, UNKNOWN, SENSOR_FAULT]
SENSORS = ["a", "b"]
WINDOW_NS = 170_000_000
LEARNT = BaselineStatistics(60, 0.0, 0.1, 1.0, 0.1, 1.0, 0.0)
STORED = TypeAdapter(SensorState)
WHO = {"v", "agent", "epoch", "sensor", "seq", "bundle"}

RENDERER = Renderer(Identity("tester", "e1", reference_to(BUNDLE)), severities_of(CONTRACT))

POLICIES = st.builds(
    lambda quorum, **more: Policy(AlarmRule(**quorum, **more.pop("sequential")), AlarmRule(**quorum), **more),
    st.sampled_from([{"rise": Quorum(1, 1), "fall": Quorum(1, 1)}, {"rise": Quorum(2, 3), "fall": Quorum(2, 2)}]),
    sequential=st.sampled_from([{}, {"threshold_nats": threshold_nats(1e5, 0.17, 3)}]),
    require_ack=st.booleans(),
    latch=st.booleans(),
    limits=st.sampled_from([GateLimits(), GateLimits(rms=0.5, settle_ns=0)]),
    urgency=st.sampled_from([Urgency(), Urgency(escalate_after_ns=5 * WINDOW_NS)]),
    silent_after_s=st.just(0.0),  # monotonic time begins anew with a process: test_silence_timer.py
)


def diagnosis(sensor: str, condition: str, at_ns: int, *, fresh: bool, runs: bool) -> Diagnosis:
    likely = condition if condition in CONTRACT.conditions else FAULTS[0]
    rest = 0.04 / (len(CONTRACT.conditions) - 1)
    probabilities = {name: 0.96 if name == likely else rest for name in CONTRACT.conditions}
    fault = "flat" if condition == SENSOR_FAULT else None
    reading = Reading(
        sensor, at_ns, WINDOW_NS, fresh, 1.0 if runs else 0.1, 2.0, "g",
        clock_synced=True, advance_ns=WINDOW_NS, fault=fault,
    )  # fmt: skip
    return Diagnosis(reading, condition, fault or likely, 0.96, probabilities, {}, 0.0)


class LearnsWhenTold:
    """A commissioning that ends with the next tick for the sensors in `due`."""

    under_way: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.due: dict[str, tuple[str, ...]] = {}

    def add_window(self, *_: object) -> None: ...

    def note_alarms(self, *_: object) -> None: ...

    def tick(self, sensors: Mapping[str, SensorState], _now_s: float, now_ns: int) -> list[tuple[str, SensorState]]:
        due, self.due = self.due, {}
        return [
            (name, replace(sensors[name], commission=Baseline(LEARNT, "0", None, now_ns, "ana", "new", despite=names)))
            for name, names in due.items()
            if name in sensors
        ]


def _outcomes(act: Callable[[AlarmEngine], list[Outcome]], engine: AlarmEngine) -> list[Outcome] | str:
    try:
        return act(engine)
    except RefusedError as error:
        return str(error)


class Lifecycle(RuleBasedStateMachine):
    """Two agents, and the events that their subscriber has received."""

    @initialize(policy=POLICIES)
    def begin(self, policy: Policy) -> None:
        self.policy = policy
        self.now_ns = 10**18
        self.at_ns = 10**18
        self.stored: dict[str, bytes] = {}
        self.restarted, self.steady = self._engine({}), self._engine({})
        self.received: dict[str, list[EventDocument]] = {name: [] for name in SENSORS}

    def _engine(self, sensors: dict[str, SensorState]) -> AlarmEngine:
        return AlarmEngine(CONTRACT, BUNDLE.sha256, lambda _: self.policy, sensors, LearnsWhenTold())

    def _both(self, act: Callable[[AlarmEngine], list[Outcome]]) -> None:
        one, other = (_outcomes(act, engine) for engine in (self.restarted, self.steady))
        if isinstance(one, str) or isinstance(other, str):
            assert one == other
            return
        assert [outcome.changes for outcome in one] == [outcome.changes for outcome in other]
        for outcome in one:
            self.stored[outcome.name] = STORED.dump_json(outcome.sensor)
            self.received[outcome.name] += [RENDERER.event(outcome.name, change) for change in outcome.changes]

    @rule(
        sensor=st.sampled_from(SENSORS), condition=st.sampled_from(CONDITIONS), times=st.integers(1, 3),
        fresh=st.integers(0, 9).map(lambda n: n == 0), runs=st.integers(0, 9).map(lambda n: n > 0),
    )  # fmt: skip
    def window(self, sensor: str, condition: str, times: int, *, fresh: bool, runs: bool) -> None:
        for _ in range(times):
            self.at_ns += WINDOW_NS
            self.now_ns += WINDOW_NS
            shown = diagnosis(sensor, condition, self.at_ns, fresh=fresh, runs=runs)
            self._both(lambda engine, shown=shown: [engine.feed(shown, self.now_ns)])

    @rule(
        sensor=st.sampled_from([*SENSORS, "stranger"]),
        verb=st.sampled_from(sorted(ACTIONS)),
        condition=st.sampled_from([None, *FAULTS, UNKNOWN, SENSOR_FAULT, "silent", "nonsense"]),
        seen=st.integers(0, 4),
        hours=st.floats(0.001, 8.5),
    )
    def command(self, sensor: str, verb: str, condition: str | None, seen: int, hours: float) -> None:
        received = [event.seq for event in self.received.get(sensor, ()) if event.condition == condition]
        seq = received[-seen] if 0 < seen <= len(received) else 0 if verb == "ack" else None
        until = self.now_ns + round(hours * 3600e9) if verb in SHELVES else 0
        operation = OperatorAction(verb, "ana", "why", condition, seq, until)
        self._both(lambda engine: [engine.operate(sensor, operation, self.now_ns)])

    @rule(sensor=st.sampled_from(SENSORS), despite=st.sets(st.sampled_from(FAULTS)))
    def learn(self, sensor: str, despite: set[str]) -> None:
        """The machine is learnt as healthy; what an operator has marked or named ends."""
        if sensor not in self.steady.sensors:
            return
        marked = {name for name, c in self.steady.sensors[sensor].conditions.items() if c.false_alarm_seq}

        def act(engine: AlarmEngine) -> list[Outcome]:
            engine._commissioning.due[sensor] = tuple(sorted(despite))
            return engine.tick(0.0, self.now_ns, connected=True)

        self._both(act)
        for name in despite | marked:
            condition = self.steady.sensors[sensor].conditions[name]
            assert (condition.state, condition.shelved_until_unix_ns) == (State.NORMAL, 0), name

    @rule(hours=st.floats(-9, 9))
    def clock_jumps(self, hours: float) -> None:
        self.now_ns += round(hours * 3600e9)
        self._both(lambda engine: engine.tick(0.0, self.now_ns, connected=True))

    @precondition(lambda self: self.stored)
    @rule()
    def restart(self) -> None:
        self.restarted = self._engine({name: STORED.validate_json(state) for name, state in self.stored.items()})

    @invariant()
    def no_event_is_lost_or_doubled(self) -> None:
        for name, events in getattr(self, "received", {}).items():
            assert [event.seq for event in events] == list(range(1, len(events) + 1)), name
            assert len({event.event_id for event in events}) == len(events)

    @invariant()
    def what_is_retained_is_the_fold_of_the_events(self) -> None:
        for name, events in getattr(self, "received", {}).items():
            if name not in self.restarted.sensors:
                continue
            fold = {event.condition: event for event in events}
            standing = {
                condition: {key: value for key, value in event.model_dump().items() if key not in WHO}
                for condition, event in fold.items()
                if event.state != "normal" or event.suppressed_by is not None
            }
            alarm = RENDERER.alarm(name, self.restarted.sensors[name])
            assert {each.condition: each.model_dump() for each in alarm.conditions} == standing
            assert alarm.seq == len(events)
            assert (alarm.state == "normal") == all(event.state == "normal" for event in fold.values())

    @invariant()
    def nothing_is_shelved_for_longer_than_eight_hours(self) -> None:
        for engine in (getattr(self, "restarted", None),):
            for sensor in engine.sensors.values() if engine else ():
                for condition in sensor.conditions.values():
                    assert condition.shelved_until_unix_ns <= self.now_ns + MAX_SHELF_NS

    @invariant()
    def a_mark_names_an_event_and_hides_nothing_by_itself(self) -> None:
        for name, sensor in getattr(self, "steady", None).sensors.items() if hasattr(self, "steady") else ():
            ids = {event.event_id for event in self.received[name]}
            for condition in RENDERER.alarm(name, sensor).conditions:
                assert condition.false_alarm is None or condition.false_alarm in ids
                assert condition.condition not in SENSOR_CONDITIONS or condition.false_alarm is None
                assert (condition.shelved_until is not None) or condition.suppressed_by != "shelved"


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(stateful_step_count=40)


def test_the_machine_above_can_fail():
    """An agent that forgets its sensors at a restart is found out."""
    machine = Lifecycle()
    machine.begin(replace(Policy.votes(Quorum(1, 1), Quorum(1, 1)), silent_after_s=0.0))
    machine.window("a", FAULTS[0], 1, fresh=False, runs=True)
    machine.stored.clear()
    machine.restart()
    try:
        machine.window("a", "normal", 1, fresh=False, runs=True)
    except AssertionError:
        return
    raise AssertionError("a forgotten alarm went unnoticed")


def begun(policy: Policy) -> Lifecycle:
    machine = Lifecycle()
    machine.begin(policy)
    return machine


def alarm_of(machine: Lifecycle, sensor: str = "a") -> AlarmDocument:
    return RENDERER.alarm(sensor, machine.steady.sensors[sensor])


def stands(machine: Lifecycle, condition: str, sensor: str = "a") -> dict[str, object]:
    return {each.condition: each.model_dump() for each in alarm_of(machine, sensor).conditions}[condition]


AT_ONCE = Policy.votes(Quorum(1, 1), Quorum(1, 1))
ASKED = {"fresh": False, "runs": True}


def test_an_alarm_that_comes_again_is_another_one():
    """An event of the last time acknowledges nothing, nobody has seen this one, and it has only begun to stand."""
    machine = begun(replace(AT_ONCE, urgency=Urgency({FAULTS[0]: Severity.MINOR}, escalate_after_ns=4 * WINDOW_NS)))
    machine.window("a", FAULTS[0], 3, **ASKED)
    machine.command("a", "ack", FAULTS[0], 1, 1.0)
    assert stands(machine, FAULTS[0])["acked_by"] == "ana"
    machine.window("a", "normal", 1, **ASKED)
    machine.window("a", FAULTS[0], 3, **ASKED)
    assert stands(machine, FAULTS[0])["acked_by"] is None
    assert stands(machine, FAULTS[0])["severity"] is Severity.MINOR, "two windows since it was raised"
    for old in (2, 3, 4):
        machine.command("a", "ack", FAULTS[0], old, 1.0)
    assert stands(machine, FAULTS[0])["state"] == "active_unacked"
    machine.window("a", FAULTS[0], 2, **ASKED)
    assert stands(machine, FAULTS[0])["severity"] is Severity.MAJOR, "four"


def test_only_what_the_model_finds_in_a_machine_is_latched():
    machine = begun(replace(AT_ONCE, latch=True))
    for condition in (FAULTS[0], UNKNOWN, SENSOR_FAULT):
        machine.window("a", condition, 8, **ASKED)
        machine.window("a", "normal", 8, **ASKED)
    (standing,) = alarm_of(machine).conditions
    assert (standing.condition, standing.latched, standing.active) == (FAULTS[0], True, False)


def test_a_sensor_that_is_put_aside_falls_silent_quietly():
    machine = begun(replace(AT_ONCE, silent_after_s=1.0))
    for tick in range(20):
        machine.steady.tick(tick / 2, machine.now_ns, connected=True)
        if tick in (2, 4):
            machine.window("a", "normal", 1, **ASKED)
        if tick == 4:
            machine.command("a", "out_of_service", None, 0, 1.0)
    silent = stands(machine, "silent")
    assert (silent["state"], silent["suppressed_by"]) == ("active_unacked", "out_of_service")


def test_what_nobody_has_put_aside_comes_first():
    machine = begun(AT_ONCE)
    machine.window("a", FAULTS[0], 1, **ASKED)
    machine.command("a", "out_of_service", FAULTS[0], 0, 1.0)
    machine.window("a", UNKNOWN, 1, **ASKED)
    alarm = alarm_of(machine)
    assert [each.condition for each in alarm.conditions] == [UNKNOWN, FAULTS[0]]
    assert alarm.condition == UNKNOWN
