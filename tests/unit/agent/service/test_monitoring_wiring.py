from __future__ import annotations

import pytest

from drsn.agent.bundles import shipped
from drsn.agent.monitoring.baseline_monitor import BaselineMonitor
from drsn.agent.service.monitoring_wiring import known_bearing_of, monitors_of
from drsn.agent.settings.sections import Settings
from drsn.model.bundle import open_bundle

CONTRACT = open_bundle(shipped("synthetic")).contract


def settings(tmp_path, *sensors: dict[str, object]) -> Settings:
    return Settings(
        agent={"id": "t", "bundle": "shipped:synthetic", "state_dir": tmp_path},
        inputs=[{"topic": "plant/{s}/frame", "sensor": "{s}"}],
        sensors=list(sensors),
    )


@pytest.mark.parametrize(
    ("sensor", "concerned"),
    [
        ({"match": "*", "rpm": 1500}, False),
        ({"match": "pump", "bearing": "6205"}, False),
        ({"match": "fan.*", "bearing": "6205"}, True),
    ],
)
def test_only_a_sensor_with_a_bearing_has_a_detector(tmp_path, sensor: dict[str, object], concerned: bool):  # noqa: FBT001
    made = monitors_of(settings(tmp_path, sensor), CONTRACT, BaselineMonitor(CONTRACT, "0" * 64))
    detector = made._monitors[0]
    assert (detector is not None and detector.concerns("fan.de")) == concerned


def test_what_the_detector_uses_of_a_bearing(tmp_path):
    made = settings(
        tmp_path, {"match": "fan.*", "bearing": "6205-2RS", "rpm": 1480}, {"match": "*", "bearing": "NU206"}
    )
    known = known_bearing_of(made)
    assert known("fan.de").orders.outer_race == pytest.approx(3.585, abs=1e-3)
    assert (known("fan.de").rpm, known("fan.de").excludes) == (1480, True)
    assert (known("pump").rpm, known("pump").excludes) == (None, False), "an estimate excludes nothing"
