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
from drsn.agent.mqtt.topics import legal_sensor
from drsn.agent.tools.demo.command import LEAST_SECONDS
from drsn.agent.tools.demo.machines import ACTORS, SAMPLE_RATE_HZ, growth, record
from drsn.model.bundle import open_bundle
from drsn.model.conditioning import Conditioner
from drsn.model.contract import NORMAL
from drsn.model.data.synthetic import FAULTS

BUNDLE = open_bundle(shipped("synthetic"))
CONTRACT = BUNDLE.contract
POLICY = Policy.votes(Quorum(6, 8), Quorum(7, 8))


def test_each_fault_a_healthy_machine_and_one_that_degrades_are_on_stage():
    assert len({actor.sensor for actor in ACTORS}) == len(ACTORS) == 5
    assert all(legal_sensor(actor.sensor) for actor in ACTORS)
    assert {actor.expected for actor in ACTORS} == {None, *FAULTS}
    assert set(FAULTS) <= set(CONTRACT.conditions) - {NORMAL}
    assert [actor.story for actor in ACTORS if actor.severity_from < actor.severity_to] == ["degrades"]


def test_a_machine_is_the_same_each_time_and_no_two_are_alike():
    first = [record(actor, 1.0, index) for index, actor in enumerate(ACTORS)]
    for index, actor in enumerate(ACTORS):
        again = record(actor, 1.0, index)
        np.testing.assert_array_equal(again.samples, first[index].samples)
        assert (again.name, again.samples.dtype, again.samples.shape) == (actor.sensor, np.float32, (1, 12_000))
        assert (again.sample_rate_hz, again.rpm) == (SAMPLE_RATE_HZ, actor.machine.rpm)
    assert len({recording.samples.tobytes() for recording in first}) == len(ACTORS)


def test_a_defect_grows_in_the_middle_third():
    share = growth(300)
    assert not share[:100].any()
    assert (np.diff(share[100:200]) > 0).all()
    assert (share[200:] == 1).all()


@pytest.mark.parametrize("index", range(len(ACTORS)), ids=[actor.sensor for actor in ACTORS])
def test_the_shipped_model_raises_what_is_expected_of_each_machine_and_nothing_else(index: int):
    """The demo's promise, without its broker: the shortest play, the default votes."""
    actor = ACTORS[index]
    samples = record(actor, LEAST_SECONDS, index).samples[0]
    count = len(samples) // CONTRACT.window
    windows = samples[: count * CONTRACT.window].reshape(count, CONTRACT.channels, CONTRACT.window)
    x = np.empty_like(windows)
    Conditioner(CONTRACT.window, CONTRACT.sample_rate_hz, CONTRACT.bandwidth_hz, SAMPLE_RATE_HZ)(windows, x)
    readings = [
        Reading(actor.sensor, end, 1, fresh=False, rms=0, peak=0, unit=None, clock_synced=True, advance_ns=1)
        for end in range(count)
    ]
    backend = open_backend(BUNDLE, "onnxruntime", count)
    pipeline = AlarmEngine(CONTRACT, BUNDLE.sha256, lambda _sensor: POLICY)
    outcomes = [pipeline.feed(d, 0) for d in Interpreter(CONTRACT)(readings, backend.infer(x))]
    backend.close()
    assert [change.name for o in outcomes for change in o.changes] == ([actor.expected] if actor.expected else [])
    if actor.story == "degrades":
        assert not any(o.changes for o in outcomes[: count // 3])  # healthy as long as it is healthy
