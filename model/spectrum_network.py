"""The linear model on the log spectrum, with the interface of `Network`.

All that follows a training, from calibration to a bundle, is therefore the same as for a network.

Logistic regression on standardised features is one matrix. The features of a window are first projected on the
directions in which training windows vary most (principal components), scaled to variance 1: they are the embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from drsn.model.network import Network, NetworkOutput
from drsn.model.spectrum import SpectrumFeatures

if TYPE_CHECKING:
    from drsn.model.network import NetworkConfig

COMPONENTS = 96
"""Most principal components."""


class SpectrumNetwork(Network):
    """Log spectrum, in the order domain with the envelope's lines, to logits by two matrices; no shrinkage."""

    def __init__(self, config: NetworkConfig) -> None:
        nn.Module.__init__(self)
        self.order_domain = config.domain == "order"
        self.envelope = None
        self.features = SpectrumFeatures(config)
        self.projection = nn.Linear(self.features.count, min(COMPONENTS, self.features.count))
        self.classifier = nn.Linear(self.projection.out_features, config.labels)

    def forward(self, x: Tensor, revolutions: Tensor | None = None) -> NetworkOutput:
        """Classify normalised float32[batch, channels, window]; `revolutions` as in `Network`."""
        embedding = self.projection(self.features(x, revolutions))
        return NetworkOutput(self.classifier(embedding), embedding, None)
