from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from drsn.model.bearing import SKF_6205
from drsn.model.bearing_densities import DENSITIES
from drsn.model.bearing_detector import DEFECTS, LINES, MOST_NATS, SEARCH, detect, orders_array
from drsn.model.data.synthetic import Machine, synthesise
from drsn.model.order_spectrum import BINS, LENGTH, Envelope, to_angle

RATE_HZ, RPM = 12_000.0, 1800.0
ORDERS = orders_array(SKF_6205.orders)[None]


def series(fault: str | None, severity: float = 0.5, seed: int = 0, rpm: float = RPM) -> np.ndarray:
    """The angle series of a simulated 6205: float32[1, LENGTH]."""
    samples = int(LENGTH / BINS * 60 / rpm * RATE_HZ) + 4096
    x = synthesise(Machine(rpm=rpm), fault, severity, samples, RATE_HZ, np.random.default_rng(seed))
    envelope = Envelope(x.size, RATE_HZ, 5300.0)
    found, _, _ = to_angle(envelope(x[None]), np.array([envelope.rate_hz / BINS / rpm * 60]), np.zeros(1))
    return found[:, -LENGTH:]


def nats(values: np.ndarray, orders: np.ndarray = ORDERS, top: float = 100.0) -> np.ndarray:
    rows = len(values)
    tops = np.full(rows, top, np.float32)
    return detect(values, np.full(rows, LENGTH), np.repeat(orders, rows, axis=0), tops, DENSITIES)[0]


@pytest.mark.parametrize("fault", DEFECTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_defect_is_found_and_named(fault, seed):
    found = nats(series(fault, seed=seed))[0]
    assert DEFECTS[found.argmax()] == fault
    assert found.max() > 3


def test_a_healthy_bearing_loses_every_defect():
    """What geometry excludes: the series is long enough, and no line stands at any defect's orders."""
    found = np.concatenate([nats(series(None, seed=seed)) for seed in range(6)])
    assert np.median(found, axis=0).max() < -0.5
    assert found.max() < 3


def test_a_defect_of_one_race_excludes_the_other():
    found = nats(series("outer_race", seed=5))[0]
    assert found[DEFECTS.index("inner_race")] < 0


def test_ratios_are_bounded():
    found = np.concatenate([nats(series(fault, severity=1.0)) for fault in DEFECTS])
    assert np.abs(found).max() <= MOST_NATS


@pytest.mark.parametrize("share", [-0.018, 0.018])
def test_slip_within_the_search_is_followed(share):
    """The orders that are given are off by 1.8 %; all harmonics move together."""
    values, tops = series("outer_race"), np.array([100], np.float32)
    found, lines = detect(values, np.array([LENGTH]), ORDERS * (1 + share), tops, DENSITIES)
    assert DEFECTS[found[0].argmax()] == "outer_race"
    assert lines.scale[0, 0] * (1 + share) == pytest.approx(1, abs=0.006)
    assert abs(lines.scale[0, 0] - 1) <= SEARCH + 1e-9


def test_a_speed_that_is_wrong_by_a_tenth_finds_nothing():
    found = nats(series("outer_race"), ORDERS * 1.1)[0]
    assert found[DEFECTS.index("outer_race")] < 1


def test_without_the_first_harmonics_there_is_no_evidence():
    """The envelope of a slow sensor on a fast machine ends below BPFI."""
    assert np.all(nats(series("outer_race"), top=5.0) == 0)


def test_lines_beyond_the_envelope_are_left_out():
    tops = np.array([8.0], np.float32)
    _, lines = detect(series("outer_race"), np.array([LENGTH]), ORDERS, tops, DENSITIES)
    assert lines.logs[0, 0, LINES.index("3")] == 0
    assert lines.logs[0, 0, LINES.index("2")] != 0


def test_rows_do_not_depend_on_each_other():
    values = np.concatenate([series(fault, seed=7) for fault in DEFECTS])
    np.testing.assert_allclose(nats(values)[1:2], nats(values[1:2]), atol=1e-3)


def test_gain_does_not_matter():
    values = series("inner_race")
    np.testing.assert_allclose(nats(values), nats(1000 * values), atol=0.1)


def test_another_geometry():
    """Rollers at a contact angle: the orders alone decide."""
    bearing = replace(SKF_6205, balls=13, ball_diameter_mm=9.0, pitch_diameter_mm=46.5, contact_angle_deg=10.0)
    machine = Machine(bearing=bearing, rpm=RPM)
    samples = int(LENGTH / BINS * 60 / RPM * RATE_HZ) + 4096
    x = synthesise(machine, "inner_race", 0.7, samples, RATE_HZ, np.random.default_rng(3))
    envelope = Envelope(x.size, RATE_HZ, 5300.0)
    values, _, _ = to_angle(envelope(x[None]), np.array([envelope.rate_hz / BINS / RPM * 60]), np.zeros(1))
    found = nats(values[:, -LENGTH:], orders_array(bearing.orders)[None])[0]
    assert DEFECTS[found.argmax()] == "inner_race"
