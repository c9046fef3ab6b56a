"""Which windows the monitor compares, what it keeps of a machine that is being commissioned, and what it calibrates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.sensor_stream import Window
from drsn.agent.backends.backend import Outputs
from drsn.agent.monitoring.baseline_file import BaselineFile
from drsn.agent.monitoring.baseline_model import learn
from drsn.agent.monitoring.baseline_monitor import BaselineMonitor
from drsn.agent.monitoring.monitors import Monitors
from drsn.agent.mqtt.message import Message
from drsn.model.contract import Label, ModelContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.monitoring.findings import Findings

LABELS = (Label(name="normal", condition="normal", healthy=True), Label(name="ball", condition="ball"))
CONTRACT = ModelContract(labels=LABELS, window=512, sample_rate_hz=12_000, bandwidth_hz=5_300)
BUNDLE, OTHER = "0" * 64, "1" * 64
NO_MESSAGE = Message("", b"", 0, False, 0.0, 0)
RNG = np.random.default_rng(0)


class Bench:
    """A batcher, the monitors, and a network that finds every window even."""

    def __init__(self, rpm_of: Callable[[str], float | None] = lambda _sensor: None) -> None:
        self.monitor = BaselineMonitor(CONTRACT, BUNDLE, rpm_of)
        self.monitors = Monitors(CONTRACT.conditions, changed=self.monitor)
        self.monitor.on_change = self.monitors.renew
        self.batcher = Batcher(CONTRACT, 64, 0.0)
        self.outputs: Outputs | None = None

    def __call__(self, *windows: tuple[str, float], rpm: float | None = None, strikes: float = 0.0) -> Findings | None:
        """Evaluate windows of sensors, each with its RMS."""
        self.batcher.clear()
        for sensor, rms in windows:
            samples = rms * RNG.standard_normal((1, CONTRACT.window)).astype(np.float32)
            samples[0, ::128] += np.float32(strikes)
            window = Window(samples, 12_000.0, 0, False, "g", True, CONTRACT.window, rpm, False, 0.0)
            self.batcher.add(sensor, window, InFlight(NO_MESSAGE), 0.0)
        self.batcher.measure()
        rows = len(windows)
        self.outputs = Outputs(np.full((rows, 2), 0.5, np.float32), np.zeros(rows, np.float32), None)
        return self.monitors(self.batcher, self.outputs)

    def learnt(self, sensor: str, rpm: float | None = None, bundle: str = BUNDLE) -> BaselineFile:
        """Let a sensor run for a while and learn it."""
        self.monitor.collect(sensor, collects=True)
        for _ in range(5):
            self(*[(sensor, 1.0)] * 20, rpm=rpm)
        rows = [self.monitor.take(sensor) for _ in range(100)]
        self.monitor.collect(sensor, collects=False)
        speeds = np.array([row.rpm for row in rows])
        odds = np.stack([row.log_odds for row in rows])
        health = learn(np.stack([row.features for row in rows]), speeds, odds, self.monitor.conditions)
        return BaselineFile(health, self.monitor.signal, bundle, sensor)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_sensor_without_a_baseline_costs_nothing(bench: Bench):
    assert bench(("a", 1.0)) is None
    assert bench.monitor.take("a") is None


def test_only_sensors_with_a_baseline_are_compared_several_windows_of_one_in_their_order(bench: Bench):
    bench.monitor.use("a", bench.learnt("a"))
    windows = [("a", 1.0), ("b", 1.0), ("a", 1.0), ("a", 1.0)]
    found = bench(*windows)
    assert np.isneginf(found.observed_nats[1]).all()
    assert (found.observed_nats[[0, 2, 3], 0] < 0).all()
    nats = np.concatenate([bench(*windows, strikes=12.0).observed_nats[[0, 2, 3], 0] for _ in range(4)])
    assert nats[-1] > 3
    label = bench(*windows, strikes=12.0)
    assert label.labels[0][label.observed_label[0, 0]].startswith(("crest_factor", "kurtosis", "envelope", "band"))


@pytest.mark.parametrize("rpm", [None, 1_500.0])
def test_a_baseline_is_of_the_speed_if_it_is_given(bench: Bench, rpm: float | None):
    file = bench.learnt("a", rpm)
    assert file.baseline.by_speed == (rpm is not None)
    bench.monitor.use("a", file)
    assert bench(("a", 1.0), rpm=rpm).observed_nats[0, 0] < 0
    assert bench.monitor.unknown_states() == {}
    found = bench(("a", 20.0), rpm=rpm).observed_nats[0, 0]
    assert np.isnan(found) if rpm is None else found > -2, "20 times the level"
    assert bench.monitor.unknown_states() == ({"a": 1} if rpm is None else {})


def test_a_window_with_a_sensor_fault_is_not_compared(bench: Bench):
    bench.monitor.use("a", bench.learnt("a"))
    assert np.isnan(bench(("a", 0.0)).observed_nats[0, 0])


def test_a_machine_that_is_learnt_again_is_compared_with_the_old_baseline_meanwhile(bench: Bench):
    bench.monitor.use("a", bench.learnt("a"))
    bench.monitor.collect("a", collects=True)
    assert bench(("a", 1.0), rpm=1_500.0).observed_nats[0, 0] < 0
    assert bench.monitor.take("a").rpm == 1_500.0
    bench.monitor.use("a", None)
    assert np.isnan(bench(("a", 1.0)).observed_nats[0, 0]), "nothing to compare with yet"
    bench.monitor.collect("a", collects=False)
    assert bench(("a", 1.0)) is None


def test_probabilities_are_calibrated_for_the_model_that_was_learnt_with(bench: Bench):
    file = bench.learnt("a")
    file.baseline.fault_nats["ball"] = 3.0
    for bundle, expected in ((BUNDLE, 1 / (1 + np.exp(3))), (OTHER, 0.5)):
        bench.monitor.use("a", BaselineFile(file.baseline, file.signal, bundle, "a"))
        bench(("b", 1.0), ("a", 1.0))
        calibrated = bench.monitor.calibration(["b", "a"], bench.outputs)
        assert calibrated.probabilities[:, 1] == pytest.approx([0.5, expected])
        assert (bench.outputs.probabilities == 0.5).all()
    bench.monitor.use("a", None)
    assert bench.monitor.calibration(["b", "a"], bench.outputs) is bench.outputs


def test_the_speed_of_the_settings_counts_where_packets_give_none():
    bench = Bench(lambda _sensor: 1_500.0)
    file = bench.learnt("a")
    assert file.baseline.by_speed
    bench.monitor.use("a", file)
    assert bench(("a", 20.0)).observed_nats[0, 0] > -2, "so another level is a change"
    bench(("a", 1.0), rpm=3_000.0)
    assert bench.monitor.unknown_states() == {"a": 1}, "a packet's speed comes first"
