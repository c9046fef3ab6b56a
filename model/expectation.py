"""What a test accuracy lets one expect of recordings to come: as sure as there are independent recordings, not windows.

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
class Expected:
    """Share of windows named right as recorded, 0 to 1, and the 95 % interval from so many independent recordings.

    `low` and `high` are None where parts of test recordings train: then no interval is honest.
    """

    accuracy: float
    low: float | None
    high: float | None
    independent: int


def expected(scores: Sequence[Score], corpus: Corpus) -> Expected:
    """Of the test set as recorded; `scores` has one without noise, as `drsn.model.evaluate` gives it."""
    accuracy = next(score.accuracy for score in scores if score.snr_db is None)
    count = independent(corpus.test)
    low, high = (None, None) if cut(corpus) else interval(accuracy, count)
    return Expected(accuracy, low, high, count)


def interval(share: float, trials: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share of so many independent trials."""
    z2 = Z_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return middle - half, middle + half


def half_width(trials: int) -> float:
    """Half of that interval at its widest, of a share of 0.5."""
    low, high = interval(0.5, trials)
    return (high - low) / 2


def independent(recordings: Sequence[Recording]) -> int:
    """Recordings, or groups of them, of each label."""
    return len({(recording.label, recording.group or recording.name) for recording in recordings})


def cut(corpus: Corpus) -> int:
    """How many test recordings have parts that train."""
    return len({recording.name for recording in corpus.train} & {recording.name for recording in corpus.test})
