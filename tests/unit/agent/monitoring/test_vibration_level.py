"""The monitor of the vibration level, in the batches of an agent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.notice import Notices
from drsn.agent.acquisition.sensor_stream import Window
from drsn.agent.backends.fake import ToneBackend
from drsn.agent.monitoring.findings import NOT_EVALUATED, OBSERVED, VIBRATION_LEVEL
from drsn.agent.monitoring.monitors import Monitors
from drsn.agent.monitoring.velocity_meter import FRAMES_BYTES
from drsn.agent.monitoring.vibration_level import LevelSetup, VibrationLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drsn.agent.monitoring.findings import Findings
    from drsn.agent.mqtt.message import Message
    from drsn.model.contract import ModelContract

RATE_HZ, WINDOW, F_HZ, SIZE = 12_000.0, 256, 187.5, 8
LIMITS = (1.4, 2.8, 4.5)
FRAME = math.ceil(RATE_HZ / WINDOW)
"""Windows of a frame of 1 s."""

COLUMN = OBSERVED.index(VIBRATION_LEVEL)


class Machines:
    """Sensors on machines that vibrate at 187.5 Hz, and the monitors of an agent."""

    def __init__(
        self,
        contract: ModelContract,
        message: Message,
        setups: Mapping[str, LevelSetup],
        most_bytes: int = FRAMES_BYTES,
    ) -> None:
        self.notices = Notices()
        self.level = VibrationLevel(setups.get, self.notices, most_bytes)
        self.monitors = Monitors(contract.conditions, vibration_level=self.level, notices=self.notices)
        self.batcher, self.backend = Batcher(contract, SIZE, 0.0), ToneBackend(contract, SIZE)
        self.in_flight, self.at = InFlight(message), 0

    def window(self, mm_s: float, **fields: Any) -> Window:  # noqa: ANN401
        """The next window of a machine with this RMS velocity."""
        t = (self.at + np.arange(WINDOW)) / RATE_HZ
        amplitude_g = mm_s * math.sqrt(2) * 2 * math.pi * F_HZ / 9806.65
        samples = (amplitude_g * np.sin(2 * np.pi * F_HZ * t)).astype(np.float32)[np.newaxis]
        usual = {"fresh": False, "unit": "g", "clock_synced": True, "advance": WINDOW, "rpm": None, "clipped": False}
        return Window(samples, RATE_HZ, self.at, **{**usual, "rate_error": 0.0, "joined": True, **fields})

    def batch(self, windows: Sequence[tuple[str, Window]]) -> Findings | None:
        self.batcher.clear()
        for sensor, window in windows:
            self.batcher.add(sensor, window, self.in_flight, 0.0)
        return self.monitors(self.batcher, self.backend.infer(self.batcher.measure() and self.batcher.x))

    def run(self, windows: int = FRAME, **mm_s: float) -> Findings | None:
        """So many windows of each sensor, one of each in a batch; what was found in the last batch."""
        found = None
        for _ in range(windows):
            found = self.batch([(sensor, self.window(value)) for sensor, value in mm_s.items()])
            self.at += WINDOW
        return found


@pytest.fixture
def machines(contract: ModelContract, make_message: Callable[..., Message]) -> Callable[..., Machines]:
    return lambda setups, **options: Machines(contract, make_message(), setups, **options)


def zone(findings: Findings | None, row: int = 0) -> str | None:
    assert findings is not None
    found = findings.observed(row).get(VIBRATION_LEVEL)
    return None if found is None or math.isnan(found.nats) else f"{found.label}{'!' if found.nats > 0 else ''}"


def test_the_velocity_decides_about_the_zone(machines: Callable[..., Machines]):
    plant = machines({name: LevelSetup(LIMITS) for name in "abcd"})
    found = plant.run(a=1.0, b=2.0, c=3.0, d=9.0)
    assert [zone(found, row) for row in range(4)] == ["zone_a", "zone_b", "zone_c!", "zone_d!"]
    assert plant.batcher.batch.velocity_rms_mm_s[:4] == pytest.approx([1, 2, 3, 9], rel=2e-3)
    assert plant.batcher.batch.reading(1).velocity_rms_mm_s == pytest.approx(2, rel=2e-3)


def test_without_a_velocity_nothing_is_evaluated(machines: Callable[..., Machines]):
    plant = machines({"a": LevelSetup(LIMITS)})
    found = plant.run(FRAME - 1, a=9.0)
    assert np.isnan(found.observed_nats[0, COLUMN])
    assert np.isnan(NOT_EVALUATED)
    assert plant.batcher.batch.reading(0).velocity_rms_mm_s is None
    assert plant.batcher.batch.reading(0).kurtosis is not None


@pytest.mark.parametrize(
    ("raise_from", "expected"), [("zone_b", "zone_b!"), ("zone_c", "zone_b"), ("zone_d", "zone_b")]
)
def test_the_lowest_zone_of_an_alarm_is_configured(machines: Callable[..., Machines], raise_from: str, expected: str):
    assert zone(machines({"a": LevelSetup(LIMITS, raise_from=raise_from)}).run(a=2.0)) == expected


def test_the_hysteresis_holds_a_zone(machines: Callable[..., Machines]):
    plant = machines({"a": LevelSetup(LIMITS)})
    assert [zone(plant.run(a=mm_s)) for mm_s in (2.9, 2.6, 2.4, 2.7)] == ["zone_c!", "zone_c!", "zone_b", "zone_b"]


def test_a_higher_zone_counts_from_the_third_measurement_on_and_a_lower_one_at_once(machines: Callable[..., Machines]):
    plant = machines({"a": LevelSetup(LIMITS)})
    found = [zone(plant.run(a=mm_s)) for mm_s in (2.0, 9.0, 9.0, 2.0, 9.0, 9.0, 3.0, 3.0)]
    assert found == ["zone_b"] * 6 + ["zone_c!", "zone_c!"]


def test_other_sensors_are_not_measured(machines: Callable[..., Machines]):
    plant = machines({"a": LevelSetup(LIMITS)})
    assert plant.run(b=9.0) is None
    found = plant.run(b=9.0, a=3.0)
    assert [zone(found, row) for row in (0, 1)] == [None, "zone_c!"]
    assert np.isnan(plant.batcher.batch.levels[0]).all()


def test_several_windows_of_a_sensor_in_one_batch_count_in_their_order(machines: Callable[..., Machines]):
    one, many = machines({"a": LevelSetup(LIMITS)}), machines({"a": LevelSetup(LIMITS)})
    one.run(2 * FRAME, a=3.0)
    for _ in range(2 * FRAME // 2):
        windows = []
        for _ in range(2):
            windows.append(("a", many.window(3.0)))
            many.at += WINDOW
        many.batch(windows)
    assert many.batcher.batch.velocity_rms_mm_s[1] == pytest.approx(one.batcher.batch.velocity_rms_mm_s[0])


def test_the_columns_of_a_batch_are_not_those_of_the_batch_before(machines: Callable[..., Machines]):
    plant = machines({"a": LevelSetup(LIMITS)})
    plant.run(a=3.0)
    plant.batch([("b", plant.window(3.0))])
    assert np.isnan(plant.batcher.batch.levels[:1]).all()


@pytest.mark.parametrize(("unit", "event"), [(None, "unit"), ("counts", "unit"), ("g", None)])
def test_a_warning_names_a_sensor_without_a_known_unit_once(
    machines: Callable[..., Machines], unit: str | None, event: str | None
):
    plant = machines({"a": LevelSetup(LIMITS)})
    for _ in range(3):
        found = plant.batch([("a", plant.window(9.0, unit=unit))] * 2)
    assert np.isnan(found.observed_nats[:, COLUMN]).all()
    notices = plant.notices.take()
    assert len(notices) == (event is not None)
    for notice in notices:
        assert event in notice.event
        assert notice.fields == {"sensor": "a", "unit": unit}


def test_a_warning_names_a_sensor_for_which_there_is_no_memory(machines: Callable[..., Machines]):
    plant = machines({"a": LevelSetup(LIMITS)}, most_bytes=1000)
    assert zone(plant.run(a=9.0)) is None
    assert ["memory" in notice.event for notice in plant.notices.take()] == [True]


def test_a_sensor_that_was_forgotten_begins_anew(machines: Callable[..., Machines]):
    plant = machines({"a": LevelSetup(LIMITS), "b": LevelSetup(LIMITS)})
    plant.run(a=9.0)
    plant.monitors.forget("a")
    assert zone(plant.run(1, b=1.0)) is None
    assert zone(plant.run(FRAME - 1, b=1.0)) == "zone_a"


def test_more_sensors_than_the_first_arrays_hold(machines: Callable[..., Machines]):
    names = [f"s{at}" for at in range(80)]
    plant = machines(dict.fromkeys(names, LevelSetup(LIMITS)))
    for at in range(0, 80, SIZE):
        plant.batch([(name, plant.window(3.0)) for name in names[at : at + SIZE]])
    found = plant.run(**dict.fromkeys(names[-SIZE:], 3.0))
    assert [zone(found, row) for row in range(SIZE)] == ["zone_c!"] * SIZE
