"""The largest allowance: whatever is commissioned, noise and hum stay unknown."""

from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.backends.backend import Outputs
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import shipped
from drsn.agent.decision.largest_allowance import WINDOWS, largest_allowance
from drsn.model.bundle import open_bundle


class Scorer:
    """Gives the novelties that a function of the windows gives."""

    name = "scorer"

    def __init__(self, novelty) -> None:
        self._novelty, self.seen = novelty, 0

    def infer(self, x: np.ndarray) -> Outputs:
        self.seen += len(x)
        return Outputs(np.zeros((len(x), 4), np.float32), self._novelty(x).astype(np.float32), None)


def kurtosis(x: np.ndarray) -> np.ndarray:
    centred = x[:, 0] - x[:, 0].mean(axis=1, keepdims=True)
    return (centred**4).mean(axis=1) / np.square((centred**2).mean(axis=1))


def test_the_most_usual_of_noise_and_hum_sets_it(contract):
    backend = Scorer(lambda x: np.full(len(x), 7.0))
    assert largest_allowance(contract, backend, 100) == 7.0
    assert backend.seen == 3 * WINDOWS
    # Hum has a kurtosis of about 2, noise of 3: the least of the three kinds decides.
    assert 0.5 < largest_allowance(contract, Scorer(kurtosis), WINDOWS) < 2.5


def test_where_noise_is_accepted_nothing_is_allowed_and_what_is_no_number_is_refused(contract):
    assert largest_allowance(contract, Scorer(lambda x: np.full(len(x), -1.0)), WINDOWS) == 0.0
    assert largest_allowance(contract, Scorer(lambda x: np.full(len(x), np.nan)), WINDOWS) > 1e30


def test_the_shipped_network_of_real_bearings_bears_some():
    bundle = open_bundle(shipped("cwru"))
    with OnnxBackend(bundle.read("model.onnx"), bundle.contract, 64) as backend:
        most = largest_allowance(bundle.contract, backend, 64)
        assert most == largest_allowance(bundle.contract, backend, 64)
    assert most == pytest.approx(8.8, abs=3)
