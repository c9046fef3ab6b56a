from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.model.report.accuracy import accuracy_figure

if TYPE_CHECKING:
    from drsn.model.evaluate import Score


def test_accuracy_is_drawn_a_line_for_each_noise(scores: list[Score]):
    axes = accuracy_figure(scores).axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines["pink"] == pytest.approx([98.7, 12.5, 0])
    assert lines["as recorded"] == [100, 100]
    assert axes.get_xticks().tolist() == [-6, -3, 3]
