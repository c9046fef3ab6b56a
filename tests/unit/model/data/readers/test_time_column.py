"""Which column is the time, in which unit, and the rate that follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from drsn.model.data.readers.time_column import Stated, TimeColumn, find_time
from drsn.model.errors import BadDataError

PATH = Path("a.csv")
N = 400
X = np.random.default_rng(0).normal(0, 1, N)
STEPS = np.arange(N, dtype=np.float64)


def found(
    time: np.ndarray,
    names: tuple[str, ...] = (),
    units: tuple[str, ...] = (),
    header_hz: float | None = None,
    given_hz: float | None = None,
) -> TimeColumn:
    return find_time(PATH, np.stack([time, X], axis=1), Stated(names, units, header_hz, given_hz), {})


@pytest.mark.parametrize(
    ("name", "unit", "scale"),
    [
        ("time_s", "", 1.0), ("Time (sec)", "", 1.0), ("t [ms]", "", 1e3), ("timestamp_us", "", 1e6),
        ("Zeit [µs]", "", 1e6),
        ("time_ns", "", 1e9), ("elapsed milliseconds", "", 1e3), ("time", "ms", 1e3), ("X_Value", "[s]", 1.0),
    ],
)  # fmt: skip
def test_a_stated_unit_counts_at_any_rate(name: str, unit: str, scale: float):
    for rate_hz in (10.0, 400.0, 25_600.0, 48_828.0):
        time = found(STEPS / rate_hz * scale, (name, "x"), (unit, "g") if unit else ())
        assert (time.columns, time.rate_hz) == ((0,), pytest.approx(rate_hz, rel=1e-6))


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "s"), (1e3, "ms"), (1e6, "µs")])
def test_a_known_rate_decides_the_unit(scale: float, unit: str):
    for known in ({"header_hz": 400.0}, {"given_hz": 401.0}):
        time = found(STEPS / 400 * scale, ("time", "x"), **known)
        assert time.rate_hz == pytest.approx(400)
        assert f"the time in {unit} (by the known rate)" in time.note


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_the_magnitude_of_a_date_decides_the_unit(scale: float):
    assert found((1_767_323_045 + STEPS / 1000) * scale, ("timestamp", "x")).rate_hz == pytest.approx(1000, rel=1e-4)


@pytest.mark.parametrize("rate_hz", [1.0, 10.0, 25.6, 500.0, 999.0, 2e6])
def test_without_evidence_the_user_is_asked(rate_hz: float):
    with pytest.raises(BadDataError, match=r"has no unit: .* Hz if in s, .* Hz if in ms"):
        found(STEPS / rate_hz, ("time", "x"))


def test_a_date_at_a_rate_of_no_vibration_is_no_evidence():
    with pytest.raises(BadDataError, match="has no unit"):
        found(1_767_323_045 + STEPS / 50, ("timestamp", "x"))  # 50 Hz in seconds, or since the start of a clock


def test_a_temperature_is_no_time():
    table = np.stack([X, 20 + X[::-1]], axis=1)
    assert find_time(PATH, table, Stated(("x", "T"), (), None, None), {}) == TimeColumn()


def test_a_rising_column_without_a_name_is_a_time_only_at_a_known_rate():
    assert found(STEPS / 25_600) == TimeColumn()
    assert found(STEPS / 25_600, given_hz=25_600.0).columns == (0,)
    assert found(STEPS / 25_600, given_hz=12_000.0) == TimeColumn()


def test_hours_to_microseconds_with_a_gap_are_refused():
    us = 65_000 + np.arange(N) * 39.0625 + np.where(np.arange(N) > 100, 4000, 0)
    clock = np.stack([np.full(N, 9.0), np.full(N, 39.0), np.full(N, 39.0), us, X, X], axis=1)
    with pytest.raises(BadDataError, match="uneven steps"):
        find_time(PATH, clock, Stated((), (), None, None), {})


def test_a_written_day_and_a_time_of_day_are_one_time():
    table = np.stack([np.full(N, np.nan), np.full(N, np.nan), X], axis=1)
    time = find_time(PATH, table, Stated((), (), None, None), {0: np.zeros(N), 1: STEPS / 2000})
    assert (time.columns, time.rate_hz) == ((0, 1), 2000)
