"""What the sensors say: windows of two simulated machines of which the shipped model is sure."""

from __future__ import annotations

from functools import cache

import numpy as np

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import shipped
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.model.bundle import open_bundle
from drsn.model.conditioning import Conditioner

WINDOW = 2048
RATE_HZ = 12_000.0
WINDOW_NS = round(WINDOW * 1e9 / RATE_HZ)
SCALE = 1 / 4096
FAULT = "ball"
SURE, MARGIN = 0.99, 1.0
"""A window is used if its probability is above, and its novelty so far below the threshold: none may be judged
otherwise because a batch is summed in another order."""


@cache
def windows() -> dict[bool, tuple[bytes, ...]]:
    """Of a machine with a fault (True) and of a healthy one: little-endian int16 counts of one window each."""
    bundle = open_bundle(shipped("synthetic"))
    contract = bundle.contract
    assert (contract.window, contract.sample_rate_hz) == (WINDOW, RATE_HZ)
    condition = Conditioner(contract.window, contract.sample_rate_hz, contract.bandwidth_hz, RATE_HZ)
    backend = OnnxBackend(bundle.read("model.onnx"), contract, 1)
    found: dict[bool, tuple[bytes, ...]] = {}
    for faulty, machine in ((True, 3), (False, 0)):
        samples = record(DEMO_MACHINES[machine], 20.0, machine).samples
        counts = np.rint(samples / SCALE).astype("<i2")
        kept = []
        for start in range(0, samples.shape[1] - WINDOW + 1, WINDOW):
            x = np.empty((1, 1, WINDOW), np.float32)
            native = counts[:, start : start + WINDOW]
            condition(native.astype(np.float32) * np.float32(SCALE), x[0])
            said = backend.infer(x)
            label = contract.labels[int(said.probabilities[0].argmax())]
            sure = said.probabilities.max() > SURE and said.novelty[0] < contract.abstention_threshold - MARGIN
            if sure and label.condition == (FAULT if faulty else "normal"):
                kept.append(native.tobytes())
        assert len(kept) >= 16, f"the model is sure of {len(kept)} windows only"
        found[faulty] = tuple(kept)
    backend.close()
    return found
