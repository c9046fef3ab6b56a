"""A deep ensemble: several networks that are trained independently and whose logits are averaged.

Lakshminarayanan, Pritzel, Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles",
NeurIPS 2017: networks from other initial weights make other errors, and the mean of their outputs has fewer. Each is
trained independently (drsn.model.training.schedule): AdamW hardly depends on a constant factor in the gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from drsn.model.network import Network, NetworkOutput

if TYPE_CHECKING:
    from drsn.model.network import NetworkConfig


class Ensemble(Network):
    """`members` networks with independent initial weights, with the interface of `Network`.

    Logits are the mean of the members', so that probabilities are their normalised geometric mean. Embeddings and
    threshold factors are concatenated, because the features of two networks are unrelated.
    """

    def __init__(self, config: NetworkConfig) -> None:
        nn.Module.__init__(self)
        one = config.model_copy(update={"members": 1})
        self.members = nn.ModuleList(Network(one) for _ in range(config.members))

    @property
    def member_networks(self) -> tuple[Network, ...]:
        """The member networks, which are trained independently."""
        return tuple(self.members)  # type: ignore[arg-type]  # a ModuleList does not carry the type of its items

    def forward(self, x: Tensor) -> NetworkOutput:
        """Classify float32[batch, channels, window].

        Raises:
            BadDataError: one window in training mode.
        """
        logits, embeddings, alphas = zip(*(member(x) for member in self.members), strict=True)
        alpha = None if alphas[0] is None else torch.cat(alphas, dim=1)
        return NetworkOutput(torch.stack(logits).mean(dim=0), torch.cat(embeddings, dim=1), alpha)


def network_of(config: NetworkConfig) -> Network:
    """Build the network or ensemble of `config`, with fresh weights from torch's generator."""
    return Network(config) if config.members == 1 else Ensemble(config)
