"""Gain of cleaning an exported graph: nodes and ONNX Runtime's time, against torch's own export of the network.

Times are the least of all rounds, since two graphs that differ by little are compared; ratio: of the cleaned one to the
naive one. Batch norms are folded in the cleaned one. ONNX Runtime drops Identity by itself; TensorRT's parser does not.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from _report import report, timed_us

from drsn.agent.backends.onnx import OnnxBackend
from drsn.export.onnx_from_torch import onnx_from_torch
from drsn.model.contract import Label, ModelContract
from drsn.model.deployed_model import DeployedModel
from drsn.model.network import Family, Network, NetworkConfig, View
from drsn.model.novelty import fit_coefficients

LABELS = 8
BATCHES = (1, 32)
TURNS = 3
"""Rounds in which the graphs are timed in turn, so that other load on the machine affects both."""

CONTRACT = ModelContract(
    labels=tuple(
        Label(name=f"label_{n}", condition=f"condition_{n}" if n else "normal", healthy=not n) for n in range(LABELS)
    ),
    window=2048,
    sample_rate_hz=12_000,
    bandwidth_hz=5_300,
)


def networks() -> dict[str, NetworkConfig]:
    """The default network of each family, its view of the envelope spectrum, and the paper's."""
    made = {
        f"{family.value}, {view.value}": NetworkConfig(family=family, view=view, labels=LABELS)
        for view in View
        for family in Family
    }
    return made | {"drsn_cw, paper": NetworkConfig.paper(Family.DRSN_CW, LABELS)}


def graph_of(config: NetworkConfig) -> DeployedModel:
    """Return a network with random weights: the time of a node does not depend on them."""
    torch.manual_seed(1)
    network = Network(config)
    rng = np.random.default_rng(1)
    embedding = rng.standard_normal((1000, network.classifier.in_features)).astype(np.float32)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):  # or all of them are equal, and the exporter shares them
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return DeployedModel(network, fit_coefficients(embedding, np.arange(1000) % LABELS)).eval()


def measured(name: str, config: NetworkConfig) -> list[list[object]]:
    """The rows of one network."""
    graph = graph_of(config)
    naive, clean = (onnx_from_torch(graph, CONTRACT, clean=cleaned) for cleaned in (False, True))
    nodes = [len(onnx.load_from_string(content).graph.node) for content in (naive, clean)]
    x = np.random.default_rng(1).standard_normal((max(BATCHES), 1, CONTRACT.window)).astype(np.float32)
    rows: list[list[object]] = []
    with OnnxBackend(naive, CONTRACT, max(BATCHES)) as one, OnnxBackend(clean, CONTRACT, max(BATCHES)) as other:
        for batch in BATCHES:
            least_us = [float("inf"), float("inf")]
            for _ in range(TURNS):
                for place, backend in enumerate((one, other)):
                    _, least, _ = timed_us(lambda backend=backend, windows=x[:batch]: backend.infer(windows))
                    least_us[place] = min(least_us[place], least / batch)
            rows.append([name, *nodes, batch, *least_us, least_us[1] / least_us[0]])
    return rows


if __name__ == "__main__":
    report(
        "onnx",
        ["network", "nodes, naive", "nodes", "batch", "us per window, naive", "us per window", "ratio"],
        [row for name, config in networks().items() for row in measured(name, config)],
    )
