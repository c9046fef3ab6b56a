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
from drsn.model.spectrum_network import SpectrumNetwork

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


class _SingleLines(nn.Module):
    """Computes the lines in orders in float32 between float16 layers: a bin's number times a speed needs its digits."""

    def __init__(self, lines: nn.Module) -> None:
        super().__init__()
        self.lines = lines.float()

    def forward(self, spectrum: Tensor, revolutions: Tensor) -> Tensor:
        """float16[batch, bands, bins] and float32[batch, 1, 1] to float16[batch, bands, lines]."""
        lines: Tensor = self.lines(spectrum.float(), revolutions).half()
        return lines


class _HalfNetwork(nn.Module):
    """A float16 network with float32 inputs and outputs."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.order_domain = network.order_domain
        self.network = network.half()
        if network.envelope is not None:
            self.network.envelope = _SingleEnvelope(network.envelope)  # type: ignore[assignment]
        if network.lines is not None:
            self.network.lines = _SingleLines(network.lines)  # type: ignore[assignment]

    def forward(self, x: Tensor, revolutions: Tensor | None) -> NetworkOutput:
        """Classify normalised float32[batch, channels, window]."""
        logits, embedding, alpha = self.network(x.half(), revolutions)
        return NetworkOutput(logits.float(), embedding.float(), None if alpha is None else alpha.float())


def _half(network: Network) -> nn.Module:
    """A linear model stays float32: its spectrum's powers overflow float16."""
    return network if isinstance(network, SpectrumNetwork) else _HalfNetwork(network)


def halved(graph: DeployedModel) -> DeployedModel:
    """Return a copy of the graph whose network computes in float16; inputs and outputs stay float32."""
    graph = copy.deepcopy(graph)
    if isinstance(graph.network, Ensemble):  # the mean of its members' answers is one of the ends
        graph.network.members = nn.ModuleList(map(_half, graph.network.member_networks))
    else:
        graph.network = _half(graph.network)  # type: ignore[assignment]
    return graph.eval()
