"""What ends a unit: nothing, SENet's gate, or the soft threshold of Zhao et al. (see drsn.model.network).

Each takes float32[batch, C, W] and returns it shrunk, with the threshold factors where it has any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from drsn.model.architecture import Family

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx, NestedIOFunction


def soft_threshold(x: Tensor, tau: Tensor) -> Tensor:
    """sign(x) · max(|x| - τ, 0) for τ >= 0 (II-D), without Sign: four plain operations in every runtime."""
    return x - torch.minimum(torch.maximum(x, -tau), tau)


class _SoftThreshold(torch.autograd.Function):
    """`soft_threshold` for training: its derivative needs only the sign of the result, and takes half the time."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, tau: Tensor) -> Tensor:
        y = soft_threshold(x, tau)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: NestedIOFunction, gradient: Tensor) -> tuple[Tensor, Tensor]:
        (y,) = ctx.saved_tensors
        sign = y.sign()
        signed = gradient * sign
        return signed * sign, -signed.sum(dim=-1, keepdim=True)


class Passage(nn.Module):
    """The residual of a ResNet: as it is."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return x and no threshold factor."""
        return x, None


class Excitation(nn.Module):
    """SENet's gate without reduction: channels times sigmoid(FC(ReLU(FC(mean)))); Hu et al., CVPR 2018."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Scale float32[batch, C, W]."""
        scale: Tensor = self.gate(x.mean(dim=-1))  # [B, C]
        return x * scale.unsqueeze(-1), None


class Shrinkage(nn.Module):
    """Soft thresholding with a learned threshold τ = alpha · mean|x|, 0 < alpha < 1 (III-B, III-C).

    alpha comes from the means of |x| over time, through FC-BN-ReLU-FC-sigmoid. Channel-wise: C factors for
    the C means. Channel-shared: one factor for the mean over channels and time. τ never exceeds mean|x|.
    """

    def __init__(self, channels: int, *, shared: bool) -> None:
        super().__init__()
        self.shared = shared
        self.factors = nn.Sequential(
            nn.Linear(channels, channels),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Linear(channels, 1 if shared else channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Shrink float32[batch, C, W]; the factors are float32[batch, C], or [batch, 1] when shared."""
        mean = x.abs().mean(dim=-1)  # [B, C]
        alpha: Tensor = self.factors(mean)  # [B, C] or [B, 1]
        if self.shared:
            mean = mean.mean(dim=-1, keepdim=True)  # [B, 1]
        shrink = _SoftThreshold.apply if self.training else soft_threshold
        return shrink(x, (alpha * mean).unsqueeze(-1)), alpha


def residual_end(family: Family, channels: int) -> nn.Module:
    """What `family` puts after a unit's second convolution of so many channels."""
    if family in (Family.DRSN_CS, Family.DRSN_CW):
        return Shrinkage(channels, shared=family is Family.DRSN_CS)
    return Excitation(channels) if family is Family.SENET else Passage()
