"""The envelope spectrum of each band of a learned filter bank, inside the graph.

A defect strikes at a rate that geometry and speed decide, and each strike rings whatever it meets. Envelope analysis
(Randall and Antoni, "Rolling element bearing diagnostics - A tutorial", Mechanical Systems and Signal Processing 25(2),
2011, section 5) looks for that rate: band-pass, amplitude, spectrum. A network over time must see several strikes at
once to know it; over the envelope spectrum it needs one neighbourhood of bins, whatever rings.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from drsn.model.network import NetworkConfig

HIGHEST = 0.44
"""Initial centre frequency of the last band, in cycles per sample: 5.3 kHz at 12 kHz."""

TINY_POWER = 1e-8
"""Added to power (windows have RMS 1), so that the derivative of a square root stays finite in a silent band."""


def gabor(bands: int, kernel: int) -> Tensor:
    """Initial Gabor filters: cosines of all bands, then sines; float32[2 * bands, 1, kernel], of unit energy."""
    time = torch.arange(kernel) - (kernel - 1) / 2
    shape = torch.hann_window(kernel, periodic=False)
    angle = 2 * math.pi * HIGHEST * (torch.arange(bands) + 0.5).unsqueeze(1) / bands * time
    filters = torch.cat([angle.cos(), angle.sin()]) * shape / shape.square().sum().sqrt()
    return filters.unsqueeze(1)


class EnvelopeSpectrum(nn.Module):
    """The spectrum of each band's amplitude relative to its mean, and that mean, from a filter bank's output.

    The discrete Fourier transform is a product with a constant matrix, which every runtime has; it holds no parameters.
    Bin k is k + 1 periods in a window: 5.86 Hz apart for 2,048 samples at 12 kHz.
    """

    basis: Tensor

    def __init__(self, frames: int, bins: int) -> None:
        super().__init__()
        window = torch.hann_window(frames, periodic=False, dtype=torch.float64)
        turns = torch.outer(torch.arange(frames, dtype=torch.float64), torch.arange(1, bins + 1)) / frames
        angle = 2 * math.pi * turns
        basis = torch.cat([angle.cos(), angle.sin()], dim=1) * (window / window.square().sum().sqrt()).unsqueeze(1)
        self.register_buffer("basis", basis.float(), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float32[batch, 2 * bands, frames] to a spectrum [batch, bands, bins] and levels [batch, bands]."""
        amplitude = modulus(x, dim=1)  # [B, bands, frames]
        level = amplitude.mean(dim=-1, keepdim=True)
        return modulus(((amplitude - level) / level) @ self.basis, dim=-1), level.squeeze(-1)


class OrderLines(nn.Module):
    """An envelope's spectrum over frequency to lines at multiples of `step` orders.

    A line is the mean of the bins around it, weighed by a triangle that reaches to the next lines, or to the next bins
    where these are further. Lines above the last bin are zero.
    """

    bin: Tensor
    order: Tensor

    def __init__(self, bins: int, lines: int, step: float) -> None:
        super().__init__()
        self.step = step
        self.register_buffer("bin", torch.arange(1.0, bins + 1).reshape(1, -1, 1), persistent=False)
        self.register_buffer("order", step * torch.arange(1.0, lines + 1).reshape(1, 1, -1), persistent=False)

    def forward(self, spectrum: Tensor, revolutions: Tensor) -> Tensor:
        """float32[batch, bands, bins], bin k being k + 1 periods a window, and revolutions float32[batch, 1, 1].

        Returns:
            float32[batch, bands, lines].
        """
        width = (self.step * revolutions).clamp_min(1.0)
        weight = (1 - (self.bin - self.order * revolutions).abs() / width).clamp_min(0.0) / width
        return spectrum @ weight  # [B, bands, bins] @ [B, bins, lines]


class BandDropout(nn.Module):
    """Hides whole bands of a window in training, so that no diagnosis depends on a single band.

    After SpecAugment (Park et al., Interspeech 2019): a hidden band's spectrum is zero and its level the batch's
    geometric mean. Another load, speed or mounting moves single bands; what was learned from all of them holds.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """float32[batch, bands, bins] and [batch, bands] to the same; outside of training nothing changes."""
        if not self.training or self.share == 0:
            return x, levels
        shown = torch.rand_like(levels) >= self.share
        usual = levels.log().mean(dim=0, keepdim=True).exp()
        return x * shown.unsqueeze(-1), torch.where(shown, levels, usual)


class SpectrumHead(nn.Module):
    """The last layers over the envelope spectrum: features of the spectrum, and features of the bands' levels.

    Nothing is pooled, because the frequency of a line identifies the defect. The levels enter as logarithms.
    """

    def __init__(self, config: NetworkConfig, channels: int, bins: int) -> None:
        super().__init__()
        bands, hidden = config.stem.channels // 2, config.hidden
        self.tail = nn.Sequential(nn.BatchNorm1d(channels), nn.ReLU(), nn.Flatten(), *_dense(channels * bins, hidden))
        self.levels = nn.Sequential(nn.BatchNorm1d(bands), *_dense(bands, hidden))

    def forward(self, x: Tensor, levels: Tensor) -> Tensor:
        """float32[batch, C, bins] and float32[batch, bands] to float32[batch, 2 * hidden]."""
        return torch.cat([self.tail(x), self.levels(levels.log())], dim=1)


def _dense(in_features: int, out_features: int) -> tuple[nn.Module, ...]:
    return nn.Linear(in_features, out_features), nn.BatchNorm1d(out_features), nn.ReLU()


def modulus(x: Tensor, dim: int) -> Tensor:
    """Modulus of complex numbers: the real parts are the first half of axis `dim`, the imaginary parts the second."""
    real, imaginary = x.chunk(2, dim=dim)
    return (real.square() + imaginary.square() + TINY_POWER).sqrt()
