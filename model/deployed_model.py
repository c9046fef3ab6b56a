"""The deployed graph: normalisation, then the network, then probabilities and novelty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from drsn.model.network import Shrinkage
from drsn.model.novelty import Novelty, NoveltyCoefficients

if TYPE_CHECKING:
    from drsn.model.network import Network


NO_SPEED = 1e6
"""Novelty of a window without a speed in the order domain. Less than a thousandth of a revolution counts as none."""


def normalise(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    """Scale each channel of float32[batch, channels, window] to mean 0 and RMS 1; a constant one becomes zeros.

    The first sample is subtracted before the mean, so that a flat window is exactly zero whatever its offset.
    The peak is divided out before anything is squared: windows of variance 7e-8 exist (HIT-SM), and half
    precision would lose their squares. `epsilon` bounds the divisors from below, never added to them, so any
    gain that keeps the peak above it gives the same result.
    """
    x = x - x[..., :1]
    x = x - x.mean(dim=-1, keepdim=True)
    x = x / x.abs().amax(dim=-1, keepdim=True).clamp_min(epsilon)
    return x / x.square().mean(dim=-1, keepdim=True).sqrt().clamp_min(epsilon)


def model_input(network: Network, x: Tensor, epsilon: float = 1e-12) -> tuple[Tensor, Tensor | None]:
    """The arguments of `network` for float32[batch, channels, window]: normalised channels, and revolutions.

    In the order domain the last channel is the shaft's angle (drsn.model.shaft_angle). It is not normalised; its last
    value is the number of revolutions in the window, float32[batch, 1, 1]. In the time domain there is none.
    """
    if not network.order_domain:
        return normalise(x, epsilon), None
    return normalise(x[:, :-1], epsilon), x[:, -1:, -1:]


class DeployedModel(nn.Module):
    """The deployed graph: a conditioned window in, a diagnosis out; it contains normalisation and softmax.

    `logits` are the network's outputs; `probabilities` = softmax(logits / T) with T fitted on validation data.
    `novelty` is the relative Mahalanobis distance of `embedding` (drsn.model.novelty): higher is less like the training
    data. In an engine of lower precision normalisation, softmax and novelty must stay FP32.
    """

    temperature: Tensor

    def __init__(
        self, network: Network, known: NoveltyCoefficients, temperature: float = 1.0, epsilon: float = 1e-12
    ) -> None:
        super().__init__()
        self.network = network
        self.novelty = Novelty(known)
        self.epsilon = epsilon
        self.register_buffer("temperature", torch.tensor(float(temperature)), persistent=False)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs of `forward`, in order; `alpha` only for families with shrinkage."""
        names = ("logits", "probabilities", "novelty", "embedding")
        shrinks = any(isinstance(module, Shrinkage) for module in self.network.modules())
        return (*names, "alpha") if shrinks else names

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Diagnose float32[batch, input channels, window], scaled in any unit; all outputs are float32.

        Returns:
            logits[batch, labels], probabilities[batch, labels], novelty[batch], embedding[batch, features]
            and, with shrinkage, alpha[batch, factors].
        """
        inputs, revolutions = model_input(self.network, x, self.epsilon)
        logits, embedding, alpha = self.network(inputs, revolutions)
        novelty = self.novelty(embedding)
        if revolutions is not None:
            novelty = novelty + NO_SPEED * (1 - 1e3 * revolutions.sum(dim=(1, 2))).clamp_min(0)
        outputs = (logits, (logits / self.temperature).softmax(dim=-1), novelty, embedding)
        return outputs if alpha is None else (*outputs, alpha)
