"""Several networks that learn side by side and answer as one.

Lakshminarayanan, Pritzel, Blundell, "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles",
NeurIPS 2017: the same network from other initial weights errs elsewhere, and the mean of their answers errs less. Each
learns by itself (see drsn.model.training.schedule): AdamW does not mind that each gets a part of the mean's gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from drsn.model.network import Network, NetworkOutput

if TYPE_CHECKING:
    from drsn.model.network import NetworkConfig


class Ensemble(Network):
    """A `Network` in what it takes and gives: `members` networks, each with initial weights of its own.

    Logits are the mean of the members', so that probabilities are the geometric mean of theirs, brought to a sum of 1.
    Embeddings and factors stand one member's after the other's, for features of two networks have nothing in common.
    """

    def __init__(self, config: NetworkConfig) -> None:
        nn.Module.__init__(self)
        one = config.model_copy(update={"members": 1})
        self.members = nn.ModuleList(Network(one) for _ in range(config.members))

    @property
    def member_networks(self) -> tuple[Network, ...]:
        """The members."""
        return tuple(self.members)  # type: ignore[arg-type]  # a ModuleList forgets of what

    def forward(self, x: Tensor) -> NetworkOutput:
        """Diagnose float32[batch, channels, window].

        Raises:
            BadDataError: one window in training mode.
        """
        logits, embeddings, alphas = zip(*(member(x) for member in self.members), strict=True)
        alpha = None if alphas[0] is None else torch.cat(alphas, dim=1)
        return NetworkOutput(torch.stack(logits).mean(dim=0), torch.cat(embeddings, dim=1), alpha)


def network_of(config: NetworkConfig) -> Network:
    """What `config` asks for, with fresh weights from torch's generator."""
    return Network(config) if config.members == 1 else Ensemble(config)
