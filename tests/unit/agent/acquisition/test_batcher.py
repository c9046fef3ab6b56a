from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import MAX_RATES, Batcher
from drsn.agent.acquisition.sensor_stream import Window
from drsn.model.conditioning import Conditioner, native_window
from drsn.model.shaft_angle import shaft_angle

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from drsn.agent.mqtt.message import Message
    from drsn.model.contract import ModelContract


def window(rate_hz: float = 12_000.0, seed: int = 0, offset: float = 0.0) -> Window:
    n_samples = native_window(256, rate_hz, 12_000.0)
    samples = np.random.default_rng(seed).standard_normal((1, n_samples)) + offset
    return framed(samples.astype(np.float32), rate_hz, 5_000_000_000)


def framed(samples: NDArray[np.float32], rate_hz: float, end_unix_ns: int, **options: object) -> Window:
    usual = {"fresh": True, "unit": "g", "clock_synced": True, "advance": samples.shape[1], "rpm": None}
    return Window(samples, rate_hz, end_unix_ns, **{**usual, "clipped": False, "rate_error": 0.0, **options})


@pytest.fixture
def in_flight(make_message: Callable[..., Message]) -> InFlight:
    return InFlight(make_message())


@pytest.fixture
def batch(contract: ModelContract) -> Batcher:
    return Batcher(contract, max_windows=3, deadline_s=0.02)


def test_rows_are_conditioned_windows_whatever_their_rate(batch: Batcher, in_flight: InFlight):
    rates_hz = (12_000.0, 48_000.0, 12_000.0)
    windows = [window(rate_hz, seed) for seed, rate_hz in enumerate(rates_hz)]
    for each in windows:
        batch.add("press4", each, in_flight, 0.0)
    batch.measure()
    assert batch.x.shape == (3, 1, 256)
    for row, each in zip(batch.x, windows, strict=True):
        expected = np.empty((1, 256), np.float32)
        Conditioner(256, 12_000.0, 5_300.0, each.sample_rate_hz)(each.samples, expected)
        np.testing.assert_array_equal(row, expected)


def test_all_batches_use_one_preallocated_array(batch: Batcher, in_flight: InFlight):
    batch.add("a", window(), in_flight, 0.0)
    first = batch.x
    batch.clear()
    batch.add("b", window(seed=1), in_flight, 0.0)
    assert np.shares_memory(first, batch.x)
    assert batch.batch.sensors == ["b"]


def test_a_reading_measures_the_ac_part_at_the_sensors_rate(batch: Batcher, in_flight: InFlight):
    n_samples = 1024  # at 48 kHz
    sine = 100 + 2 * np.sin(2 * np.pi * 8 * np.arange(n_samples) / n_samples)
    sine[0] += 5
    samples = sine.astype(np.float32)[None]
    batch.add("press4", framed(samples, 48_000.0, 7, advance=512, rpm=1500.0), in_flight, 0.0)
    reading = batch.measure().reading(0)
    assert reading.rms == pytest.approx(samples.std(), rel=1e-4)
    assert reading.peak == pytest.approx(5, abs=0.01)
    assert (reading.sensor, reading.end_unix_ns, reading.duration_ns) == ("press4", 7, 21_333_333)
    assert (reading.fresh, reading.unit, reading.clock_synced) == (True, "g", True)
    assert (reading.advance_ns, reading.rpm, reading.fault) == (10_666_667, 1500.0, None)


@pytest.mark.parametrize(
    ("options", "fault"), [({}, None), ({"clipped": True}, "clipping"), ({"rate_error": -0.03}, "wrong_rate")]
)
def test_a_reading_has_the_fault_of_the_sensor(contract, in_flight: InFlight, options: dict[str, object], fault: str):
    batch = Batcher(contract, 4, 0.0, ignored_faults=lambda sensor: ("offset",) if sensor == "b" else ())
    noise = np.random.default_rng(0).standard_normal((1, 256)).astype(np.float32)
    batch.add("a", framed(noise, 12_000.0, 7, **options), in_flight, 0.0)
    for sensor in "ab":
        batch.add(sensor, framed(noise + 1e5, 12_000.0, 7), in_flight, 0.0)
    measured = batch.measure()
    assert [measured.reading(row).fault for row in range(3)] == [fault, "offset", None]


def fill(batch: Batcher, in_flight: InFlight, windows: int) -> None:
    """A batch of so many windows, which is over."""
    for _ in range(windows):
        batch.add("a", window(), in_flight, 0.0)
    batch.clear()


def test_a_window_waits_for_others_only_if_the_batch_before_had_others(batch: Batcher, in_flight: InFlight):
    batch.add("a", window(), in_flight, 100.0)
    assert batch.wait_s(100.0) == 0, "the first of all"
    batch.clear()
    for windows, wait_s in ((2, 0.02), (1, 0), (3, 0.02)):
        fill(batch, in_flight, windows)
        batch.add("a", window(), in_flight, 100.0)
        assert batch.wait_s(100.0) == pytest.approx(wait_s)
        batch.clear()


def test_no_window_waits_longer_than_the_deadline(batch: Batcher, in_flight: InFlight):
    fill(batch, in_flight, 2)
    assert batch.wait_s(100.0) is None
    batch.add("a", window(), in_flight, 100.0)
    batch.add("b", window(), in_flight, 100.015)  # a second window does not extend it
    assert batch.wait_s(100.015) == pytest.approx(0.005)
    assert batch.wait_s(100.5) == 0
    batch.clear()
    assert batch.wait_s(100.5) is None


def test_a_packet_is_done_when_its_windows_are_cleared(
    batch: Batcher, in_flight: InFlight, make_message: Callable[..., Message]
):
    other = InFlight(make_message(), read=True)
    in_flight.read = True
    for each in (in_flight, in_flight, other):
        assert not batch.full
        batch.add("a", window(), each, 0.0)
    assert batch.full
    assert (in_flight.windows, other.windows) == (2, 1)
    assert not in_flight.done
    batch.clear()
    assert in_flight.done
    assert other.done
    assert len(batch) == 0


def test_a_clock_that_drifts_does_not_fill_the_memory(batch: Batcher, in_flight: InFlight):
    for step in range(2 * MAX_RATES + 1):
        batch.add("a", window(12_000.0 + step / 8), in_flight, 0.0)
        batch.clear()
    assert len(batch.rates_hz) <= MAX_RATES


def test_a_batch_ends_early_when_its_samples_have_no_room(contract: ModelContract, in_flight: InFlight):
    each = window(48_000.0)
    batch = Batcher(contract, 8, 0.0, max_bytes=2 * each.samples.nbytes)
    assert batch.fits(window(1_000_000.0)), "one window always fits"
    batch.add("a", each, in_flight, 0.0)
    assert batch.fits(each)
    batch.add("a", each, in_flight, 0.0)
    assert not batch.fits(each)
    assert not batch.full


def test_arrays_above_the_bound_are_freed_after_the_batch(contract: ModelContract, in_flight: InFlight):
    batch = Batcher(contract, 8, 0.0, max_bytes=100_000)
    batch.add("a", window(), in_flight, 0.0)
    batch.clear()
    assert batch.rates_hz == (12_000.0,)
    batch.add("a", window(1_000_000.0), in_flight, 0.0)
    batch.clear()
    assert batch.rates_hz == ()


def test_in_the_order_domain_the_last_channel_is_the_shafts_angle(contract: ModelContract, in_flight: InFlight):
    """A window without a speed has an angle of 0: the graph refuses it."""
    batch = Batcher(contract.model_copy(update={"domain": "order"}), max_windows=3, deadline_s=0.02)
    rpms = (1500.0, None, 600.0)
    for seed, rpm in enumerate(rpms):
        samples = window(seed=seed).samples
        batch.add("press4", framed(samples, 12_000.0, 7, rpm=rpm), in_flight, 0.0)
    batch.measure()
    assert batch.x.shape == (3, 2, 256)
    np.testing.assert_allclose(batch.x[:, 1], shaft_angle([1500.0, np.nan, 600.0], 256, 12_000.0), rtol=1e-6)
    expected = np.empty((1, 256), np.float32)
    Conditioner(256, 12_000.0, 5_300.0, 12_000.0)(window(seed=2).samples, expected)
    np.testing.assert_array_equal(batch.x[2, :1], expected)
