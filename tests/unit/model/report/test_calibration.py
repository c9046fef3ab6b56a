from __future__ import annotations

import numpy as np
import pytest

from drsn.model.report.calibration import calibration_figure
from drsn.model.report.reliability import Diagram


@pytest.fixture
def diagram() -> Diagram:
    """Five windows of 72 % and forty of 95 %."""
    count = np.zeros(10, np.int64)
    confidence, accuracy = np.full(10, np.nan), np.full(10, np.nan)
    count[[7, 9]], confidence[[7, 9]], accuracy[[7, 9]] = (5, 40), (0.72, 0.95), (0.4, 0.95)
    return Diagram("test set, 0 dB", 0.036, count, confidence, accuracy)


def test_each_diagram_stands_over_its_counts_and_names_its_error(diagram: Diagram):
    figure = calibration_figure([[diagram, diagram], [diagram]])
    assert len(figure.axes) == 6
    above, below = figure.axes[:2]
    assert above.get_title() == "test set, 0 dB: ECE 3.6 %"
    assert [bar.get_height() for bar in above.patches] == pytest.approx([40, 95])
    assert [bar.get_height() for bar in below.patches] == [5, 40]
    assert [text.get_text() for text in below.texts] == ["5", "40"]


def test_bins_of_few_windows_look_it(diagram: Diagram):
    above = calibration_figure([[diagram]]).axes[0]
    points = {line.get_label(): line for line in above.lines}
    assert points["20 windows or more"].get_xdata().tolist() == [95]
    assert points["fewer"].get_xdata().tolist() == [72]
    assert points["fewer"].get_markerfacecolor() == "white"
