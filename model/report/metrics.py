"""Builds the document of `metrics.json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.evaluate import Score


def metrics_of(checkpoint: Checkpoint, scores: Sequence[Score]) -> dict[str, Any]:
    """The JSON document: identity, training, and every score with its confusion matrix."""
    return {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "seed": checkpoint.training.seed,
        "data_sha256": checkpoint.training.data_sha256,
        "labels": [label.name for label in checkpoint.contract.labels],
        "temperature": checkpoint.temperature,
        "abstention_threshold": checkpoint.contract.abstention_threshold,
        **checkpoint.training.metrics,
        "test": [asdict(score) for score in scores],
    }
