"""A deep ensemble: several networks that are trained independently and whose logits are averaged.

Lakshminarayanan, Pritzel, Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles",
NeurIPS 2017: networks from other initial weights make other errors, and the mean of their outputs has fewer. Each is
trained independently (drsn.model.training.schedule): AdamW hardly depends on a constant factor in the gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from drsn.model.network import Network, NetworkOutput, Spectrum
from drsn.model.spectrum_network import SpectrumNetwork

if TYPE_CHECKING:
    from drsn.model.network import NetworkConfig


class Ensemble(Network):
    """`members` networks with independent initial weights, with the interface of `Network`.

    Logits are the mean of the members', so that probabilities are their normalised geometric mean. Embeddings and
    threshold factors are concatenated, because the features of two networks are unrelated.
    """

    def __init__(self, config: NetworkConfig) -> None:
        nn.Module.__init__(self)
        one = config.model_copy(update={"members": 1, "spectrum": Spectrum.NONE})
        members = [Network(one) for _ in range(config.members)]
        if config.spectrum is Spectrum.BESIDE:
            members.append(SpectrumNetwork(config))
        self.members = nn.ModuleList(members)
        self.order_domain = config.domain == "order"

    @property
    def member_networks(self) -> tuple[Network, ...]:
        """The member networks, which are trained independently."""
        return tuple(self.members)  # type: ignore[arg-type]  # a ModuleList does not carry the type of its items

    def forward(self, x: Tensor, revolutions: Tensor | None = None) -> NetworkOutput:
        """Classify float32[batch, channels, window], in the order domain with float32[batch, 1, 1] revolutions.

        Raises:
            BadDataError: one window in training mode.
        """
        logits, embeddings, alphas = zip(*(member(x, revolutions) for member in self.members), strict=True)
        shrinking = [alpha for alpha in alphas if alpha is not None]
        alpha = torch.cat(shrinking, dim=1) if shrinking else None
        return NetworkOutput(torch.stack(logits).mean(dim=0), torch.cat(embeddings, dim=1), alpha)


def network_of(config: NetworkConfig) -> Network:
    """Build the network or ensemble of `config`, with fresh weights from torch's generator."""
    if config.spectrum is Spectrum.ALONE:
        return SpectrumNetwork(config)
    return Network(config) if config.members == 1 and config.spectrum is Spectrum.NONE else Ensemble(config)
