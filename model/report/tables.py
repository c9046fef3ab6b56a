"""The tables that a training prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.report.comparison import comparison
from drsn.model.report.levels import levels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.data.recording import Recording
    from drsn.model.evaluate import Score


SHOWN = 20
"""Most recordings in the table of a fine-tuning; metrics.json has all of them."""


def summary(checkpoint: Checkpoint, scores: Sequence[Score], recordings: Sequence[Recording]) -> str:
    """All tables as one text; `recordings` is the test set."""
    metrics = checkpoint.training.metrics
    said = f"\n{expectation(metrics['expected'])}" if "expected" in metrics else ""
    blocks = [
        *comparison(metrics),
        f"{checkpoint.name} {checkpoint.version}: test accuracy, %\n{table(scores)}{said}",
        f"share of each label's test windows that is named right, %\n{recall_table(scores, checkpoint, recordings)}",
    ]
    blocks.append(f"under the noise of training, any SNR of it\n{calibration_table(metrics['calibration'])}")
    if "fine_tuning" in metrics:
        blocks.append(fine_tuning_table(metrics["origin"], metrics["fine_tuning"]))
    return "\n\n".join(blocks)


def table(scores: Sequence[Score]) -> str:
    """Test accuracy in per cent: a line for each SNR, a column for each noise."""
    noises = list(dict.fromkeys(score.noise for score in scores if score.noise))
    cell = {(score.noise, score.snr_db): score.accuracy for score in scores}
    lines = [f"{'SNR':>8}  " + "".join(f"{noise:>11}" for noise in noises)]
    lines.append(f"{'clean':>8}  {100 * cell[None, None]:11.1f}")
    lines += [
        f"{snr_db:+5g} dB  " + "".join(f"{100 * cell[noise, snr_db]:11.1f}" for noise in noises)
        for snr_db in dict.fromkeys(score.snr_db for score in scores if score.snr_db is not None)
    ]
    return "\n".join(lines)


def expectation(found: dict[str, Any]) -> str:
    """The accuracy to expect on another recording with its confidence interval, in one line."""
    share = (
        f"expect {100 * found['accuracy']:.0f} % of the windows of another recording, as recorded, to be named right"
    )
    if found["low"] is None:
        return f"{share} at best: parts of the test recordings trained"
    return (
        f"{share}: {100 * found['low']:.0f} to {100 * found['high']:.0f} % "
        f"(95 % interval, {found['independent']} independent test recordings)"
    )


def recall_table(scores: Sequence[Score], checkpoint: Checkpoint, recordings: Sequence[Recording]) -> str:
    """A line for each label: number of test recordings, and recall in per cent at each level; `-` if it has none."""
    names = [label.name for label in checkpoint.contract.labels]
    levels = levels_of(scores)
    width = max(len(name) for name in [*names, "label"])
    lines = [f"  {'label':<{width}}  recordings" + "".join(f"{level.name:>13}" for level in levels)]
    confusions = [np.sum([score.confusion for score in level.scores], axis=0) for level in levels]
    for row, name in enumerate(names):
        count = sum(recording.label == name for recording in recordings)
        cells = [_per_cent(int(confusion[row, row]), int(confusion[row].sum())) for confusion in confusions]
        lines.append(f"  {name:<{width}}  {count:>10}" + "".join(f"{cell:>13}" for cell in cells))
    return "\n".join(lines)


def calibration_table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each set: accuracy, calibration error, likelihood, and the share that is not `unknown`."""
    width = max((len(row["set"]) for row in rows), default=0)
    lines = [f"  {'set':<{width}}   windows  accuracy, %    ECE    NLL  accepted, %"]
    lines += [
        f"  {row['set']:<{width}}  {row['windows']:>8}  {100 * row['accuracy']:>11.1f}  "
        f"{row['calibration_error']:.3f}  {row['nll']:.3f}  {100 * row['accepted']:>11.1f}"
        for row in rows
    ]
    return "\n".join(lines)


def _per_cent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def fine_tuning_table(origin: dict[str, str], comparison: dict[str, Any]) -> str:
    """Accuracy before and after fine-tuning, by level and, if they are few, by recording."""
    title = f"fine-tuned from {origin['name']} {origin['version']} ({origin['sha256'][:12]})"
    if not comparison["cells"]:
        return f"{title}: no test recording has a label of that bundle, so there is nothing to compare"
    labels, recordings = len(comparison["labels"]), len(comparison["recordings"])
    lines = [
        f"{title}: accuracy, %, on the {recordings} test recordings of the {labels} labels that both know",
        f"{'':>20}{'before':>11}{'after':>11}",
    ]
    for cell in comparison["cells"]:
        level = f"{cell['noise']} {cell['snr_db']:g} dB" if cell["noise"] else "clean"
        lines.append(f"{level:>20}{100 * cell['before']:11.1f}{100 * cell['after']:11.1f}")
    lines += [
        f"{'clean':>20}{100 * row['before']:11.1f}{100 * row['after']:11.1f}  {row['name']}"
        for row in (comparison["recordings"] if recordings <= SHOWN else ())
    ]
    return "\n".join(lines)
