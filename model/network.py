"""The Deep Residual Shrinkage Network and its four relatives, as one skeleton.

Zhao, Zhong, Fu, Tang, Pecht, "Deep Residual Shrinkage Networks for Fault Diagnosis", IEEE Transactions on
Industrial Informatics 16(7), 2020, doi 10.1109/TII.2019.2943898. Section numbers below are the paper's.

One skeleton: a convolution (the stem), stages of pre-activation units BN-ReLU-Conv-BN-ReLU-Conv, then BN,
ReLU, global average pooling and one linear layer. The family decides what ends a unit:

    convnet   nothing, and no shortcut
    resnet    nothing
    senet     channels scaled by a gate
    drsn_cs   a soft threshold, one for all channels  (III-B)
    drsn_cw   a soft threshold, one for each channel  (III-C)

`NetworkConfig.paper` is the paper's network; the default is a wider, shorter one with a first kernel of 64
samples at stride 8, which trains faster and is right more often at -6 dB and below. With the view
`envelope_spectrum` the units run over the frequencies of each band's envelope instead of time (drsn.model.envelope).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from drsn.model.architecture import Family, NetworkConfig, View
from drsn.model.envelope import BandDropout, EnvelopeSpectrum, gabor
from drsn.model.errors import BadDataError
from drsn.model.shrinkage import residual_end


class Shortcut(nn.Module):
    """Every `stride`-th sample, new channels zero (Table I), as one convolution with a fixed identity kernel.

    It has no parameters and is exact; one convolution runs everywhere, strided slices and padding do not.
    """

    identity: Tensor

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("identity", torch.eye(leaving, entering).unsqueeze(-1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """float32[batch, entering, W] to float32[batch, leaving, ceil(W / stride)]."""
        return functional.conv1d(x, self.identity, stride=self.stride)


class Unit(nn.Module):
    """A pre-activation unit (Fig. 4 and 5); nothing follows the sum."""

    def __init__(self, config: NetworkConfig, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        half = config.kernel // 2
        self.body = nn.Sequential(
            nn.BatchNorm1d(entering),
            nn.ReLU(),
            nn.Conv1d(entering, leaving, config.kernel, stride, half),
            nn.BatchNorm1d(leaving),
            nn.ReLU(),
            nn.Conv1d(leaving, leaving, config.kernel, 1, half),
        )
        self.end = residual_end(config.family, leaving)
        self.shortcut: nn.Module | None = None
        if config.family is not Family.CONVNET:
            same = entering == leaving and stride == 1
            self.shortcut = nn.Identity() if same else Shortcut(entering, leaving, stride)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """float32[batch, entering, W] to float32[batch, leaving, ceil(W / stride)] and any factors."""
        residual, alpha = self.end(self.body(x))
        return (residual if self.shortcut is None else residual + self.shortcut(x)), alpha


class Features(NamedTuple):
    """What the network computes from a window."""

    logits: Tensor  # [B, labels], before any temperature or softmax
    embedding: Tensor  # [B, features], the pooled features
    alpha: Tensor | None  # [B, sum of the units' threshold factors]; None without shrinkage


class SpectrumHead(nn.Module):
    """Where a line stands in the spectrum matters, so nothing is pooled; the bands' levels in dB, so to say, join."""

    def __init__(self, config: NetworkConfig, channels: int, bins: int) -> None:
        super().__init__()
        bands, hidden = config.stem.channels // 2, config.hidden
        self.tail = nn.Sequential(nn.BatchNorm1d(channels), nn.ReLU(), nn.Flatten(), *_dense(channels * bins, hidden))
        self.levels = nn.Sequential(nn.BatchNorm1d(bands), *_dense(bands, hidden))

    def forward(self, x: Tensor, levels: Tensor) -> Tensor:
        """float32[batch, C, bins] and float32[batch, bands] to float32[batch, 2 * hidden]."""
        return torch.cat([self.tail(x), self.levels(levels.log())], dim=1)


def _dense(entering: int, leaving: int) -> tuple[nn.Module, ...]:
    return nn.Linear(entering, leaving), nn.BatchNorm1d(leaving), nn.ReLU()


class Network(nn.Module):
    """The backbone: normalised windows to logits. Softmax is not its business."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        stem = config.stem
        self.stem = nn.Conv1d(config.channels, stem.channels, stem.kernel, stem.stride, (stem.kernel - 1) // 2)
        over_spectrum = config.view is View.ENVELOPE_SPECTRUM
        self.envelope = EnvelopeSpectrum(config.frames, config.envelope_bins) if over_spectrum else None
        self.dropout = BandDropout(config.band_dropout)
        self.units = nn.ModuleList()
        width, length = stem.channels // 2 if over_spectrum else stem.channels, config.envelope_bins
        for stage in config.stages:
            for index in range(stage.units):
                self.units.append(Unit(config, width, stage.channels, 1 if index else 2))
                width = stage.channels
            length = (length + 1) // 2
        pooling = nn.Sequential(nn.BatchNorm1d(width), nn.ReLU())
        self.tail = SpectrumHead(config, width, length) if over_spectrum else pooling
        self.classifier = nn.Linear(2 * config.hidden if over_spectrum else width, config.labels)
        self.apply(_initialise)
        if over_spectrum:
            with torch.no_grad():
                self.stem.weight.copy_(gabor(stem.channels // 2, stem.kernel).expand_as(self.stem.weight))

    @property
    def parts(self) -> tuple[Network, ...]:
        """The networks that learn each by itself; drsn.model.ensemble has several."""
        return (self,)

    def forward(self, x: Tensor) -> Features:  # shapes: the default network, window 2048
        """Diagnose float32[batch, channels, window].

        Raises:
            BadDataError: one window in training mode, where batch normalisation has nothing to average.
        """
        if self.training and x.shape[0] < 2:
            raise BadDataError("network: a training batch of one window can't be batch-normalised; use two or more")
        x = self.stem(x)  # [B, 16, 256]
        levels: Tensor | None = None
        if self.envelope is not None:
            x, levels = self.dropout(*self.envelope(x))
        alphas: list[Tensor] = []
        for unit in self.units:
            x, alpha = unit(x)  # [B, 16, 128], [B, 32, 64], [B, 32, 32]
            if alpha is not None:
                alphas.append(alpha)  # [B, 16], [B, 32], [B, 32]
        embedding = self.tail(x).mean(dim=-1) if levels is None else self.tail(x, levels)  # [B, 32]
        return Features(self.classifier(embedding), embedding, torch.cat(alphas, dim=1) if alphas else None)


def _initialise(module: nn.Module) -> None:
    """He initialisation (IV-B)."""
    if isinstance(module, nn.Conv1d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)
