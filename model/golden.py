"""Golden windows: export uses them to prove that another runtime gives the same outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.model.evaluate import ModelOutputs

SPREAD = 64
CLOSEST = 32
NOVEL = 32


def golden_windows(samples: NDArray[np.float32], outputs: ModelOutputs) -> NDArray[np.float32]:
    """Choose from float32[n, channels, window]: float32[m, channels, window], m at most 128.

    Some spread over all, those of the smallest margin between the two best labels, where a rounding error shows
    first, and the most novel, which abstain.
    """
    ranked = np.sort(outputs.logits, axis=1)
    margin = ranked[:, -1] - ranked[:, -2]
    spread = np.linspace(0, len(samples) - 1, SPREAD).astype(np.intp)
    chosen = np.concatenate([spread, np.argsort(margin)[:CLOSEST], np.argsort(outputs.novelty)[-NOVEL:]])
    golden: NDArray[np.float32] = samples[np.unique(chosen)]
    return golden
