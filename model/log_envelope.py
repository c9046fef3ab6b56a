"""The envelope spectrum of each band over the logarithm of frequency, inside the graph.

On a logarithmic axis the harmonics of a rhythm keep their distances at every speed, as the partials of a tone do in a
constant-Q transform (Brown, Journal of the Acoustical Society of America 89(1), 1991). So a network that was trained on
some bearings and speeds has the same pattern before it on others.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from drsn.model.envelope import modulus

TINY_SHARE = 1e-4
"""Added to the power of a relative amplitude, before its logarithm: a hundredth of what white noise has in each bin."""


class FourierTransform(nn.Module):
    """The power spectrum of a real series as two products with small constant matrices (Cooley and Tukey, 1965).

    With frames = rows x columns, the first product transforms along the columns of the grid; the twiddle factors turn
    its result; the second product transforms along the rows. For 512 frames that takes a fifth of the operations of one
    large matrix, and every runtime has it; few have an FFT. No axis is moved: that took longer than the products.
    """

    first: Tensor
    cos: Tensor
    sin: Tensor
    second: Tensor

    def __init__(self, frames: int, bands: int) -> None:
        super().__init__()
        self.bands = bands  # a shape that is no constant needs operators that not every runtime has
        if frames % 2:
            raise ValueError(f"{frames} frames are odd")
        columns = max(each for each in range(1, math.isqrt(frames) + 1) if frames % each == 0 and each % 2 == 0)
        self.rows, self.columns = frames // columns, columns
        angle = -2 * math.pi * torch.arange(frames, dtype=torch.float64) / frames
        k1, n2, k2 = torch.arange(self.rows), torch.arange(columns), torch.arange(columns // 2)
        one = angle[torch.outer(k1, k1) * columns % frames]  # [k1, n1]
        two = angle[torch.outer(n2, k2) * self.rows % frames]  # [n2, k2]
        turn = angle[torch.outer(k1, n2) % frames]  # [k1, n2]
        self._keep("first", torch.cat([one.cos(), one.sin()]))  # [2 * k1, n1]
        self._keep("cos", turn.cos())  # [k1, n2]
        self._keep("sin", turn.sin())
        real, imaginary = torch.cat([two.cos(), two.sin()], 1), torch.cat([-two.sin(), two.cos()], 1)
        self._keep("second", torch.cat([real, imaginary]))  # [2 * n2, 2 * k2]

    def _keep(self, name: str, values: Tensor) -> None:
        self.register_buffer(name, values.float(), persistent=False)

    @property
    def line(self) -> Tensor:
        """int64[frames / 2]: line of the spectrum, in periods a series, of each value of the result."""
        k1, k2 = torch.arange(self.rows), torch.arange(self.columns // 2)
        return (k1.unsqueeze(1) + self.rows * k2).flatten()

    def forward(self, x: Tensor) -> Tensor:
        """float32[batch, bands, frames] to power [batch, bands, frames / 2], in the order of `line`."""
        grid = x.reshape(-1, self.bands, self.rows, self.columns)  # [B, bands, n1, n2]
        real, imaginary = (self.first @ grid).chunk(2, dim=-2)  # [B, bands, k1, n2] each
        turned = torch.cat([real * self.cos - imaginary * self.sin, real * self.sin + imaginary * self.cos], dim=-1)
        real, imaginary = (turned @ self.second).chunk(2, dim=-1)  # [B, bands, k1, k2] each
        return (real.square() + imaginary.square()).reshape(-1, self.bands, self.rows * self.columns // 2)


class LogEnvelopeSpectrum(nn.Module):
    """The envelope spectrum of each band over the logarithm of frequency, and the depth of the band's modulation.

    The harmonics of a rhythm lie at the same distances on a logarithmic axis, whatever its frequency. So one kernel
    finds them for each bearing and each speed, down to where the bins are as wide as the resolution of a window.
    The mean of each logarithmic spectrum is removed: a flat one is 0, however strong. The level of a band does not
    count at all, because it differs from machine to machine.
    """

    pooling: Tensor
    window: Tensor

    def __init__(self, frames: int, bins: int, bands: int) -> None:
        super().__init__()
        self.transform = FourierTransform(frames, bands)
        window = torch.hann_window(frames, periodic=False, dtype=torch.float64)
        self.register_buffer("window", (window / window.square().sum().sqrt()).float(), persistent=False)
        self.register_buffer("pooling", log_bins(frames // 2, bins)[self.transform.line].float(), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """float32[batch, 2 * bands, frames] to a log spectrum [batch, bands, bins] and depths [batch, bands]."""
        amplitude = modulus(x, dim=1)  # [B, bands, frames]
        level = amplitude.mean(dim=-1, keepdim=True)
        relative = (amplitude - level) / level
        power = (self.transform(relative * self.window) @ self.pooling + TINY_SHARE).log()
        return power - power.mean(dim=-1, keepdim=True), relative.square().mean(dim=-1) + TINY_SHARE


def log_bins(lines: int, bins: int) -> Tensor:
    """Triangular weights that pool the lines of a spectrum into bins of equal ratio: float64[lines, bins].

    The first bin lies at line 1, one period a window; no bin is narrower than one line.
    """
    line = torch.arange(lines, dtype=torch.float64)
    ratio = lines ** (1 / bins)
    centre = ratio ** torch.arange(bins, dtype=torch.float64)
    width = (centre * (ratio - 1)).clamp_min(1.0)
    weights = (1 - (line.unsqueeze(1) - centre).abs() / width).clamp_min(0.0)
    pooled: Tensor = weights / weights.sum(dim=0, keepdim=True)
    return pooled
