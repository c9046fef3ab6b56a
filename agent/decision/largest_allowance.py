"""The largest allowance of novelty that a baseline may give: noise and hum must stay unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.model.conditioning import Conditioner
from drsn.model.foreign_signals import STRANGERS
from drsn.model.shaft_angle import shaft_angle

if TYPE_CHECKING:
    from drsn.agent.backends.backend import Backend
    from drsn.model.contract import ModelContract

NOISES: Final = ("gaussian noise", "pink noise", "hum")
"""The signals of a sensor that has come off its machine; they stay unknown whatever is commissioned."""

WINDOWS: Final = 256
"""Windows of each signal; 0.4 s once, for the network of `cwru` on one core of a PC."""

RPM: Final = 1500.0
"""Speed of the shaft that noise and hum get in the order domain; they have none of their own."""

REFUSED: Final = 0.99
"""Share of them that is refused at the largest allowance; of a thousand others it was 98 % at least
(benchmarks/commission.py)."""


def largest_allowance(contract: ModelContract, backend: Backend, max_batch: int) -> float:
    """The largest allowance of novelty at which noise and hum are still refused; 0 at least.

    Args:
        contract: of the model; it has an abstention threshold.
        backend: runs the model.
        max_batch: windows that it takes at once.
    """
    assert contract.abstention_threshold is not None
    rng, rate_hz = np.random.default_rng(0), contract.sample_rate_hz
    condition = Conditioner(contract.window, rate_hz, contract.bandwidth_hz, rate_hz)
    x = np.empty((WINDOWS, contract.input_channels, contract.window), np.float32)
    if contract.domain == "order":
        x[:, -1] = shaft_angle([RPM], contract.window, rate_hz)
    least = np.inf
    for kind in NOISES:
        for row in x:
            native = [STRANGERS[kind](contract.window, rate_hz, rng) for _ in range(contract.channels)]
            condition(np.stack(native), row[: contract.channels])
        scores = [backend.infer(x[at : at + max_batch]).novelty.copy() for at in range(0, WINDOWS, max_batch)]
        # A NaN is refused whatever is allowed.
        novelty = np.nan_to_num(np.concatenate(scores), nan=np.inf)
        least = min(least, float(np.quantile(novelty, 1 - REFUSED, method="lower")))
    return max(0.0, least - contract.abstention_threshold)
