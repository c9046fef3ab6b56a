"""Time of one window in ONNX Runtime on one core, by bundle and batch; ratio: to the same bundle at batch 1."""

from __future__ import annotations

import numpy as np
from _report import report, timed_us

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import SHIPPED, shipped
from drsn.model.bundle import open_bundle

BATCHES = (1, 4, 8, 32, 128)


def measured(name: str) -> list[list[object]]:
    """The rows of one bundle."""
    bundle = open_bundle(shipped(name))
    shape = (max(BATCHES), bundle.contract.input_channels, bundle.contract.window)
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    rows: list[list[object]] = []
    with OnnxBackend(bundle.read("model.onnx"), bundle.contract, max(BATCHES)) as backend:
        for batch in BATCHES:
            median, least, greatest = (us / batch for us in timed_us(lambda windows=x[:batch]: backend.infer(windows)))
            alone = rows[0][2] if rows else median
            rows.append([name, batch, median, least, greatest, median / alone])
    return rows


if __name__ == "__main__":
    report(
        "inference",
        ["bundle", "batch", "us per window", "least", "greatest", "ratio"],
        [row for name in SHIPPED for row in measured(name)],
    )
