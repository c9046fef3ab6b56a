"""Which windows a monitor gets, and how the results of all monitors join."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.sensor_stream import Window
from drsn.agent.backends.fake import ToneBackend
from drsn.agent.monitoring.findings import NO_MONITOR, Observation
from drsn.agent.monitoring.monitors import MonitoredWindows, Monitors
from drsn.model.conditioning import native_window

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Outputs
    from drsn.agent.mqtt.message import Message
    from drsn.model.contract import ModelContract

SIZE = 8


class Recording:
    """A monitor that notes what it gets; it evaluates the sensors of a set."""

    labels = ("low", "high")

    def __init__(self, *sensors: str) -> None:
        self.sensors, self.begun, self.calls = set(sensors), {}, []

    def concerns(self, sensor: str) -> bool:
        return sensor in self.sensors

    def begin(self, slot: int, sensor: str) -> None:
        self.begun[sensor] = slot

    def __call__(self, windows: MonitoredWindows) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        self.calls.append(windows)
        assert [windows.batch.sensors[row] for row in windows.rows] == [
            next(name for name, at in self.begun.items() if at == slot) for slot in windows.slots
        ]
        return windows.rows + np.float32(0.5), np.ones(len(windows.rows), np.int8)


class Bearing(Recording):
    """A bearing detector for a contract of three conditions."""

    def __call__(self, windows: MonitoredWindows) -> NDArray[np.float32]:
        super().__call__(windows)
        return np.full((len(windows.rows), 3), 2.0, np.float32)


@pytest.fixture
def filled(contract: ModelContract, make_message: Callable[..., Message]) -> Callable[..., tuple[Batcher, Outputs]]:
    def fill(*sensors: str, rates_hz: tuple[float, ...] = (12_000.0,)) -> tuple[Batcher, Outputs]:
        batcher = Batcher(contract, SIZE, 0.0)
        for at, sensor in enumerate(sensors):
            rate_hz = rates_hz[at % len(rates_hz)]
            native = native_window(contract.window, rate_hz, contract.sample_rate_hz)
            samples = np.full((1, native), at, np.float32)
            samples[0, ::2] += 1
            batcher.add(sensor, Window(samples, rate_hz, at, False, "g", True, native, None, False, 0.0),
                        InFlight(make_message()), 0.0)  # fmt: skip
        batcher.measure()
        return batcher, ToneBackend(contract, SIZE).infer(batcher.x)

    return fill


def test_a_monitor_gets_the_windows_of_its_sensors(
    contract: ModelContract, filled: Callable[..., tuple[Batcher, Outputs]]
):
    changed, level = Recording("a", "b"), Recording("b")
    monitors = Monitors(contract.conditions, None, changed, level)
    findings = monitors(*filled("c", "a", "b", "a"))
    assert findings.bearing_nats is None
    assert findings.observed_nats.tolist() == [
        [NO_MONITOR, NO_MONITOR], [1.5, NO_MONITOR], [2.5, 2.5], [3.5, NO_MONITOR]
    ]  # fmt: skip
    assert findings.observed(0) == {}
    assert findings.observed(2) == {"changed": Observation(2.5, "high"), "vibration_level": Observation(2.5, "high")}


def test_no_monitor_is_called_for_a_batch_that_concerns_none(
    contract: ModelContract, filled: Callable[..., tuple[Batcher, Outputs]]
):
    changed, bearing = Recording("a"), Bearing("b")
    monitors = Monitors(contract.conditions, bearing, changed)
    assert monitors(*filled("c", "d")) is None
    assert monitors(*filled("a")).bearing_nats is None
    assert monitors(*filled("b")).observed_nats.tolist() == [[NO_MONITOR] * 2]
    assert (len(changed.calls), len(bearing.calls)) == (1, 1)


def test_a_window_without_a_bearing_has_no_evidence(
    contract: ModelContract, filled: Callable[..., tuple[Batcher, Outputs]]
):
    found = Monitors(contract.conditions, Bearing("b"))(*filled("a", "b")).bearing_nats
    assert found.tolist() == [[0.0] * 3, [2.0] * 3]


def test_windows_come_as_they_were_sampled_by_rate(
    contract: ModelContract, filled: Callable[..., tuple[Batcher, Outputs]]
):
    changed = Recording("a", "b")
    Monitors(contract.conditions, None, changed)(
        *filled("a", "c", "b", "a", "b", rates_hz=(12_000.0, 24_000.0, 48_000.0))
    )
    (windows,) = changed.calls
    parts = list(windows.native())
    seen = {int(row): part.samples[at].min() for part in parts for at, row in enumerate(windows.rows[part.at])}
    assert seen == {0: 0.0, 2: 2.0, 3: 3.0, 4: 4.0}
    assert {row: part.sample_rate_hz for part in parts for row in windows.rows[part.at].tolist()} == {
        0: 12_000.0, 2: 48_000.0, 3: 12_000.0, 4: 24_000.0
    }  # fmt: skip
    np.testing.assert_array_equal(windows.x, windows.batcher.x[[0, 2, 3, 4]])


def test_a_slot_belongs_to_a_sensor_until_it_is_forgotten(
    contract: ModelContract, filled: Callable[..., tuple[Batcher, Outputs]]
):
    changed = Recording("a", "b", "c")
    monitors = Monitors(contract.conditions, None, changed)
    monitors(*filled("a", "b"))
    monitors(*filled("b", "a"))
    assert changed.begun == {"a": 0, "b": 1}
    monitors.forget("a")
    monitors.forget("never seen")
    monitors(*filled("x", "c", "b"))
    assert changed.begun == {"a": 0, "b": 1, "c": 2}, "x has the slot that was free"


def test_a_sensor_is_asked_about_again(contract: ModelContract, filled: Callable[..., tuple[Batcher, Outputs]]):
    changed = Recording()
    monitors = Monitors(contract.conditions, None, changed)
    assert monitors(*filled("a")) is None
    changed.sensors.add("a")
    assert monitors(*filled("a")) is None
    monitors.renew("a")
    assert monitors(*filled("a")).observed_nats[0, 0] == 0.5
    changed.sensors.clear()
    monitors.renew("a")
    assert monitors(*filled("a")) is None


def test_there_may_be_many_sensors(contract: ModelContract, filled: Callable[..., tuple[Batcher, Outputs]]):
    names = [f"s{n}" for n in range(200)]
    changed = Recording(*names)
    monitors = Monitors(contract.conditions, None, changed)
    for name in names:
        monitors(*filled(name))
    assert changed.begun == {name: at for at, name in enumerate(names)}
