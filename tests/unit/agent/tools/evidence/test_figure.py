from __future__ import annotations

import sys

import numpy as np
import pytest
from witness import BEARING

from drsn.agent.evidence.window_history import Arrays
from drsn.agent.tools.evidence.figure import figure, lines_hz
from drsn.model.errors import UnavailableError


def shown(record, **options: object) -> dict[str, str]:
    """Label of each panel -> all its text."""
    pytest.importorskip("matplotlib")
    drawing = figure(record, **options)
    return {
        axes.get_label(): " ".join(
            [axes.get_title("left"), axes.get_xlabel(), axes.get_ylabel(), *(t.get_text() for t in axes.texts)]
            + [t.get_text() for t in (axes.get_legend().get_texts() if axes.get_legend() else [])]
        )
        for axes in drawing.axes
    }


def test_a_picture_shows_the_signal_the_lines_and_the_decision(record):
    said = shown(record)
    assert "amplitude, g" in said["wave"]
    for name in ("shaft 29.2 Hz", "BPFO 104.6 Hz", "BPFI 157.9 Hz", "BSF", "FTF"):
        assert name in said["spectrum"]
    assert "3/4" in said["probability"]
    assert "above: unknown" in said["novelty"]


def test_without_a_speed_there_are_no_lines_unless_somebody_knows_it(record):
    notes = tuple(note.model_copy(update={"rpm": None}) for note in record.header.windows)
    header = record.header.model_copy(update={"windows": notes, "bearing": None, "unit": None})
    slow = type(record)(header, record.event, record.arrays)
    assert "speed unknown" in shown(slow)["spectrum"]
    assert "BPFO" in shown(slow, bearing=BEARING, rpm=1750.0)["spectrum"]


def test_several_channels_and_the_sequential_rule_are_shown(record):
    arrays = record.arrays.named()
    two = {name: np.repeat(arrays[name], 2, axis=1) for name in ("counts", "scale", "offset")}
    notes = tuple(note.model_copy(update={"evidence": 3.5}) for note in record.header.windows)
    contract = record.header.contract.model_copy(update={"channels": 2})
    header = record.header.model_copy(update={"windows": notes, "contract": contract})
    event = record.event.model_copy(update={"evidence": 22.4})
    said = shown(type(record)(header, event, Arrays(**{**arrays, **two})))
    assert "channel 1" in said["wave"]
    assert "3.5 nats" in said["probability"]


def test_lines_follow_the_speed():
    assert lines_hz(None, None) == {}
    assert lines_hz(None, 600.0) == {"shaft": 10.0}
    assert lines_hz(BEARING, 600.0)["BPFI"] == pytest.approx(54.15, abs=0.01)


def test_no_matplotlib_says_what_to_install(record, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UnavailableError, match=r"drsn-edge\[plots\]"):
        figure(record)
