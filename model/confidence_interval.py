"""The confidence interval of a test accuracy. It depends on the number of independent recordings, not of windows.

Windows of one recording are alike, so each recording, or group of recordings that belong together, counts as one trial
(Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.model.corpus import Corpus
    from drsn.model.data.recording import Recording
    from drsn.model.evaluate import Score

Z_95 = 1.96


@dataclass(frozen=True)
class ExpectedAccuracy:
    """Accuracy on new recordings without added noise, 0 to 1, with its 95 % interval `low` to `high`.

    `independent` is the number of independent test recordings. The interval is None where parts of test recordings
    also train, because no interval would be honest then.
    """

    accuracy: float
    low: float | None
    high: float | None
    independent: int


def expected_accuracy(scores: Sequence[Score], corpus: Corpus) -> ExpectedAccuracy:
    """Estimate from the test score without added noise, which `drsn.model.evaluate` always computes."""
    accuracy = next(score.accuracy for score in scores if score.snr_db is None)
    count = independent(corpus.test)
    low, high = (None, None) if cut(corpus) else interval(accuracy, count)
    return ExpectedAccuracy(accuracy, low, high, count)


def interval(share: float, trials: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a proportion, from the number of independent trials."""
    z2 = Z_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return middle - half, middle + half


def half_width(trials: int) -> float:
    """Half the width of the 95 % Wilson interval at its widest, for a proportion of 0.5."""
    low, high = interval(0.5, trials)
    return (high - low) / 2


def independent(recordings: Sequence[Recording]) -> int:
    """Count independent recordings: each group counts once for each of its labels."""
    return len({(recording.label, recording.group or recording.name) for recording in recordings})


def cut(corpus: Corpus) -> int:
    """Count the test recordings that also have parts in the training set."""
    return len({recording.name for recording in corpus.train} & {recording.name for recording in corpus.test})
