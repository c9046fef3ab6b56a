from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from drsn.agent.monitoring.units import STANDARD_GRAVITY_MM_S2
from drsn.agent.monitoring.velocity_meter import EXPIRES_FRAMES, MAX_KINDS, NewSamples, VelocityMeter

RATE_HZ, WINDOW, F_HZ = 12_000.0, 2048, 25.0
FRAME = 6
"""Windows of a frame."""

EXACT_MM_S = STANDARD_GRAVITY_MM_S2 / math.sqrt(2) / (2 * math.pi * F_HZ)
"""Of a sine of 1 g."""


class Machine:
    """Sensors on one machine, which all measure a sine of 1 in their unit."""

    def __init__(self, sensors: int = 1, low_hz: float = 10.0, **options: Any) -> None:  # noqa: ANN401
        self.meter, self.slots, self.at = VelocityMeter(**options), np.arange(sensors), 0
        for slot in range(sensors):
            self.meter.begin(slot, low_hz)

    def send(self, windows: int = 1, *, rate_hz: float = RATE_HZ, unit: str | None = "g", **flags: bool) -> list[float]:
        """The velocity of each sensor after so many windows."""
        flags = {"joined": True, "fresh": False, "sound": True, **flags}
        for _ in range(windows):
            t = (self.at + np.arange(WINDOW)) / rate_hz
            self.at += WINDOW
            wave = np.sin(2 * np.pi * F_HZ * t).astype(np.float32)
            shape = (len(self.slots), 1, WINDOW)
            masks = {name: np.full(len(self.slots), value) for name, value in flags.items()}
            hops, units = np.full(len(self.slots), WINDOW), [unit] * len(self.slots)
            new = NewSamples(self.slots, np.broadcast_to(wave, shape), rate_hz, hops, units, **masks)
            velocity, complete = self.meter.measure(new)
            self.complete = complete.tolist()
        return velocity.tolist()


def test_the_velocity_is_known_after_a_frame_and_kept_until_the_next():
    machine = Machine(sensors=3)
    assert np.isnan(machine.send(FRAME - 1)).all()
    for at in range(FRAME + 2):
        assert machine.send() == pytest.approx([EXACT_MM_S] * 3, rel=1e-3)
        assert machine.complete == [at % FRAME == 0] * 3


@pytest.mark.parametrize(
    ("unit", "exact"),
    [
        ("mg", EXACT_MM_S / 1000),
        ("m/s²", EXACT_MM_S / 9.80665),
        ("m/s^2", EXACT_MM_S / 9.80665),
        ("m/s2", EXACT_MM_S / 9.80665),
        ("mm/s²", EXACT_MM_S / 9806.65),
        ("mm/s", 1 / math.sqrt(2)),
        ("in/s", 25.4 / math.sqrt(2)),
    ],
)
def test_units_are_converted(unit: str, exact: float):
    assert Machine().send(FRAME, unit=unit) == pytest.approx([exact], rel=1e-3)


@pytest.mark.parametrize("unit", [None, "", "G", "V", "counts", "m/s3"])
def test_a_unit_is_never_guessed(unit: str | None):
    machine = Machine()
    assert np.isnan(machine.send(3 * FRAME, unit=unit)).all()
    assert not machine.meter.has_frame(machine.slots).any()
    assert not machine.meter.knows(unit)


def test_another_unit_begins_anew():
    machine = Machine()
    machine.send(FRAME)
    assert np.isnan(machine.send(unit="m/s²")).all()
    assert machine.send(FRAME - 1, unit="m/s²") == pytest.approx([EXACT_MM_S / 9.80665], rel=1e-3)


def test_another_rate_begins_anew():
    machine = Machine()
    machine.send(FRAME)
    assert np.isnan(machine.send(rate_hz=6000.0)).all()


def test_a_burst_that_does_not_join_keeps_the_velocity_and_lost_samples_do_not():
    machine = Machine()
    machine.send(FRAME)
    assert machine.send(joined=False) == pytest.approx([EXACT_MM_S], rel=1e-3)
    assert np.isnan(machine.send(fresh=True)).all()


def test_bursts_of_less_than_a_frame_have_no_velocity():
    machine = Machine()
    for _ in range(10):
        machine.send(joined=False)
        assert np.isnan(machine.send(FRAME - 2)).all()


def test_a_velocity_expires():
    machine = Machine()
    machine.send(FRAME)
    found = [machine.send(joined=False) for _ in range(EXPIRES_FRAMES * FRAME + 1)]
    assert np.isfinite(found[:-1]).all()
    assert np.isnan(found[-1]).all()


def test_a_window_of_a_faulty_sensor_is_left_out():
    machine = Machine()
    machine.send(FRAME - 1)
    machine.send(sound=False)
    assert np.isnan(machine.send(FRAME - 1)).all()
    assert np.isfinite(machine.send()).all()


def test_a_slow_machine_takes_longer():
    machine = Machine(low_hz=2.0)
    assert np.isnan(machine.send(5 * FRAME - 1)).all()
    assert machine.send() == pytest.approx([EXACT_MM_S], rel=1e-3)


def test_sensors_beyond_the_memory_have_no_velocity_and_the_others_do():
    machine = Machine(sensors=100, most_bytes=2_000_000)
    found = np.array(machine.send(FRAME))
    has_frame = machine.meter.has_frame(machine.slots)
    assert 0 < has_frame.sum() < 100
    assert (np.isfinite(found) == has_frame).all()
    assert machine.meter.nbytes <= 2_000_000


def test_a_sensor_that_begins_again_has_an_empty_frame():
    machine = Machine(sensors=70)
    machine.send(FRAME)
    size = machine.meter.nbytes
    machine.meter.begin(3, 10.0)
    found = machine.send()
    assert math.isnan(found[3])
    assert np.isfinite(found[:3]).all()
    assert machine.meter.nbytes == size


def test_sensors_of_several_rates_share_the_meter():
    meter = VelocityMeter()
    for slot in (0, 1):
        meter.begin(slot, 10.0)
    flags = {"joined": np.ones(1, bool), "fresh": np.zeros(1, bool), "sound": np.ones(1, bool)}
    for slot, rate_hz, f_hz, window in ((0, 12_000.0, 25.0, 2048), (1, 51_200.0, 60.0, 8738)):
        for at in range(6):
            t = (at * window + np.arange(window)) / rate_hz
            samples = np.sin(2 * np.pi * f_hz * t).astype(np.float32)[np.newaxis, np.newaxis]
            new = NewSamples(np.array([slot]), samples, rate_hz, np.array([window]), ["g"], **flags)
            found, _ = meter.measure(new)
        exact = STANDARD_GRAVITY_MM_S2 / math.sqrt(2) / (2 * math.pi * f_hz)
        assert found == pytest.approx([exact], rel=1e-3)


def test_a_rate_that_drifts_fills_no_memory():
    machine = Machine()
    for step in range(3 * MAX_KINDS):
        machine.send(rate_hz=RATE_HZ + step)
    one = Machine()
    one.send()
    assert machine.meter.nbytes == one.meter.nbytes
    assert machine.send(FRAME, rate_hz=RATE_HZ) == pytest.approx([EXACT_MM_S], rel=1e-3)


def test_more_rates_at_one_time_than_are_kept():
    machine = Machine(sensors=MAX_KINDS + 1)
    everything = machine.slots
    for slot in everything.tolist():
        machine.slots = everything[[slot]]
        machine.send(rate_hz=RATE_HZ + slot)
    assert machine.meter.has_frame(everything).tolist() == [True] * MAX_KINDS + [False]
