from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from drsn.agent.decision.alarm_state import Condition, SensorState, State
from drsn.agent.decision.sensor_table import SensorTable
from drsn.agent.observability.histogram import Histogram
from drsn.agent.observability.metrics import Metrics
from drsn.agent.service.metrics_snapshot import SnapshotReader

CONDITIONS = ("inner_race", "silent")


def reader(sensors: SensorTable) -> SnapshotReader:
    metrics = Metrics()
    metrics.latency.histogram, metrics.inference.histogram = Histogram(), Histogram()
    watch = SimpleNamespace(not_watched=lambda: [SimpleNamespace(reason="gaps"), SimpleNamespace(reason="gaps")])
    lines = SimpleNamespace(ingest=SimpleNamespace(connected=True), control=SimpleNamespace(connected=False))
    return SnapshotReader(lambda: None, lambda: None, sensors, lambda: watch, lines, lambda: {"own": 1.0}, metrics)


def test_the_standing_conditions_are_those_of_now_also_when_a_sensor_changes_or_goes():
    sensors = SensorTable(CONDITIONS)
    sensors["fan"] = SensorState.new(CONDITIONS)
    read = reader(sensors)
    assert read().standing == ()
    active = Condition(state=State.ACTIVE_UNACKED)
    sensors["fan"] = replace(sensors["fan"], conditions={**sensors["fan"].conditions, "inner_race": active})
    for _ in range(2):
        assert [(each.sensor, each.name, each.condition.state) for each in read().standing] == [
            ("fan", "inner_race", State.ACTIVE_UNACKED)
        ]
    del sensors["fan"]
    assert read().standing == ()


def test_sources_that_are_not_watched_are_counted_by_reason():
    found = reader(SensorTable(CONDITIONS))()
    assert found.not_watched == {"gaps": 2}
    assert found.connected == {"ingest": True, "control": False}
    assert found.certificates == {"own": 1.0}
