"""The vibration level on a running agent: from packets to events, alarms and results."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from plant import RATE_HZ, WINDOW

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.mqtt.stub import StubBroker

if TYPE_CHECKING:
    from collections.abc import Callable

    from plant import Plant

F_HZ = 25.0
DELAYS = {"on_delay_s": 2.0, "off_delay_s": 2.0}


def vibrate(plant: Plant, mm_s: float, seconds: float, unit: str | None = "g") -> None:
    """A machine that vibrates at 25 Hz with this RMS velocity for so long, in packets of 4 windows."""
    for _ in range(math.ceil(seconds * RATE_HZ / WINDOW / 4)):
        seq = plant.seq["a"] = plant.seq.get("a", 0) + 1
        t = (4 * WINDOW * seq + np.arange(4 * WINDOW)) / RATE_HZ
        amplitude_g = mm_s * math.sqrt(2) * 2 * math.pi * F_HZ / 9806.65
        noise = 0.002 * np.random.default_rng(seq).standard_normal(len(t))  # else a stuck or stale sensor
        samples = (amplitude_g * np.sin(2 * np.pi * F_HZ * t) + noise).astype(np.float32)[np.newaxis]
        packet = Packet(samples, sample_rate_hz=RATE_HZ, seq=seq, boot_id=1, unit=unit)
        plant.broker.publish("plant/a/frame", frame.encode(packet), 1, {}, retain=False)
        plant.turn(2)


def level_events(plant: Plant) -> list[tuple[Any, ...]]:
    events = plant.heard("drsn/v1/a/event")
    return [(e["label"], e["active"], e["severity"]) for e in events if e["condition"] == "vibration_level"]


@pytest.fixture
def begin(start: Callable[..., Plant]) -> Callable[..., Plant]:
    def begin(sensor: dict[str, Any], level: dict[str, Any] | None = None, **alarms: Any) -> Plant:  # noqa: ANN401
        more = {"sensors": [{"match": "*", **sensor}], "vibration_level": {**DELAYS, **(level or {})}}
        plant = start(StubBroker(), more=more, **alarms)
        plant.turn(2)
        return plant

    return begin


def test_a_machine_in_zone_c_raises_the_alarm_and_clears_it(begin: Callable[..., Plant]):
    plant = begin({"machine_group": "medium_rigid"})
    vibrate(plant, 3.5, 4)
    assert level_events(plant) == [("zone_c", True, "major")]
    alarm = plant.retained("drsn/v1/a/alarm")
    assert [c["label"] for c in alarm["conditions"] if c["condition"] == "vibration_level"] == ["zone_c"]
    vibrate(plant, 1.0, 6)
    assert level_events(plant) == [("zone_c", True, "major"), ("zone_c", False, "major")]


def test_a_zone_that_gets_worse_while_the_alarm_stands_is_an_event(begin: Callable[..., Plant]):
    plant = begin({"machine_group": "medium_rigid"})
    vibrate(plant, 3.5, 4)
    vibrate(plant, 9.0, 4)
    assert level_events(plant) == [("zone_c", True, "major"), ("zone_d", True, "critical")]
    alarm = plant.retained("drsn/v1/a/alarm")
    assert [(c["label"], c["severity"]) for c in alarm["conditions"] if c["condition"] == "vibration_level"] == [
        ("zone_d", "critical")
    ]
    vibrate(plant, 3.5, 4)  # it keeps the worst zone until it ends
    assert len(level_events(plant)) == 2


def test_results_have_the_level(begin: Callable[..., Plant]):
    plant = begin({"machine_group": "medium_rigid"})
    vibrate(plant, 2.0, 2)
    result = plant.heard("drsn/v1/a/result")[-1]
    assert result["velocity_rms_mm_s"] is None  # the first result is that of the first window
    assert 1.4 < result["kurtosis"] < 3.2
    assert result["crest_factor"] == pytest.approx(result["peak"] / result["rms"], rel=1e-3)
    plant.clock.ahead_s += 2
    vibrate(plant, 2.0, 1)
    result = plant.heard("drsn/v1/a/result")[-1]
    assert result["velocity_rms_mm_s"] == pytest.approx(2.0, rel=0.01)
    assert result["zone"] == "zone_b"


def test_own_limits_and_a_lower_zone(begin: Callable[..., Plant]):
    plant = begin({"level_limits_mm_s": [0.5, 9.0, 10.0]}, level={"raise_from": "zone_b"})
    vibrate(plant, 1.0, 4)
    assert level_events(plant) == [("zone_b", True, "minor")]


def test_the_severity_of_a_zone_is_configured(begin: Callable[..., Plant]):
    plant = begin({"machine_group": "medium_rigid"}, severity={"zone_d": "minor"})
    vibrate(plant, 9.0, 4)
    assert level_events(plant) == [("zone_d", True, "minor")]


def test_without_a_unit_there_is_no_velocity_and_the_log_says_so(
    begin: Callable[..., Plant], caplog: pytest.LogCaptureFixture
):
    plant = begin({"machine_group": "medium_rigid"})
    with caplog.at_level(logging.WARNING):
        vibrate(plant, 9.0, 4, unit=None)
    assert level_events(plant) == []
    warnings = [record for record in caplog.records if "no velocity" in record.message]
    assert len(warnings) == 1


def test_the_input_gives_the_unit_that_packets_lack(start: Callable[..., Plant]):
    inputs = [{"topic": "plant/{point}/frame", "sensor": "{point}", "unit": "g"}]
    more = {"sensors": [{"match": "a", "machine_group": "medium_rigid"}], "vibration_level": DELAYS}
    plant = start(StubBroker(), more=more, inputs=inputs)
    plant.turn(2)
    vibrate(plant, 3.5, 4, unit=None)
    assert level_events(plant) == [("zone_c", True, "major")]


def test_a_sensor_without_a_group_has_no_level(begin: Callable[..., Plant]):
    plant = begin({})
    vibrate(plant, 9.0, 4)
    assert level_events(plant) == []
    result = plant.heard("drsn/v1/a/result")[-1]
    assert (result["velocity_rms_mm_s"], result["kurtosis"], result["zone"]) == (None, None, None)
    assert result["crest_factor"] is not None
