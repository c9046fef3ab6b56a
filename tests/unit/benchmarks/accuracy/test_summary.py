from __future__ import annotations

import json

from accuracy.grid_cell import cells_of
from accuracy.run_cell import run_cell
from accuracy.summary import summary, table


def test_a_terminal_sees_a_line_and_a_script_a_summary(plan):
    (cell, *_) = cells_of(plan, select=False)
    measured = run_cell(cell, select=False)
    assert "resnet" in table([measured])
    assert "+10 dB" in table([measured])
    shown = json.loads(json.dumps(summary(measured)))
    assert set(shown["macro_recall"]) == {"-6.0", "10.0", "None"}
    assert "rows" not in shown
