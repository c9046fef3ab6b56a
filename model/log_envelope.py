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
    """The power spectrum of a windowed series as two products with small constant matrices (Cooley and Tukey, 1965).

    With frames = rows x columns, the first product transforms along the rows, the second along the columns with the
    twiddle factors in its matrices. For 512 frames that takes a fifth of the operations of one large matrix, and every
    runtime has it; few have an FFT.
    """

    rows_matrix: Tensor
    columns_matrices: Tensor

    def __init__(self, frames: int, bands: int) -> None:
        super().__init__()
        self.bands = bands
        if frames % 2:
            raise ValueError(f"{frames} frames are odd")
        columns = max(each for each in range(1, math.isqrt(frames) + 1) if frames % each == 0 and each % 2 == 0)
        self.frames, self.rows, self.columns = frames, frames // columns, columns
        one_turn = 2 * math.pi * torch.arange(frames, dtype=torch.float64) / frames
        k1, n1 = torch.arange(self.rows), torch.arange(self.rows)
        angle = one_turn[torch.outer(n1, k1) * columns % frames]  # [n1, k1]
        self.register_buffer("rows_matrix", torch.cat([angle.cos(), -angle.sin()], dim=1).float(), persistent=False)
        n2, k2 = torch.arange(columns), torch.arange(columns // 2)
        turn = one_turn[n2[None, :, None] * (k1[:, None, None] + self.rows * k2) % frames]  # [k1, n2, k2]
        real, imaginary = turn.cos(), -turn.sin()
        matrices = torch.cat([torch.cat([real, imaginary], dim=2), torch.cat([-imaginary, real], dim=2)], dim=1)
        self.register_buffer("columns_matrices", matrices.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """float32[batch, bands, frames] to power [batch, bands, frames / 2]: the bins from 0 on, without the last."""
        grid = x.reshape(-1, self.rows, self.columns).transpose(1, 2)  # [B * bands, n2, n1]
        part = (grid @ self.rows_matrix).reshape(-1, self.columns, 2, self.rows)  # [B * bands, n2, 2, k1]
        part = part.permute(3, 0, 2, 1).reshape(self.rows, -1, 2 * self.columns)  # [k1, B * bands, 2 * n2]
        real, imaginary = (part @ self.columns_matrices).chunk(2, dim=-1)  # [k1, B * bands, k2] each
        power = real.square() + imaginary.square()
        return power.permute(1, 2, 0).reshape(-1, self.bands, self.frames // 2)


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
        self.register_buffer("pooling", log_bins(frames // 2, bins).float(), persistent=False)

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
