"""What is fitted after the weights, on validation windows only: temperature and abstention threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOG_TEMPERATURES = torch.linspace(-2.0, 2.0, 401)  # 0.14 to 7.4 in steps of 1 %


def fit_temperature(logits: torch.Tensor, label: torch.Tensor) -> float:
    """The temperature of the least cross-entropy (Guo et al., ICML 2017), by exhaustive search."""
    losses = [float(functional.cross_entropy(logits / t.exp(), label)) for t in LOG_TEMPERATURES]
    return float(LOG_TEMPERATURES[int(np.argmin(losses))].exp())


def fit_threshold(novelty: NDArray[np.float32], acceptance: float) -> float:
    """The novelty that the share `acceptance` of windows stays below."""
    return float(np.quantile(novelty, acceptance))
