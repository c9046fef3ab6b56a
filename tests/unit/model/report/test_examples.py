from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.model.report.examples import examples_figure, examples_of

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.corpus import Corpus
    from drsn.model.recipe import Recipe


def test_there_is_one_test_window_of_each_label_with_what_the_model_says(
    checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus
):
    examples = examples_of(checkpoint, recipe, corpus.test)
    assert [example.recording.name for example in examples] == [
        f"test-machine-0-{label}" for label in ("normal", "inner_race", "outer_race")
    ]
    for example in examples:
        assert example.window.shape == (512,)
        assert example.named in recipe.label_names
        assert 1 / 3 <= example.probability <= 1


def test_a_label_without_test_recordings_has_none(checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus):
    test = [recording for recording in corpus.test if recording.label != "inner_race"]
    labels = [example.recording.label for example in examples_of(checkpoint, recipe, test)]
    assert labels == ["normal", "outer_race"]


def test_each_row_is_a_waveform_and_its_envelope_spectrum(checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus):
    examples = examples_of(checkpoint, recipe, corpus.test)
    figure = examples_figure(examples, recipe.signal)
    assert len(figure.axes) == 2 * len(examples)
    left, right = figure.axes[:2]
    assert left.get_title(loc="left") == "normal: recording test-machine-0-normal"
    assert left.lines[0].get_xdata()[-1] == pytest.approx(1000 * 511 / 12_000)
    assert right.lines[-1].get_xdata().max() <= 500


def test_the_shaft_is_drawn_where_its_speed_is_known(checkpoint: Checkpoint, recipe: Recipe, corpus: Corpus):
    known, *_ = examples_of(checkpoint, recipe, corpus.test)
    unknown = replace(known, recording=replace(known.recording, rpm=None))
    with_lines, without = examples_figure([known, unknown], recipe.signal).axes[1::2]
    assert known.recording.rpm is not None
    at_hz = [line.get_xdata()[0] for line in with_lines.lines[:-1]]
    assert at_hz == pytest.approx([harmonic * known.recording.rpm / 60 for harmonic in range(1, 6)])
    assert len(without.lines) == 1
