"""The Deep Residual Shrinkage Network (DRSN) of Zhao et al. and its four relatives: the paper in one file.

Zhao, Zhong, Fu, Tang, Pecht, "Deep Residual Shrinkage Networks for Fault Diagnosis", IEEE Transactions on
Industrial Informatics 16(7), 2020, doi 10.1109/TII.2019.2943898. Section numbers below are the paper's.

All five families share one skeleton: a convolution (the stem), stages of pre-activation residual units
BN-ReLU-Conv-BN-ReLU-Conv, then BN, ReLU, global average pooling and one linear layer. They differ in what ends the
residual branch of a unit:

    convnet   nothing, and the unit has no shortcut
    resnet    nothing
    senet     channels scaled by a squeeze-and-excitation gate
    drsn_cs   a soft threshold, one for all channels  (III-B)
    drsn_cw   a soft threshold, one for each channel  (III-C)

`NetworkConfig.paper` is the paper's network. The default is a wider, shorter one with a first kernel of 64 samples at
stride 8: it trains faster and is more accurate at -6 dB and below. With the view `envelope_spectrum` the units run over
the frequencies of each band's envelope instead of time (drsn.model.envelope). With `dimensions = 2` the same network
classifies images: its convolutions, norms and means then run over height and width (examples/digits_in_clutter.py).

Shapes at the line ends: B = batch; the lengths are those of the default network with a window of 2,048 samples.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional

from drsn.model.contract import Frozen
from drsn.model.envelope import BandDropout, EnvelopeSpectrum, OrderLines, SpectrumHead, gabor
from drsn.model.errors import BadDataError
from drsn.model.log_envelope import LogEnvelopeSpectrum

if TYPE_CHECKING:
    from torch.autograd.function import FunctionCtx, NestedIOFunction


CONVOLUTION = {1: nn.Conv1d, 2: nn.Conv2d}
NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}


class Family(str, Enum):
    """The five network families; they differ in what ends the residual branch of each unit."""

    CONVNET = "convnet"
    RESNET = "resnet"
    SENET = "senet"
    DRSN_CS = "drsn_cs"
    DRSN_CW = "drsn_cw"


class View(str, Enum):
    """The axis that the units convolve over."""

    WAVEFORM = "waveform"  # time, as in the paper
    ENVELOPE_SPECTRUM = "envelope_spectrum"  # the frequencies of each band's envelope: drsn.model.envelope
    LOG_ENVELOPE_SPECTRUM = "log_envelope_spectrum"  # the same over the logarithm of frequency

    @property
    def has_bands(self) -> bool:
        """The stem is a filter bank."""
        return self is not View.WAVEFORM


class Spectrum(str, Enum):
    """How the linear model on the log spectrum stands in the graph (drsn.model.spectrum_network)."""

    NONE = "none"
    BESIDE = "beside"  # its logits are averaged with the network's
    ALONE = "alone"  # instead of the network


class StemConfig(Frozen):
    """The first convolution. With the envelope spectrum it is a filter bank of `channels` / 2 bands."""

    channels: int = Field(default=16, ge=1)
    kernel: int = Field(default=64, ge=1, description="samples")
    stride: int = Field(default=8, ge=1, description="samples")


class StageConfig(Frozen):
    """Consecutive units of one width. The first of them halves the length."""

    channels: int = Field(ge=1)
    units: int = Field(default=1, ge=1)


class Architecture(Frozen):
    """The part of the configuration that does not depend on the data.

    Stages may only get wider, because the shortcut can add channels but not drop them.
    """

    family: Family = Family.DRSN_CW
    view: View = View.WAVEFORM
    envelope_bins: int = Field(default=64, ge=4, description="one for each period that fits into a window")
    hidden: int = Field(default=64, ge=1, description="features of the spectrum, and as many of the bands' levels")
    order_lines: int = Field(default=40, ge=4, description="of an envelope's spectrum, in the order domain")
    order_step: float = Field(default=0.5, gt=0, description="from line to line, in orders of the shaft")
    spectrum: Spectrum = Field(
        default=Spectrum.NONE, description="the linear model of the log spectrum in the graph; `drsn-train` chooses it"
    )
    members: int = Field(
        default=1, ge=1, le=8, description="networks of their own weights that learn side by side and answer as one"
    )
    band_dropout: float = Field(default=0.0, ge=0, lt=1, description="share of bands hidden from each training window")
    stem: StemConfig = StemConfig()
    stages: tuple[StageConfig, ...] = Field(
        default=(StageConfig(channels=16), StageConfig(channels=32), StageConfig(channels=32)), min_length=1
    )
    kernel: int = Field(default=3, ge=1, description="of the units' convolutions")

    @field_validator("kernel")
    @classmethod
    def _kernel_is_odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"kernel {kernel} is even: it would shift the signal against its shortcut")
        return kernel

    @field_validator("stages")
    @classmethod
    def _stages_widen(cls, stages: tuple[StageConfig, ...]) -> tuple[StageConfig, ...]:
        widths = [stage.channels for stage in stages]
        if widths != sorted(widths):
            raise ValueError(f"stages narrow: {widths}; the shortcut can only add channels")
        return stages

    @model_validator(mode="after")
    def _dropout_has_bands(self) -> Architecture:
        if self.band_dropout and not self.view.has_bands:
            raise ValueError(
                f"band_dropout = {self.band_dropout:g} needs an envelope spectrum: no other view has bands"
            )
        return self


class NetworkConfig(Architecture):
    """The architecture, the shape of its input and the number of labels: all that `Network` needs."""

    labels: int = Field(ge=2)
    channels: int = Field(default=1, ge=1, description="of the sensor")
    window: int = Field(default=2048, ge=1, description="samples of the input; of an image, its height and width")
    domain: Literal["time", "order"] = Field(default="time", description="order: lines of envelopes are in orders")
    dimensions: Literal[1, 2] = Field(default=1, description="1: signals; 2: images, and every kernel is a square")

    @model_validator(mode="after")
    def _envelope_fits(self) -> NetworkConfig:
        if self.dimensions != 1 and self.view.has_bands:
            raise ValueError(f"view = '{self.view.value}' needs dimensions = 1: an image has no envelope")
        if self.view.has_bands and (self.stem.channels % 2 or 2 * self.envelope_bins > self.frames):
            raise ValueError(
                f"envelope_bins = {self.envelope_bins} needs stem channels in pairs, and twice as many frames"
            )
        if self.view is View.LOG_ENVELOPE_SPECTRUM and (self.domain == "order" or self.frames % 2):
            raise ValueError("view = 'log_envelope_spectrum' needs the time domain and an even number of frames")
        return self

    @property
    def frames(self) -> int:
        """Length of the stem's output, in samples of its stride."""
        stem = self.stem
        return (self.window + 2 * ((stem.kernel - 1) // 2) - stem.kernel) // stem.stride + 1

    @classmethod
    def paper(cls, family: Family, labels: int) -> NetworkConfig:
        """Table I: input 1 x 2048, 12 units, 25 convolutions; 11,552 parameters for drsn_cw and 8 labels."""
        stages = tuple(StageConfig(channels=channels, units=4) for channels in (4, 8, 16))
        return cls(family=family, labels=labels, stem=StemConfig(channels=4, kernel=3, stride=2), stages=stages)


def axes_of(x: Tensor) -> tuple[int, ...]:
    """The axes behind batch and channel, counted from the end: time, or height and width."""
    return tuple(range(2 - x.dim(), 0))


def along(values: Tensor, x: Tensor) -> Tensor:
    """float32[batch, C] with an axis of length 1 for each of `axes_of(x)`, so that it broadcasts against x."""
    for _ in axes_of(x):
        values = values.unsqueeze(-1)
    return values


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
        return signed * sign, -signed.sum(dim=axes_of(y), keepdim=True)


class NoThreshold(nn.Module):
    """The end of a plain ResNet branch: the residual stays as it is."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return x and no threshold factor."""
        return x, None


class SqueezeExcitation(nn.Module):
    """SENet's gate without reduction: channels times sigmoid(FC(ReLU(FC(mean)))); Hu et al., CVPR 2018."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Scale float32[batch, C, ...] channel by channel; there is no threshold factor."""
        scale: Tensor = self.gate(x.mean(dim=axes_of(x)))  # [B, C]
        return x * along(scale, x), None


class Shrinkage(nn.Module):
    """Soft thresholding with a learned threshold τ = alpha · mean|x|, 0 < alpha < 1 (III-B, III-C).

    alpha comes from the means of |x| over time, or over height and width, through FC-BN-ReLU-FC-sigmoid. Channel-wise:
    C factors for the C means. Channel-shared: one factor for the mean over channels too. τ never exceeds mean|x|.
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
        """Shrink float32[batch, C, ...]; the factors alpha are float32[batch, C], or [batch, 1] when shared."""
        mean = x.abs().mean(dim=axes_of(x))  # [B, C]
        alpha: Tensor = self.factors(mean)  # [B, C] or [B, 1]
        if self.shared:
            mean = mean.mean(dim=-1, keepdim=True)  # [B, 1]
        shrink = _SoftThreshold.apply if self.training else soft_threshold
        return shrink(x, along(alpha * mean, x)), alpha  # [B, C, W]


def branch_end(family: Family, channels: int) -> nn.Module:
    """The module that ends a residual branch of `channels` channels: it returns (x, threshold factors or None)."""
    if family in (Family.DRSN_CS, Family.DRSN_CW):
        return Shrinkage(channels, shared=family is Family.DRSN_CS)
    return SqueezeExcitation(channels) if family is Family.SENET else NoThreshold()


class Shortcut(nn.Module):
    """Every `stride`-th sample, new channels zero (Table I), as one convolution with a fixed identity kernel.

    It has no parameters and is exact. A convolution runs in every runtime; strided slices and padding do not.
    """

    identity: Tensor

    def __init__(self, in_channels: int, out_channels: int, stride: int, dimensions: int = 1) -> None:
        super().__init__()
        self.stride = stride
        identity = torch.eye(out_channels, in_channels).reshape(out_channels, in_channels, *[1] * dimensions)
        self.register_buffer("identity", identity, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """float32[batch, in_channels, W] to float32[batch, out_channels, ceil(W / stride)]; images likewise."""
        convolution = functional.conv1d if x.dim() == 3 else functional.conv2d
        return convolution(x, self.identity, stride=self.stride)


class ResidualUnit(nn.Module):
    """A pre-activation residual (shrinkage) building unit (Fig. 4 and 5); nothing follows the sum."""

    def __init__(self, config: NetworkConfig, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        padding = config.kernel // 2
        convolution, norm = CONVOLUTION[config.dimensions], NORM[config.dimensions]
        self.body = nn.Sequential(
            norm(in_channels),
            nn.ReLU(),
            convolution(in_channels, out_channels, config.kernel, stride, padding),
            norm(out_channels),
            nn.ReLU(),
            convolution(out_channels, out_channels, config.kernel, 1, padding),
        )
        self.end = branch_end(config.family, out_channels)
        self.shortcut: nn.Module | None = None
        if config.family is not Family.CONVNET:
            unchanged = in_channels == out_channels and stride == 1
            ends = in_channels, out_channels, stride, config.dimensions
            self.shortcut = nn.Identity() if unchanged else Shortcut(*ends)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """float32[batch, in_channels, W] to float32[batch, out_channels, ceil(W / stride)] and any factors.

        Images likewise, in height and width.
        """
        residual, alpha = self.end(self.body(x))
        return (residual if self.shortcut is None else residual + self.shortcut(x)), alpha


class NetworkOutput(NamedTuple):
    """The outputs of the network for a batch of windows."""

    logits: Tensor  # [B, labels], before any temperature or softmax
    embedding: Tensor  # [B, features], the pooled features
    alpha: Tensor | None  # [B, sum of the units' threshold factors]; None without shrinkage


def envelope_of(config: NetworkConfig) -> EnvelopeSpectrum | LogEnvelopeSpectrum | None:
    """The envelope spectrum of the view; None: the units convolve over time."""
    if config.view is View.ENVELOPE_SPECTRUM:
        return EnvelopeSpectrum(config.frames, config.envelope_bins)
    if config.view is View.LOG_ENVELOPE_SPECTRUM:
        return LogEnvelopeSpectrum(config.frames, config.envelope_bins, config.stem.channels // 2)
    return None


class Network(nn.Module):
    """The backbone: normalised windows to logits. It contains no softmax."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        stem = config.stem
        convolution, norm = CONVOLUTION[config.dimensions], NORM[config.dimensions]
        self.stem = convolution(config.channels, stem.channels, stem.kernel, stem.stride, (stem.kernel - 1) // 2)
        over_spectrum = config.view.has_bands
        self.order_domain = config.domain == "order"
        self.lines: OrderLines | None = None
        self.envelope = envelope_of(config)
        self.dropout = BandDropout(config.band_dropout)
        self.units = nn.ModuleList()
        width, length = stem.channels // 2 if over_spectrum else stem.channels, config.envelope_bins
        if over_spectrum and self.order_domain:
            length = config.order_lines
            self.lines = OrderLines(config.envelope_bins, length, config.order_step)
        for stage in config.stages:
            for index in range(stage.units):
                self.units.append(ResidualUnit(config, width, stage.channels, 1 if index else 2))
                width = stage.channels
            length = (length + 1) // 2
        pooling = nn.Sequential(norm(width), nn.ReLU())
        self.tail = SpectrumHead(config, width, length) if over_spectrum else pooling
        self.classifier = nn.Linear(2 * config.hidden if over_spectrum else width, config.labels)
        self.apply(_initialise)
        if over_spectrum:
            with torch.no_grad():
                self.stem.weight.copy_(gabor(stem.channels // 2, stem.kernel).expand_as(self.stem.weight))

    @property
    def member_networks(self) -> tuple[Network, ...]:
        """The networks that are trained independently; drsn.model.ensemble has several."""
        return (self,)

    def forward(self, x: Tensor, revolutions: Tensor | None = None) -> NetworkOutput:
        """Classify float32[batch, channels, window] or [.., height, width]; orders: and revolutions [batch, 1, 1].

        Raises:
            BadDataError: one window in training mode, where batch normalisation has nothing to average.
        """
        if self.training and x.shape[0] < 2:
            raise BadDataError("network: a training batch of one window can't be batch-normalised; use two or more")
        x = self.stem(x)  # [B, 16, 256]
        levels: Tensor | None = None
        if self.envelope is not None:
            x, levels = self.envelope(x)  # [B, bands, bins], [B, bands]
            if self.lines is not None:
                x = self.lines(x, revolutions)  # [B, bands, lines]
            x, levels = self.dropout(x, levels)
        alphas: list[Tensor] = []
        for unit in self.units:
            x, alpha = unit(x)  # [B, 16, 128], [B, 32, 64], [B, 32, 32]
            if alpha is not None:
                alphas.append(alpha)  # [B, 16], [B, 32], [B, 32]
        embedding = self.tail(x).mean(dim=axes_of(x)) if levels is None else self.tail(x, levels)  # [B, 32]
        return NetworkOutput(self.classifier(embedding), embedding, torch.cat(alphas, dim=1) if alphas else None)


def _initialise(module: nn.Module) -> None:
    """He initialisation (IV-B)."""
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)
