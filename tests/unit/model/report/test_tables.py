from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from drsn.model.report.tables import calibration_table, expectation, fine_tuning_table, recall_table, summary, table

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.corpus import Corpus
    from drsn.model.evaluate import Score

ORIGIN = {"name": "cwru", "version": "1", "sha256": 64 * "a"}


@pytest.fixture
def comparison() -> dict[str, Any]:
    return {
        "labels": ("normal", "ball"),
        "recordings": [{"name": name, "before": 0.5, "after": 0.75} for name in ("a.wav", "b.wav", "c.wav")],
        "cells": [
            {"noise": None, "snr_db": None, "windows": 10, "before": 0.5, "after": 0.925},
            {"noise": "pink", "snr_db": 0.0, "windows": 10, "before": 0.25, "after": 0.75},
        ],
    }


def cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_table_has_a_line_for_each_level_and_a_column_for_each_noise(scores: list[Score]):
    assert cells(table(scores)) == [
        ["SNR", "gaussian", "pink"],
        ["clean", "100.0"],
        ["+3", "dB", "95.0", "98.7"],
        ["-3", "dB", "50.0", "12.5"],
        ["-6", "dB", "25.0", "0.0"],
    ]


def test_without_noise_it_has_one_line(scores: list[Score]):
    assert table(scores[:1]).split() == ["SNR", "clean", "100.0"]


def test_recall_is_given_for_each_label_with_the_recordings_it_rests_on(
    scores: list[Score], checkpoint: Checkpoint, corpus: Corpus
):
    assert cells(recall_table(scores, checkpoint, corpus.test[:4])) == [
        ["label", "recordings", "as", "recorded", "3", "dB"],
        ["normal", "2", "100.0", "96.8"],  # 950 and 987 of 2 x 1000
        ["inner_race", "1", "100.0", "100.0"],
        ["outer_race", "1", "-", "-"],
    ]


def test_how_far_probabilities_can_be_believed_is_told_set_by_set():
    row = {"set": "validation, held out", "windows": 500, "accuracy": 0.95, "nll": 0.25, "accepted": 0.875}
    head, line = calibration_table([{**row, "calibration_error": 0.0123}]).splitlines()
    assert head.split() == ["set", "windows", "accuracy,", "%", "ECE", "NLL", "accepted,", "%"]
    assert line.split() == ["validation,", "held", "out", "500", "95.0", "0.012", "0.250", "87.5"]
    assert len(head) == len(line)


def test_fine_tuning_is_told_before_and_after_on_the_same_recordings(comparison: dict[str, Any]):
    title, *rows = fine_tuning_table(ORIGIN, comparison).splitlines()
    assert title.startswith("fine-tuned from cwru 1 (aaaaaaaaaaaa)")
    assert "3 test recordings of the 2 labels" in title
    assert cells("\n".join(rows)) == [
        ["before", "after"],
        ["clean", "50.0", "92.5"],
        ["pink", "0", "dB", "25.0", "75.0"],
        *(["clean", "50.0", "75.0", name] for name in ("a.wav", "b.wav", "c.wav")),
    ]


def test_without_a_common_label_it_says_that_nothing_can_be_compared():
    assert "nothing to compare" in fine_tuning_table(ORIGIN, {"labels": (), "recordings": (), "cells": ()})


def test_the_summary_tells_of_fine_tuning_only_where_there_was_one(
    scores: list[Score], checkpoint: Checkpoint, corpus: Corpus, comparison: dict[str, Any]
):
    plain = summary(checkpoint, scores, corpus.test)
    assert table(scores) in plain
    assert recall_table(scores, checkpoint, corpus.test) in plain
    assert calibration_table(checkpoint.training.metrics["calibration"]) in plain
    assert "fine-tuned" not in plain
    metrics = {**checkpoint.training.metrics, "origin": ORIGIN, "fine_tuning": comparison}
    tuned = replace(checkpoint, training=checkpoint.training.model_copy(update={"metrics": metrics}))
    assert fine_tuning_table(ORIGIN, comparison) in summary(tuned, scores, corpus.test)


def test_what_to_expect_of_another_recording_is_told_with_its_interval():
    found = {"accuracy": 0.885, "low": 0.4, "high": 0.99, "independent": 3}
    assert "expect 88 % " in expectation(found)
    assert "40 to 99 % (95 % interval, 3 independent test recordings)" in expectation(found)
    assert "at best: parts of the test recordings trained" in expectation({**found, "low": None, "high": None})
