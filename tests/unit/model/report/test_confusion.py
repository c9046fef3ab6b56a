from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.model.report.confusion import confusion_figure

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.evaluate import Score


def test_confusion_is_drawn_clean_and_at_the_level_nearest_to_0_db(checkpoint: Checkpoint, scores: list[Score]):
    clean, noisy = confusion_figure(checkpoint, scores).axes
    titles = [axes.get_title().partition(";")[0] for axes in (clean, noisy)]
    assert titles == ["as recorded", "3 dB, all noises"]
    shares = noisy.images[0].get_array()
    assert shares[0].tolist() == pytest.approx([96.85, 3.15, 0])  # 950 and 987 of 2 x 1000
    assert shares[2].tolist() == [0, 0, 0]  # a label that does not occur
