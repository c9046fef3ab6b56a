"""Time of one window in ONNX Runtime on one core at batch 32, by network of the accuracy grid; ratio: to the ResNet.

Untrained weights: the time does not depend on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import torch
from _report import report, timed_us

from accuracy.grid_cell import cells_of
from accuracy.grid_plan import read_plan
from accuracy.run_cell import BUILDERS
from drsn.export.onnx_from_torch import onnx_from_torch
from drsn.model.deployed_model import DeployedModel
from drsn.model.evaluate import features
from drsn.model.novelty import fit_coefficients

if TYPE_CHECKING:
    from accuracy.grid_cell import GridCell

PLAN = Path(__file__).parents[1] / "configs" / "benchmark" / "grid.toml"
PROTOCOL = "cwru-0-to-3"
BASELINE = "resnet"
BATCH = 32
EMBEDDED = 512
"""Windows of noise instead of training windows: they give the novelty score its dimensions."""


def session_of(cell: GridCell, windows: np.ndarray) -> onnxruntime.InferenceSession:
    """The whole exported graph of the cell's network, on one core."""
    torch.manual_seed(1)
    network = BUILDERS[cell.kind](cell.recipe.network_config()).eval()
    _, embedding = features(network, windows)[:2]
    known = fit_coefficients(embedding, np.arange(len(windows)) % len(cell.recipe.labels))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = onnx_from_torch(DeployedModel(network, known).eval(), cell.recipe.contract(None))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Measure every network of the grid on `PROTOCOL`."""
    cells = {
        c.contestant: c
        for c in cells_of(read_plan(PLAN), select=False)
        if c.protocol == PROTOCOL and c.kind in BUILDERS
    }
    windows = np.random.default_rng(1).standard_normal((EMBEDDED, 1, 2048)).astype(np.float32)
    times = {}
    for name, cell in cells.items():
        session = session_of(cell, windows)
        times[name] = [us / BATCH for us in timed_us(lambda run=session.run: run(None, {"x": windows[:BATCH]}))]
    rows: list[list[object]] = [[name, *us, us[0] / times[BASELINE][0]] for name, us in times.items()]
    report("contestants", ["contestant", "us per window", "least", "greatest", "ratio"], rows)


if __name__ == "__main__":
    main()
