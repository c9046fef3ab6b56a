"""What can be chosen of a network, and what its data decides; pydantic only, no torch."""

from __future__ import annotations

from enum import Enum

from pydantic import Field, field_validator, model_validator

from drsn.model.contract import Frozen


class Family(str, Enum):
    """What follows the second convolution of each unit."""

    CONVNET = "convnet"
    RESNET = "resnet"
    SENET = "senet"
    DRSN_CS = "drsn_cs"
    DRSN_CW = "drsn_cw"


class View(str, Enum):
    """What the units run over."""

    WAVEFORM = "waveform"  # time, as in the paper
    ENVELOPE_SPECTRUM = "envelope_spectrum"  # the frequencies of each band's envelope: drsn.model.envelope


class Stem(Frozen):
    """The first convolution; with the envelope spectrum, a filter bank of `channels` / 2 bands."""

    channels: int = Field(default=16, ge=1)
    kernel: int = Field(default=64, ge=1, description="samples")
    stride: int = Field(default=8, ge=1, description="samples")


class Stage(Frozen):
    """Units of one width; the first of them halves the length."""

    channels: int = Field(ge=1)
    units: int = Field(default=1, ge=1)


class Architecture(Frozen):
    """What can be chosen whatever the data. Stages may only widen: the shortcut never drops a channel."""

    family: Family = Family.DRSN_CW
    view: View = View.WAVEFORM
    envelope_bins: int = Field(default=64, ge=4, description="one for each period that fits into a window")
    hidden: int = Field(default=64, ge=1, description="features of the spectrum, and as many of the bands' levels")
    members: int = Field(
        default=1, ge=1, le=8, description="networks of their own weights that learn side by side and answer as one"
    )
    band_dropout: float = Field(default=0.0, ge=0, lt=1, description="share of bands hidden from each training window")
    stem: Stem = Stem()
    stages: tuple[Stage, ...] = Field(
        default=(Stage(channels=16), Stage(channels=32), Stage(channels=32)), min_length=1
    )
    kernel: int = Field(default=3, ge=1, description="of the units' convolutions")

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"kernel {kernel} is even: it would shift the signal against its shortcut")
        return kernel

    @field_validator("stages")
    @classmethod
    def _widening(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        widths = [stage.channels for stage in stages]
        if widths != sorted(widths):
            raise ValueError(f"stages narrow: {widths}; the shortcut can only add channels")
        return stages

    @model_validator(mode="after")
    def _bands_to_hide(self) -> Architecture:
        if self.band_dropout and self.view is not View.ENVELOPE_SPECTRUM:
            raise ValueError(
                f"band_dropout = {self.band_dropout:g} needs view = 'envelope_spectrum': no other has bands"
            )
        return self


class NetworkConfig(Architecture):
    """The architecture and its two ends: everything that `Network` needs."""

    labels: int = Field(ge=2)
    channels: int = Field(default=1, ge=1, description="of the input")
    window: int = Field(default=2048, ge=1, description="samples of the input")

    @model_validator(mode="after")
    def _envelope_fits(self) -> NetworkConfig:
        if self.view is View.ENVELOPE_SPECTRUM and (self.stem.channels % 2 or 2 * self.envelope_bins > self.frames):
            raise ValueError(
                f"envelope_bins = {self.envelope_bins} needs stem channels in pairs, and twice as many frames"
            )
        return self

    @property
    def frames(self) -> int:
        """Length of the stem's output."""
        stem = self.stem
        return (self.window + 2 * ((stem.kernel - 1) // 2) - stem.kernel) // stem.stride + 1

    @classmethod
    def paper(cls, family: Family, labels: int) -> NetworkConfig:
        """Table I: input 1 x 2048, 12 units, 25 convolutions; 11,552 parameters for drsn_cw and 8 labels."""
        stages = tuple(Stage(channels=channels, units=4) for channels in (4, 8, 16))
        return cls(family=family, labels=labels, stem=Stem(channels=4, kernel=3, stride=2), stages=stages)
