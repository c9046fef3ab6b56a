from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from drsn.agent.evidence.snapshot import WindowSnapshot
from drsn.agent.tools.web.json_text import json_text
from drsn.agent.tools.web.picture import picture, starts_s


def test_a_record_is_drawn_with_the_lines_of_its_bearing(record):
    found = picture(record)
    assert (found["sensor"], found["event_id"], found["unit"]) == ("press4", record.event.event_id, "g")
    assert found["t0"] < record.event.since
    assert len(found["windows"]) == len(record.header.windows)
    assert set(found["windows"][0]["probabilities"]) == {label.name for label in record.header.contract.labels}
    assert len(found["waveform"]["t"]) <= 2000 + len(found["windows"])
    assert found["spectrum"]["f_hz"][-1] <= found["sample_rate_hz"] / 2
    marks = {(mark["name"], mark["harmonic"]): mark["f_hz"] for mark in found["marks"]}
    assert marks["BPFO", 2] == pytest.approx(2 * 104.6, abs=0.2)
    assert {name for name, _ in marks} == {"shaft", "BPFO", "BPFI", "BSF", "FTF"}
    assert max(hz for (_, number), hz in marks.items() if number == 3) <= found["envelope"]["f_hz"][-1]
    json_text(found)


def test_without_a_speed_nothing_is_marked(record):
    notes = tuple(note.model_copy(update={"rpm": None}) for note in record.header.windows)
    still = dataclasses.replace(record, header=record.header.model_copy(update={"windows": notes}))
    assert picture(still)["marks"] == []


def test_the_time_of_windows_never_falls(record):
    notes = list(record.header.windows)
    notes[1] = notes[1].model_copy(update={"t_end_unix_ns": 5})
    odd = dataclasses.replace(record, header=record.header.model_copy(update={"windows": tuple(notes)}))
    assert starts_s(odd) == sorted(starts_s(odd))
    picture(odd)


def test_factors_of_an_unknown_network_are_one_block(record):
    windows = len(record.header.windows)
    seven = dataclasses.replace(
        record, arrays=dataclasses.replace(record.arrays, alpha=np.full((windows, 7), 0.5, "f4"))
    )
    assert picture(seven)["thresholds"] == [{"block": 0, "alpha_mean": 0.5, "alpha_max": 0.5}]
    none = dataclasses.replace(record, arrays=dataclasses.replace(record.arrays, alpha=np.zeros((windows, 0), "f4")))
    assert picture(none)["thresholds"] is None


def test_a_snapshot_has_no_event_and_the_configured_speed(record):
    fields = ("sensor", "unit", "sample_rate_hz", "contract", "bearing")
    from drsn.agent.schema.evidence import SnapshotDocument, SnapshotWindow, WindowFacts

    facts = {name: getattr(record.header.windows[-1], name) for name in WindowFacts.model_fields}
    numbers = {"counts": "", "scale": (1.0,), "offset": (0.0,), "probabilities": (), "novelty": None, "alpha": None}
    window = SnapshotWindow(**{**facts, "rpm": None}, **numbers)
    document = SnapshotDocument(
        **{name: getattr(record.header, name) for name in fields}, rpm=1750.0, windows=(window,)
    )
    arrays = type(record.arrays)(**{name: array[-1:] for name, array in record.arrays.named().items()})
    found = picture(WindowSnapshot(document, arrays))
    assert (found["event_id"], found["rpm"], len(found["windows"])) == (None, 1750.0, 1)
    assert found["marks"]
