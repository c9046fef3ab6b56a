"""A recipe: everything that decides a training, read from one TOML file; unknown keys are errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveFloat, StringConstraints, ValidationError, model_validator

from drsn.model.contract import BUNDLE_NAME, NORMAL, Frozen, Label, ModelContract
from drsn.model.data.entry import KNOWN
from drsn.model.data.synthetic import FAULTS
from drsn.model.errors import ConfigurationError
from drsn.model.network import Architecture, NetworkConfig
from drsn.model.noise import PAPER_NOISES, Noise
from drsn.model.protocols import PROTOCOLS
from drsn.model.toml_file import TomlError, read_toml

if TYPE_CHECKING:
    from pathlib import Path

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Load = Literal[0, 1, 2, 3]


def _not_falling(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"{list(ends)} falls: give the lower end first")
    return ends


Rising = AfterValidator(_not_falling)


class SignalSpec(Frozen):
    """The model's input."""

    window: int = Field(default=2048, description="samples")
    channels: int = Field(default=1, ge=1)
    sample_rate_hz: float = Field(gt=0)
    bandwidth_hz: float = Field(gt=0)
    domain: Literal["time", "order"] = Field(
        default="time", description="order: envelope spectra in orders of the shaft; each recording needs its rpm"
    )

    @property
    def input_channels(self) -> int:
        """Channels of a conditioned window: in the order domain the shaft's angle is the last."""
        return self.channels + (self.domain == "order")


class CwruData(Frozen):
    """CWRU by load; the last part of each training recording, in time, is the validation set."""

    source: Literal["cwru"]
    train_loads_hp: tuple[Load, ...] = Field(default=(0, 1, 2), min_length=1)
    test_loads_hp: tuple[Load, ...] = Field(default=(3,), min_length=1)
    validation_share: float = Field(default=0.2, gt=0, lt=1)

    @model_validator(mode="after")
    def _apart(self) -> CwruData:
        if shared := sorted({*self.train_loads_hp} & {*self.test_loads_hp}):
            raise ValueError(f"loads {shared} are in both sets")
        return self


class SyntheticData(Frozen):
    """Simulated random machines, each in every condition; no machine is in two of the sets."""

    source: Literal["synthetic"]
    train_machines: int = Field(gt=0)
    validation_machines: int = Field(gt=0)
    test_machines: int = Field(gt=0)
    train_s: float = Field(default=1.0, gt=0, description="of each recording")
    test_s: float = Field(default=3.0, gt=0, description="of each recording, validation included")
    rpm: Annotated[tuple[PositiveFloat, PositiveFloat], Rising] = (1000.0, 3600.0)
    severity: Annotated[tuple[Share, Share], Rising] = (0.2, 1.0)


class RotatingMachineData(Frozen):
    """Simulated random rotating machines, one for each recording (drsn.model.data.rotating_machine)."""

    source: Literal["rotating_machine"]
    train_recordings: int = Field(gt=0, description="as many of each label")
    validation_recordings: int = Field(gt=0)
    test_recordings: int = Field(gt=0)
    train_s: float = Field(gt=0, description="of each recording")
    test_s: float = Field(gt=0, description="of each recording, validation included")
    rpm: Annotated[tuple[PositiveFloat, PositiveFloat], Rising] = (300.0, 12_000.0)
    severity_db: Annotated[tuple[float, float], Rising] = Field(
        default=(-4.0, 18.0), description="RMS of the defect's vibration over that of everything else"
    )


class ProtocolData(Frozen):
    """An evaluation protocol, by its name in `drsn.model.protocols`; labels and signal must be the protocol's.

    The file format calls a protocol `rung`.
    """

    source: Literal["rung"]
    rung: str

    @model_validator(mode="after")
    def _known(self) -> ProtocolData:
        if self.rung not in PROTOCOLS:
            raise ValueError(f"protocol {self.rung!r} is not one of {', '.join(PROTOCOLS)}")
        return self


class SplitData(Frozen):
    """Recordings that are split here: by group, or in time."""

    channels: tuple[Annotated[int, Field(ge=0)] | str, ...] = Field(
        default=(), description="to use, by number from 0 or by the name in a file's header; default: all"
    )
    split: Literal["recording", "time"] = Field(default="recording", description="time: cut each recording; optimistic")
    validation_share: float = Field(default=0.2, gt=0, lt=1, description="where the folder does not give the sets")
    test_share: float = Field(default=0.2, gt=0, lt=1, description="likewise")
    split_seed: int = Field(default=0, description="another number draws another split")

    @model_validator(mode="after")
    def _shares(self) -> SplitData:
        if self.validation_share + self.test_share >= 1:
            raise ValueError("validation_share and test_share leave nothing to train on: keep their sum below 1")
        return self


class PublicData(SplitData):
    """A public data set by its name, as it lies on a disk after the download; see docs/reference/files.md.

    The recipe's labels choose what is read.
    """

    # Without `channels`, those of the set: an accelerometer, not the tachometer or the torque.
    source: Literal[
        "femto", "hit_sm", "ims", "jnu", "mafaulda", "mfpt", "ottawa", "paderborn", "seu", "uestc", "xjtu_sy"
    ]
    path: str | None = Field(default=None, description="of its folder; default: $DRSN_DATA_DIR/SOURCE")


class FolderData(SplitData):
    """Your own recordings: LABEL/FILE, SET/LABEL/FILE, or a manifest.csv; see docs/reference/training.md."""

    source: Literal["folder"]
    path: str = Field(min_length=1, description="of the folder; a relative one begins where the command runs")
    sample_rate_hz: PositiveFloat | None = Field(default=None, description="of files that do not say it")
    variable: str | None = Field(default=None, description="array of a file with several, such as X*_DE_time")
    decimal: Literal[".", ","] | None = Field(
        default=None, description="mark of text files in which a comma may be the delimiter or the decimal mark"
    )
    group_pattern: str | None = Field(
        default=None,
        description="regular expression whose (?P<group>...) finds machine, day or run in a file's path; "
        "also rpm, load, machine",
    )

    @model_validator(mode="after")
    def _possible(self) -> FolderData:
        if self.group_pattern is not None:
            try:
                groups = re.compile(self.group_pattern).groupindex
            except re.error as error:
                raise ValueError(f"group_pattern is no regular expression: {error}") from None
            if not {*groups} & {"group", *KNOWN}:
                raise ValueError(f"group_pattern has no (?P<group>...), nor any of {', '.join(KNOWN)}")
        return self


class Augmentation(Frozen):
    """Augmentation of each training window, drawn anew each time."""

    noises: tuple[Noise, ...] = Field(default=PAPER_NOISES, min_length=1)
    healthy_share: float | None = Field(
        default=None, gt=0, lt=1, description="of windows that are of healthy labels; default: each label as often"
    )
    snr_db: Annotated[tuple[float, float], Rising] = (-10.0, 12.0)
    clean_share: Share = Field(default=0.15, description="of windows that get no noise")
    speed: float = Field(default=0.06, ge=0, le=0.1, description="largest relative change of the time scale")
    mix: Share = Field(default=0.0, description="of windows that get another of their recording added")
    noise_only_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="of the windows of healthy labels: noise or hum in place of the recording, so that the model names "
        "no fault where no machine is",
    )
    equaliser_db: float = Field(default=6.0, ge=0, description="standard deviation at each of nine points")


class Optimisation(Frozen):
    """AdamW under a one-cycle cosine schedule."""

    steps: int = Field(gt=0)
    batch: int = Field(default=128, ge=8)
    learning_rate: float = Field(default=5e-3, gt=0, description="the highest")
    weight_decay: float = Field(default=1e-2, ge=0)
    label_smoothing: Share = 0.0


class Evaluation(Frozen):
    """Noises and SNRs at which accuracy is measured, and the share of windows that the model must accept."""

    noises: tuple[Noise, ...] = PAPER_NOISES
    snr_db: tuple[float, ...] = (10.0, 6.0, 3.0, 0.0, -3.0, -6.0, -10.0)
    acceptance: float = Field(
        default=0.95, gt=0, lt=1, description="share of validation windows that are not `unknown`, over clean and..."
    )
    accepted_snr_db: tuple[float, ...] = Field(
        default=(10.0, 5.0, 0.0), description="...`noises` at these; below them more windows are `unknown`"
    )


class SelectionSpec(Frozen):
    """Comparison with simple models, and what the bundle carries."""

    compare: Literal["none", "simple", "full"] = Field(
        default="full",
        description="with simple models, also on values left out (speed, load, machine); full: the network is left out "
        "of them too, which takes about the time of the training; none: with nothing, and the network is carried",
    )
    carry: Literal["best", "network", "spectrum", "both"] = Field(
        default="best",
        description="the network, the linear model on the log spectrum, the mean of both, or the best of them on what "
        "was left out of training",
    )

    @model_validator(mode="after")
    def _fitted(self) -> SelectionSpec:
        if self.compare == "none" and self.carry in ("spectrum", "both"):
            raise ValueError(
                f"carry = {self.carry!r} needs compare = 'simple' or 'full': the linear model is fitted there"
            )
        return self


class Recipe(Frozen):
    """All settings of one training."""

    name: Annotated[str, StringConstraints(pattern=BUNDLE_NAME.pattern)]
    version: str = Field(min_length=1, max_length=64)
    description: str = Field(default="", description="what the model is for; opens its model card")
    seed: int = 1
    labels: tuple[Label, ...]
    signal: SignalSpec
    data: Annotated[
        CwruData | SyntheticData | RotatingMachineData | FolderData | PublicData | ProtocolData,
        Field(discriminator="source"),
    ]
    network: Architecture = Architecture()
    augmentation: Augmentation = Augmentation()
    optimisation: Optimisation
    evaluation: Evaluation = Evaluation()
    selection: SelectionSpec = SelectionSpec()

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        self.contract(None)  # raises on labels or a bandwidth that no contract would take
        slowest_hz = (1 - self.augmentation.speed) * self.signal.sample_rate_hz
        if self.signal.bandwidth_hz > slowest_hz / 2:
            raise ValueError(
                f"bandwidth_hz is above {slowest_hz / 2:g} Hz, what a window slowed down by speed can hold"
            )
        if isinstance(self.data, SyntheticData | RotatingMachineData):
            unknown = {label.condition for label in self.labels} - {NORMAL, *FAULTS}
            if unknown:
                raise ValueError(f"labels: synthetic bearings have no {sorted(unknown)}, only {', '.join(FAULTS)}")
        return self

    def contract(self, abstention_threshold: float | None) -> ModelContract:
        """The contract of the trained model."""
        return ModelContract(labels=self.labels, abstention_threshold=abstention_threshold, **self.signal.model_dump())

    def network_config(self) -> NetworkConfig:
        """The architecture with labels, channels and window of this recipe."""
        signal = self.signal.model_dump(include={"channels", "window", "domain"})
        return NetworkConfig(labels=len(self.labels), **signal, **self.network.model_dump())

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the logits."""
        return tuple(label.name for label in self.labels)


def recipe_from(document: dict[str, Any], where: str) -> Recipe:
    """Check a recipe; `where` names it in the error.

    Raises:
        ConfigurationError: all that is wrong, in one line.
    """
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'recipe'}: {fault['msg']}" for fault in error.errors())
        raise ConfigurationError(f"recipe {where}: {'; '.join(faults)}; see configs/recipes") from error


def read_recipe(path: Path) -> Recipe:
    """Read a TOML file.

    Raises:
        ConfigurationError: missing, too large, no TOML, or with unknown, missing or impossible values.
    """
    try:
        document = read_toml(path)
    except TomlError as error:
        raise ConfigurationError(f"recipe {path}: can't read it ({error}); see configs/recipes") from None
    return recipe_from(document, str(path))
