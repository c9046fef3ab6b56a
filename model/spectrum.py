"""Features of fixed weights, inside the graph: the log spectrum, and the envelope's lines in orders of the shaft.

They feed the classifiers beside each training (drsn.model.training.simple_models) and the network that carries one of
them (drsn.model.spectrum_network). Nothing here is learned.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from drsn.model.envelope import EnvelopeSpectrum, OrderLines, gabor

if TYPE_CHECKING:
    from drsn.model.network import NetworkConfig

BANDS = 128
"""Equal bands of the log spectrum, from 0 Hz to half the sample rate."""

ENVELOPE_BANDS, KERNEL, STRIDE = 12, 48, 16
"""Filter bank of the envelope: 12 Gabor bands of 48 samples, every 16 samples. At 12.8 kHz a band is 470 Hz wide, which
a resonance fills, and its envelope reaches to 400 Hz."""

LEVEL_FLOOR, LINE_FLOOR = 1e-6, 1e-3
"""Added before the logarithms: parts of the mean power, and of the mean amplitude."""


class LogSpectrum(nn.Module):
    """Log power in equal bands, relative to the mean over the bands.

    The discrete Fourier transform of a window of n1 * n2 samples is two small ones with a twist between them (Bailey,
    "FFTs in external or hierarchical memory", Journal of Supercomputing 4, 1990): 0.5 million multiplications for 2,048
    samples where one matrix takes 4 million, and only matrix products, which every runtime has.
    """

    first: Tensor
    twist: Tensor
    second: Tensor
    bands: Tensor

    def __init__(self, window: int, bands: int = BANDS) -> None:
        super().__init__()
        rows = next(n for n in range(math.isqrt(window), 0, -1) if window % n == 0)
        columns = window // rows
        self.shape, self.bins, kept = (rows, columns), window // 2, columns // 2 + 1
        first, second = _fourier(rows, rows), _fourier(columns, kept)
        twist = torch.outer(torch.arange(rows, dtype=torch.float64), torch.arange(columns, dtype=torch.float64))
        angle = -2 * math.pi * twist / window
        # [re | im] @ [[re, im], [-im, re]] is one complex product
        second = torch.cat([torch.cat([second.real, second.imag], 1), torch.cat([-second.imag, second.real], 1)], 0)
        buffers = {
            "first": torch.cat([first.real, first.imag]),
            "twist": torch.stack([angle.cos(), angle.sin()]),
            "second": second,
            "bands": _band_means(window // 2, min(bands, window // 2)),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """float32[batch, channels, window], normalised, to float32[batch * channels, bands]."""
        rows, columns = self.shape
        real, imaginary = (self.first @ x.reshape(-1, rows, columns)).chunk(2, dim=1)
        cosine, sine = self.twist[0], self.twist[1]
        twisted = torch.cat([real * cosine - imaginary * sine, real * sine + imaginary * cosine], dim=2)
        real, imaginary = (twisted @ self.second).chunk(2, dim=2)  # [B * C, rows, columns / 2 + 1]
        power = (real.square() + imaginary.square()).transpose(1, 2).flatten(1)
        bands = power[:, 1 : 1 + self.bins] @ self.bands
        relative = bands / bands.mean(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
        levels: Tensor = (relative + LEVEL_FLOOR).log()
        return levels


class SpectrumFeatures(nn.Module):
    """The log spectrum of each channel and, in the order domain, the log lines of the envelope of each band.

    `count` is the number of features; the first `levels` of them are the log spectrum.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.spectrum = LogSpectrum(config.window)
        self.window = config.window
        self.bank: nn.Conv1d | None = None
        self.levels = self.count = config.channels * self.spectrum.bands.shape[1]
        if config.domain == "order":
            self.bank = nn.Conv1d(1, 2 * ENVELOPE_BANDS, KERNEL, STRIDE, bias=False).requires_grad_(False)
            self.bank.weight.data = gabor(ENVELOPE_BANDS, KERNEL)
            frames = (config.window - KERNEL) // STRIDE + 1
            self.shape = (config.channels * ENVELOPE_BANDS, frames // 2)
            self.envelope = EnvelopeSpectrum(frames, frames // 2)
            self.lines = OrderLines(frames // 2, config.order_lines, config.order_step)
            self.count += self.shape[0] * config.order_lines

    def forward(self, x: Tensor, revolutions: Tensor | None) -> Tensor:
        """Normalised float32[batch, channels, window] to float32[batch, count]."""
        levels: Tensor = self.spectrum(x).reshape(-1, self.levels)
        if self.bank is None or revolutions is None:
            return levels
        spectrum, _ = self.envelope(self.bank(x.reshape(-1, 1, self.window)))  # [B * C, bands, bins]
        lines = self.lines(spectrum.reshape(-1, *self.shape), revolutions)
        logarithms = (lines + LINE_FLOOR).log().reshape(-1, self.count - self.levels)
        return torch.cat([levels, logarithms], dim=1)


def _fourier(rows: int, columns: int) -> Tensor:
    """complex128[rows, columns] of the discrete Fourier transform over `rows` points."""
    turns = torch.outer(torch.arange(rows, dtype=torch.float64), torch.arange(columns, dtype=torch.float64)) / rows
    return torch.polar(torch.ones_like(turns), -2 * math.pi * turns)


def _band_means(bins: int, bands: int) -> Tensor:
    """float64[bins, bands]: the means of `bands` parts of `bins`, as even as can be."""
    matrix = torch.zeros(bins, bands, dtype=torch.float64)
    for band, part in enumerate(torch.tensor_split(torch.arange(bins), bands)):
        matrix[part, band] = 1 / len(part)
    return matrix
