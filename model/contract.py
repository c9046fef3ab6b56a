"""The model contract: labels, input and abstention threshold. Pydantic only; no torch, no onnx.

`ModelContract` is written by training, carried by the checkpoint and the bundle's manifest, and obeyed by
the agent. `Manifest` is the whole `manifest.json` of a bundle.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

SCHEMA_VERSION: Final = 1
NORMAL = "normal"
"""The condition of every healthy label."""

RESERVED_CONDITIONS = frozenset({"unknown", "sensor_fault", "silent", "changed", "vibration_level"})
"""Conditions that the agent itself raises; no label may use them."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

BUNDLE_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,47}$")


class Frozen(BaseModel):
    """A value: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Severity(str, Enum):
    """How bad a condition is, least first."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for minor, rising."""
        return list(Severity).index(self)


class Label(Frozen):
    """One class of the model. Votes, topics and severity go by its `condition`."""

    name: Name
    condition: Name
    healthy: bool = False
    severity: Severity = Severity.MAJOR
    parent: Name | None = Field(
        default=None,
        description="condition of a window of this label, unless the bearing detector finds the label's own condition",
    )
    size: str | None = Field(default=None, description="defect size with its unit, as the data set gives it")


class Normalisation(Frozen):
    """How the graph scales each window: per channel, offset removed, peak then RMS divided out, in float32."""

    method: Literal["zscore"] = "zscore"
    per_channel: Literal[True] = True
    epsilon: float = Field(default=1e-12, ge=0.0, le=1e-12)


class ModelContract(Frozen):
    """Labels, input and abstention of one model.

    A window is `float32[channels, window]` at `sample_rate_hz`, band-limited to `bandwidth_hz`. In the order domain the
    input of the graph has one more channel, the shaft's angle (drsn.model.shaft_angle).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    labels: tuple[Label, ...] = Field(min_length=2)
    exclusive: Literal[True] = True
    window: int = Field(ge=64, le=65536, description="samples")
    channels: int = Field(default=1, ge=1, le=64)
    sample_rate_hz: float = Field(gt=0)
    bandwidth_hz: float = Field(gt=0, description="nothing above it reaches the model")
    domain: Literal["time", "order"] = Field(
        default="time", description="order: the graph needs the shaft's speed; a window without it is `unknown`"
    )
    normalisation: Normalisation = Normalisation()
    abstention_threshold: float | None = Field(
        default=None, description="a window whose novelty is higher is `unknown`; null: never abstains"
    )

    @model_validator(mode="after")
    def _consistent(self) -> ModelContract:
        names = [label.name for label in self.labels]
        if len(set(names)) != len(names):
            raise ValueError(f"label names repeat: {names}")
        for label in self.labels:
            if label.condition in RESERVED_CONDITIONS:
                raise ValueError(f"label {label.name}: condition {label.condition!r} is the agent's own")
            if label.healthy != (label.condition == NORMAL):
                raise ValueError(f"label {label.name}: healthy labels, and only they, have condition {NORMAL!r}")
            if label.parent is not None and (label.healthy or label.parent in RESERVED_CONDITIONS | {NORMAL}):
                raise ValueError(f"label {label.name}: its parent can't be {label.parent!r}")
        if both := {*self.parents} & {*self.conditions}:
            raise ValueError(f"{sorted(both)} are conditions of labels and parents of others")
        parent_of = {(label.condition, label.parent) for label in self.labels}
        if len(parent_of) != len(self.conditions):
            raise ValueError("labels of one condition have different parents")
        if not any(label.healthy for label in self.labels):
            raise ValueError("no label is healthy: the agent could never clear an alarm")
        if self.bandwidth_hz > self.sample_rate_hz / 2:
            raise ValueError(f"bandwidth {self.bandwidth_hz} Hz is above half the rate {self.sample_rate_hz} Hz")
        return self

    @property
    def input_channels(self) -> int:
        """Channels of the graph's input: those of the sensor and, in the order domain, the shaft's angle."""
        return self.channels + (self.domain == "order")

    @property
    def conditions(self) -> tuple[str, ...]:
        """Each condition once, in the order of its first label; `normal` among them."""
        return tuple(dict.fromkeys(label.condition for label in self.labels))

    @property
    def parents(self) -> tuple[str, ...]:
        """Each parent condition once, in the order of its first label; none of them is a label's own condition."""
        return tuple(dict.fromkeys(label.parent for label in self.labels if label.parent is not None))

    @property
    def alarm_conditions(self) -> tuple[str, ...]:
        """What an alarm of the model may be about, and `normal`: `conditions`, then `parents`."""
        return (*self.conditions, *self.parents)

    def labels_of(self, condition: str) -> list[Label]:
        """The labels of a condition, or of all conditions of a parent."""
        return [label for label in self.labels if condition in (label.condition, label.parent)]

    def severity_of(self, condition: str) -> Severity:
        """The highest severity among the labels of a condition, or of a parent's conditions.

        Raises:
            KeyError: no label has this condition.
        """
        found = [label.severity for label in self.labels_of(condition)]
        if not found:
            raise KeyError(condition)
        return max(found, key=lambda severity: severity.rank)


class Parity(Frozen):
    """One comparison that decided whether the bundle was written."""

    pair: str = Field(description="for example 'torch ~ onnxruntime'")
    max_abs: float = Field(ge=0, description="largest difference of a probability")
    label_agreement: float = Field(ge=0, le=1)
    windows: int = Field(gt=0)
    tolerance: float = Field(gt=0)


class FileEntry(Frozen):
    """A file of the bundle, as its hash and size."""

    sha256: Sha256
    bytes: int = Field(ge=0)


class Training(Frozen):
    """Where the weights come from; enough to make them again."""

    recipe: dict[str, Any]
    data_sha256: Sha256
    seed: int
    metrics: dict[str, Any]


class SignalCheck(Frozen):
    """What a model makes of one signal that no machine made."""

    signal: str = Field(min_length=1, max_length=64)
    windows: int = Field(gt=0)
    named: float = Field(ge=0, le=1, description="share of windows that a machine fault is named for")
    abstained: float = Field(ge=0, le=1, description="share of windows that are `unknown`")
    streams: int = Field(gt=0)
    alarms: int = Field(ge=0, description="streams in which an alarm of a machine fault is raised")
    condition: Name | None = Field(default=None, description="of most of these alarms")
    decisive: bool = Field(default=True, description="an alarm refuses the export; false: machines have it too")

    def __str__(self) -> str:
        return f"{self.signal} ({self.alarms} of {self.streams} streams: {self.condition})"


NOT_CHECKED = "not checked on noise: an older drsn-export made it; drsn-export verify BUNDLE --noise checks it"


class NoiseCheck(Frozen):
    """The model on signals that no machine made, by the agent's decision with default settings."""

    raise_after: str = Field(description="votes for an alarm / of the last windows")
    signals: tuple[SignalCheck, ...] = Field(min_length=1)

    @property
    def misled(self) -> tuple[SignalCheck, ...]:
        """The signals that raise an alarm of a machine fault, whichever they are."""
        return tuple(signal for signal in self.signals if signal.alarms)

    @property
    def refused(self) -> bool:
        """True if one of them is noise, hum or shuffled windows: the model names faults where there is no machine."""
        return any(signal.decisive for signal in self.misled)

    def __str__(self) -> str:
        if not self.misled:
            return "noise, hum, tones, impulses and shuffled windows raise no alarm of a machine fault"
        raised = ", ".join(map(str, self.misled))
        if self.refused:
            return f"signals that no machine made raise alarms of a machine fault: {raised}"
        return f"noise, hum and shuffled windows raise no alarm of a machine fault; these do: {raised}"


class Manifest(Frozen):
    """`manifest.json`: everything that the agent checks before it trusts a bundle."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: Annotated[str, StringConstraints(pattern=BUNDLE_NAME.pattern)]
    version: str = Field(min_length=1, max_length=64)
    created: str = Field(description="UTC, ISO 8601")
    contract: ModelContract
    files: dict[FileName, FileEntry]
    training: Training | None = None
    parity: tuple[Parity, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict, description="of the tools that made it")
    noise_check: NoiseCheck | None = Field(default=None, description="null: not checked (an older bundle)")

    @property
    def names_noise(self) -> bool:
        """True if the check on noise has found that noise raises alarms."""
        return self.noise_check is not None and self.noise_check.refused

    @property
    def noise_verdict(self) -> str:
        """The result of the check on noise, in one sentence."""
        return str(self.noise_check) if self.noise_check else NOT_CHECKED
