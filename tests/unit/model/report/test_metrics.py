from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from drsn.model.report.metrics import metrics_of

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.evaluate import Score


def test_the_metrics_say_what_was_measured_on_what(checkpoint: Checkpoint, scores: list[Score]):
    document = metrics_of(checkpoint, scores)
    assert document["labels"] == ["normal", "inner_race", "outer_race"]
    assert document["abstention_threshold"] == checkpoint.contract.abstention_threshold
    assert {"name", "version", "seed", "data_sha256", "temperature", "parameters", "validation_accuracy"} <= {*document}
    assert document["test"] == [asdict(score) for score in scores]
