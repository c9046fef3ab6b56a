"""The learned thresholds over the SNR: factor alpha and threshold tau = alpha · mean|x| of each unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from accuracy.grid_plan import MeasurementSpec
from accuracy.measure import measure
from drsn.model.network import Shrinkage
from drsn.model.noise import Noise

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from accuracy.measure import Classifier
    from drsn.model.data.recording import Recording
    from drsn.model.network import Network
    from drsn.model.recipe import Recipe


class _ThresholdProbe:
    """Records alpha and tau of the shrinkage units of a network by forward hooks."""

    def __init__(self, network: Network) -> None:
        self._units = [module for module in network.modules() if isinstance(module, Shrinkage)]
        self._seen: list[list[tuple[float, float]]] = [[] for _ in self._units]
        self._hooks = [unit.register_forward_hook(self._note) for unit in self._units]

    def read(self) -> list[dict[str, float]]:
        """Mean alpha and tau of each unit since the last call, over windows and channels."""
        means = [torch.tensor(seen, dtype=torch.float64).mean(dim=0).tolist() for seen in self._seen]
        self._seen = [[] for _ in self._units]
        return [{"alpha": round(alpha, 4), "tau": round(tau, 4)} for alpha, tau in means]

    def remove(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def _note(self, unit: Shrinkage, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        mean, alpha = inputs[0].abs().mean(dim=-1), output[1]
        tau = alpha * (mean.mean(dim=-1, keepdim=True) if unit.shared else mean)
        self._seen[self._units.index(unit)].append((float(alpha.mean()), float(tau.mean())))


def thresholds(
    network: Network, classifier: Classifier, recordings: Sequence[Recording], recipe: Recipe, snr_db: Sequence[float]
) -> list[dict[str, Any]]:
    """One row without added noise and one for each SNR of Gaussian noise, one draw: `snr_db`, `alpha`, `tau` by unit.

    Empty for a network without shrinkage. `classifier` must run `network`.
    """
    probe, seen = _ThresholdProbe(network), []

    def probed(windows: NDArray[np.float32]) -> NDArray[np.int64]:
        names = classifier(windows)
        seen.append(probe.read())
        return names

    try:
        measure(probed, recordings, recipe, MeasurementSpec(noises=(Noise.GAUSSIAN,), snr_db=tuple(snr_db), draws=1))
    finally:
        probe.remove()
    rows = [{"snr_db": level, "units": units} for level, units in zip((None, *snr_db), seen, strict=True)]
    return rows if seen[0] else []
