"""What a file of cases is about: the alarms' settings, and the model whose words they judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from drsn.agent.schema.documents import BundleReference
from drsn.agent.settings.loader import bundle_path, read_settings
from drsn.agent.settings.sections import AgentSection, InputSection, Settings
from drsn.agent.tools.alarm_tests.scripted_windows import FieldError
from drsn.model.bundle import open_bundle
from drsn.model.contract import Frozen, Label, ModelContract
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.model.bundle import Bundle

SECTIONS = ("alarms", "gate", "sensor_faults", "sensors")
"""Of the settings: what alarms depend on."""

RATE_HZ = 2048
"""Of a model that is nothing but its labels; nobody sees it but as a window's length."""

SHIPPED = "shipped:"


class Model(Frozen):
    """A model without a network: its labels and the length of its windows."""

    window_s: float = Field(default=1.0, ge=0.05, le=30)
    labels: tuple[Label, ...] = Field(min_length=2, description="as in a bundle's contract")


class Head(Frozen):
    """What stands above the cases of a file."""

    config: str | None = Field(default=None, description="an agent's configuration, from the file's folder")
    bundle: str | None = Field(default=None, description="shipped:NAME, or a path from the file's folder")
    model: Model | None = Field(default=None, description="labels alone, where there is no bundle")
    hop_windows: float | None = Field(default=None, gt=0, le=1, description="default: the first input's, or 1.0")
    settings: dict[str, Any] = Field(default_factory=dict, description="alarms, gate, sensor_faults, sensors")


@dataclass(frozen=True)
class Subject:
    """Settings and model."""

    settings: Settings
    contract: ModelContract
    reference: BundleReference
    hop_windows: float
    bundle: Bundle | None
    """None: there is no network, so no recording can be diagnosed."""

    @property
    def window_ns(self) -> int:
        """Length of a window."""
        return round(self.contract.window * 1e9 / self.contract.sample_rate_hz)

    @property
    def hop_ns(self) -> int:
        """From one window to the next."""
        return round(self.window_ns * self.hop_windows)


def subject_of(head: Head, folder: Path) -> Subject:
    """Open what the head of a file names.

    Raises:
        FieldError: it contradicts itself, or a setting is wrong.
        ConfigurationError: the configuration or the bundle is broken.
    """
    if head.config is not None and head.settings:
        raise FieldError("settings", "the configuration has them; leave config or settings out")
    settings = _given(head) if head.config is None else read_settings(folder / head.config, ["agent.state_dir=unused"])
    if head.model is not None and (head.bundle or head.config):
        raise FieldError("model", "the bundle has its labels; leave model, or bundle and config, out")
    hop_windows = head.hop_windows or settings.inputs[0].hop_windows
    if head.model is not None:
        nothing = BundleReference(name="none", version="0", sha256="0" * 64)
        return Subject(settings, _labels_alone(head.model), nothing, hop_windows, None)
    name = head.bundle or settings.agent.bundle
    if not name:
        raise FieldError("bundle", "name one, such as shipped:cwru, or a config, or labels in [model]")
    # A configuration's own path is meant as the agent takes it.
    here = Path(name) if head.bundle is None else folder / name
    bundle = open_bundle(bundle_path(name) if name.startswith(SHIPPED) else here)
    about = BundleReference(name=bundle.manifest.name, version=bundle.manifest.version, sha256=bundle.sha256)
    return Subject(settings, bundle.contract, about, hop_windows, bundle)


def _given(head: Head) -> Settings:
    unknown = [name for name in head.settings if name not in SECTIONS]
    if unknown:
        raise FieldError(f"settings.{unknown[0]}", f"alarms depend on {', '.join(SECTIONS)} alone; leave it out")
    try:
        return Settings(
            agent=AgentSection(id="case", bundle="", state_dir=Path("unused")),
            inputs=(InputSection(topic="case/{sensor}/frame", sensor="{sensor}"),),
            **head.settings,
        )
    except ValidationError as error:
        raise field_error(error, "settings") from None


def _labels_alone(model: Model) -> ModelContract:
    try:
        return ModelContract(
            labels=model.labels,
            window=max(64, round(model.window_s * RATE_HZ)),
            sample_rate_hz=RATE_HZ,
            bandwidth_hz=RATE_HZ / 2,
            abstention_threshold=0.0,
        )
    except ValidationError as error:
        raise field_error(error, "model") from None


def field_error(error: ValidationError, where: str = "") -> FieldError:
    """The first problem that pydantic found, as ours."""
    first = error.errors(include_url=False)[0]
    loc = ".".join(filter(None, [where, *(str(part) for part in first["loc"])]))
    if first["type"] == "extra_forbidden":
        return FieldError(loc, "no such field; is it misspelt?")
    return FieldError(loc, "missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, "))


def misplaced(where: str, error: Exception) -> ConfigurationError:
    """An error of a file, with its place."""
    return ConfigurationError(f"{where}: {error}")
