"""Writes the report beside the checkpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from drsn.model.errors import StorageError
from drsn.model.report.accuracy import accuracy_figure
from drsn.model.report.calibration import calibration_figure
from drsn.model.report.confusion import confusion_figure
from drsn.model.report.examples import examples_figure, examples_of
from drsn.model.report.metrics import metrics_of
from drsn.model.report.reliability import diagrams_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.corpus import Corpus
    from drsn.model.evaluate import Score
    from drsn.model.recipe import Recipe

DPI = 150


def sets_of(corpus: Corpus) -> dict[str, list[str]]:
    """Set -> names of its recordings, so that a surprising accuracy can be traced to them."""
    sets = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}
    return {name: [recording.name for recording in part] for name, part in sets.items()}


def write(folder: Path, checkpoint: Checkpoint, scores: Sequence[Score], recipe: Recipe, corpus: Corpus) -> list[Path]:
    """Write `metrics.json`, `accuracy.png`, `confusion.png`, `calibration.png` and `examples.png`; return their paths.

    Raises:
        StorageError: the folder can't be written.
        UnavailableError: matplotlib is not installed.
    """
    found = {"sets": sets_of(corpus), "confounders": [one.document() for one in corpus.confounders]}
    document = json.dumps({**metrics_of(checkpoint, scores), **found, "added": list(corpus.added)}, indent=1)
    pictures = {
        "accuracy.png": accuracy_figure(scores),
        "confusion.png": confusion_figure(checkpoint, scores),
        "calibration.png": calibration_figure(diagrams_of(checkpoint, recipe, corpus)),
        "examples.png": examples_figure(examples_of(checkpoint, recipe, corpus.test), recipe.signal),
    }
    try:
        (folder / "metrics.json").write_text(document + "\n", encoding="utf-8")
        for name, figure in pictures.items():
            figure.savefig(folder / name, dpi=DPI)
    except OSError as error:
        raise StorageError(f"report in {folder}: can't write it ({error}); check the folder") from error
    return [folder / name for name in ("metrics.json", *pictures)]
