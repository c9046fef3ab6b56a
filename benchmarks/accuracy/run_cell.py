"""Run one cell: train the contestant on its protocol, measure it, and record the cost."""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from accuracy.measure import measure
from accuracy.spectrum_baselines import fit_spectrum
from accuracy.thresholds import thresholds
from accuracy.wdcnn import Wdcnn
from drsn.model.ensemble import network_of
from drsn.model.evaluate import features
from drsn.model.sources import corpus_of
from drsn.model.training.loop import fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accuracy.grid_cell import GridCell
    from accuracy.measure import Classifier
    from drsn.model.network import Network
    from drsn.model.recipe import Recipe

BUILDERS = {"network": network_of, "wdcnn": Wdcnn}


def _no_progress(_step: int, _loss: float) -> None:
    """Ignore progress: the grid has one progress bar, over cells."""


def run_cell(cell: GridCell, *, select: bool) -> dict[str, Any]:
    """Train and measure: on the validation set with `select`, else on the test set."""
    corpus = corpus_of(cell.recipe)
    started_s = time.monotonic()
    recordings = corpus.validation if select else corpus.test
    network, extra = None, {}
    if cell.kind in BUILDERS:
        network = fit(cell.recipe, corpus.train, _no_progress, threads=cell.threads, build=BUILDERS[cell.kind])
        classifier = classifier_of(network)
    else:
        classifier = fit_spectrum(cell.kind, cell.recipe, corpus.train)
    fit_s = time.monotonic() - started_s
    rows = measure(classifier, recordings, cell.recipe, cell.asked)
    if network is not None:
        extra = {
            "parameters": sum(p.numel() for p in network.parameters()),
            "macs": macs(network, cell.recipe),
            "thresholds": thresholds(network, classifier, recordings, cell.recipe, cell.asked.snr_db),
        }
    return {
        "rung": cell.protocol,
        "contestant": cell.contestant,
        "seed": cell.seed,
        "set": "validation" if select else "test",
        "recipe_sha256": cell.recipe_sha256,
        "data_sha256": corpus.sha256,
        "asked": cell.asked.model_dump(mode="json"),
        "fit_s": round(fit_s, 1),
        "measure_s": round(time.monotonic() - started_s - fit_s, 1),
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        **extra,
        "labels": list(cell.recipe.label_names),
        "rows": rows,
    }


def classifier_of(network: Network) -> Classifier:
    """A function from windows float32[n, channels, window] to predicted label indices int64[n]."""

    def name(windows: NDArray[np.float32]) -> NDArray[np.int64]:
        names: NDArray[np.int64] = features(network, windows)[0].argmax(axis=1)
        return names

    return name


def macs(network: Network, recipe: Recipe) -> int:
    """Multiply-accumulates of one window, in convolutions and linear layers; fixed identity shortcuts count none."""
    total = 0

    def count(module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv1d):
            total += output.shape[1] * output.shape[2] * module.in_channels * module.kernel_size[0]
        elif isinstance(module, nn.Linear):
            total += module.in_features * module.out_features

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, (nn.Conv1d, nn.Linear))]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, recipe.signal.channels, recipe.signal.window))
    for hook in hooks:
        hook.remove()
    return total
