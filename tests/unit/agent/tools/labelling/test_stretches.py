"""Which recordings a record of evidence holds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsn.agent.tools.labelling.stretches import stretches

if TYPE_CHECKING:
    from drsn.agent.evidence.record import Record


def altered(record: Record, **by_row: dict[int, object]) -> Record:
    """The record with fields of its windows replaced: `fault={2: "flat"}`."""
    notes = [
        note.model_copy(update={name: rows[row] for name, rows in by_row.items() if row in rows})
        for row, note in enumerate(record.header.windows)
    ]
    return replace(record, header=record.header.model_copy(update={"windows": tuple(notes)}))


def test_windows_that_touch_are_one_recording(record: Record):
    (only,) = stretches(record)
    channels, n = record.samples.shape[1:]
    assert (only.samples.shape, only.samples.dtype) == ((channels, 4 * n), np.float32)
    assert (only.sample_rate_hz, only.unit, only.rpm, only.windows) == (record.header.sample_rate_hz, "g", 1750.0, 4)
    assert np.array_equal(only.samples, np.concatenate(list(record.samples), axis=1))


def test_overlapping_windows_give_each_sample_once(record: Record):
    n = record.samples.shape[2]
    times = [note.t_end_unix_ns for note in record.header.windows]
    half = round(n / 2 / record.header.sample_rate_hz * 1e9)
    overlapping = altered(
        record,
        advance=dict.fromkeys(range(4), n // 2),
        t_end_unix_ns={row: times[0] + row * half for row in range(4)},
    )
    (only,) = stretches(overlapping)
    assert only.samples.shape[1] == n + 3 * (n // 2)


@pytest.mark.parametrize("gap", [{"fresh": {2: True}}, {"fault": {2: "flat"}}, {"suppressed_by": {2: "gate"}}])
def test_a_gap_makes_two_recordings_and_no_jump(record: Record, gap: dict[str, dict[int, object]]):
    assert [each.windows for each in stretches(altered(record, **gap))] == [2, 2 if "fresh" in gap else 1]


def test_times_that_do_not_fit_make_recordings_of_their_own(record: Record):
    late = {row: note.t_end_unix_ns + row * 10_000_000 for row, note in enumerate(record.header.windows)}
    assert [each.windows for each in stretches(altered(record, t_end_unix_ns=late))] == [1, 1, 1, 1]


def test_a_record_without_the_running_machine_has_no_recording(record: Record):
    assert stretches(altered(record, fault=dict.fromkeys(range(4), "flat"))) == []


def test_an_unknown_speed_is_not_a_number(record: Record):
    assert math.isnan(stretches(altered(record, rpm=dict.fromkeys(range(4))))[0].rpm)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # nothing changes the record
@given(faulty=st.sets(st.integers(0, 3)), fresh=st.sets(st.integers(0, 3)))
def test_no_window_is_lost_or_doubled(record: Record, faulty: set[int], fresh: set[int]):
    found = stretches(altered(record, fault=dict.fromkeys(faulty, "flat"), fresh=dict.fromkeys(fresh, True)))
    assert sum(each.windows for each in found) == 4 - len(faulty)
    n = record.samples.shape[2]
    assert [each.samples.shape[1] for each in found] == [each.windows * n for each in found]
