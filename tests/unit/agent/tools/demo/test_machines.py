from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.acquisition.reading import Reading
from drsn.agent.backends.selection import open_backend
from drsn.agent.bundles import shipped
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.voting import Quorum
from drsn.agent.mqtt.sensor_id import legal_sensor
from drsn.agent.tools.demo.command import LEAST_SECONDS
from drsn.agent.tools.demo.machines import DEMO_MACHINES, SAMPLE_RATE_HZ, growth, record
from drsn.model.bundle import open_bundle
from drsn.model.conditioning import Conditioner
from drsn.model.contract import NORMAL
from drsn.model.data.synthetic import FAULTS

BUNDLE = open_bundle(shipped("synthetic"))
CONTRACT = BUNDLE.contract
POLICY = Policy.votes(Quorum(6, 8), Quorum(7, 8))


def test_each_fault_a_healthy_machine_and_one_that_degrades_are_in_the_demo():
    assert len({machine.sensor for machine in DEMO_MACHINES}) == len(DEMO_MACHINES) == 5
    assert all(legal_sensor(machine.sensor) for machine in DEMO_MACHINES)
    assert {machine.expected for machine in DEMO_MACHINES} == {None, *FAULTS}
    assert set(FAULTS) <= set(CONTRACT.conditions) - {NORMAL}
    assert [machine.story for machine in DEMO_MACHINES if machine.severity_from < machine.severity_to] == ["degrades"]


def test_a_machine_is_the_same_each_time_and_no_two_are_alike():
    first = [record(machine, 1.0, index) for index, machine in enumerate(DEMO_MACHINES)]
    for index, machine in enumerate(DEMO_MACHINES):
        again = record(machine, 1.0, index)
        np.testing.assert_array_equal(again.samples, first[index].samples)
        assert (again.name, again.samples.dtype, again.samples.shape) == (machine.sensor, np.float32, (1, 12_000))
        assert (again.sample_rate_hz, again.rpm) == (SAMPLE_RATE_HZ, machine.model.rpm)
    assert len({recording.samples.tobytes() for recording in first}) == len(DEMO_MACHINES)


def test_a_defect_grows_in_the_middle_third():
    share = growth(300)
    assert not share[:100].any()
    assert (np.diff(share[100:200]) > 0).all()
    assert (share[200:] == 1).all()


@pytest.mark.parametrize("index", range(len(DEMO_MACHINES)), ids=[machine.sensor for machine in DEMO_MACHINES])
def test_the_shipped_model_raises_the_expected_alarm_of_each_machine_and_no_other(index: int):
    """The demo without its broker: the shortest duration, the default votes."""
    machine = DEMO_MACHINES[index]
    samples = record(machine, LEAST_SECONDS, index).samples[0]
    count = len(samples) // CONTRACT.window
    windows = samples[: count * CONTRACT.window].reshape(count, CONTRACT.channels, CONTRACT.window)
    x = np.empty_like(windows)
    Conditioner(CONTRACT.window, CONTRACT.sample_rate_hz, CONTRACT.bandwidth_hz, SAMPLE_RATE_HZ)(windows, x)
    readings = [
        Reading(machine.sensor, end, 1, fresh=False, rms=0, peak=0, unit=None, clock_synced=True, advance_ns=1)
        for end in range(count)
    ]
    backend = open_backend(BUNDLE, "onnxruntime", count)
    engine = AlarmEngine(CONTRACT, BUNDLE.sha256, lambda _sensor: POLICY)
    outcomes = [engine.feed(d, 0) for d in Interpreter(CONTRACT)(readings, backend.infer(x))]
    backend.close()
    assert [change.name for o in outcomes for change in o.changes] == ([machine.expected] if machine.expected else [])
    if machine.story == "degrades":
        assert not any(o.changes for o in outcomes[: count // 3])  # healthy as long as it is healthy
