"""The deployed model with its network in float16 and everything around the network in float32.

Raw samples overflow float16 (65,504) and squares of small ones vanish, so normalisation, softmax and novelty keep
float32; so does the envelope, which squares, divides by a level and multiplies by a Fourier matrix.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from torch import Tensor, nn

from drsn.model.ensemble import Ensemble
from drsn.model.network import Network, NetworkOutput

if TYPE_CHECKING:
    from drsn.model.deployed_model import DeployedModel


class _SingleEnvelope(nn.Module):
    """Computes the envelope in float32 between float16 layers."""

    def __init__(self, envelope: nn.Module) -> None:
        super().__init__()
        self.envelope = envelope.float()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float16[batch, 2 * bands, frames] to float16 spectrum and levels."""
        spectrum, levels = self.envelope(x.float())
        return spectrum.half(), levels.half()


class _HalfNetwork(nn.Module):
    """A float16 network with float32 inputs and outputs."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network.half()
        if network.envelope is not None:
            self.network.envelope = _SingleEnvelope(network.envelope)  # type: ignore[assignment]

    def forward(self, x: Tensor, revolutions: Tensor | None) -> NetworkOutput:
        """Classify normalised float32[batch, channels, window]."""
        logits, embedding, alpha = self.network(x.half(), revolutions)
        return NetworkOutput(logits.float(), embedding.float(), None if alpha is None else alpha.float())


def halved(graph: DeployedModel) -> DeployedModel:
    """Return a copy of the graph whose network computes in float16; inputs and outputs stay float32."""
    graph = copy.deepcopy(graph)
    if isinstance(graph.network, Ensemble):  # the mean of its members' answers is one of the ends
        graph.network.members = nn.ModuleList(_HalfNetwork(member) for member in graph.network.member_networks)
    else:
        graph.network = _HalfNetwork(graph.network)  # type: ignore[assignment]
    return graph.eval()
