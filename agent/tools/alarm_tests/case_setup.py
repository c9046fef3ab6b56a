"""The head of a case file: the settings and the model that its cases test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from drsn.agent.schema.documents import BundleReference
from drsn.agent.settings.input_section import InputSection
from drsn.agent.settings.loader import bundle_path, read_settings
from drsn.agent.settings.sections import AgentSection, Settings
from drsn.agent.tools.alarm_tests.case_errors import field_error, validation_error
from drsn.model.bundle import open_bundle
from drsn.model.contract import Frozen, Label, ModelContract

if TYPE_CHECKING:
    from drsn.model.bundle import Bundle

SECTIONS = ("alarms", "gate", "sensor_faults", "sensors")
"""Sections of the settings that alarms depend on."""

RATE_HZ = 2048
"""Sample rate of a model without a network; it only sets the length of a window."""

SHIPPED = "shipped:"


class LabelsOnly(Frozen):
    """`[model]`: a model without a network, its labels and the length of its windows."""

    window_s: float = Field(default=1.0, ge=0.05, le=30)
    labels: tuple[Label, ...] = Field(min_length=2, description="as in a bundle's contract")


class FileHead(Frozen):
    """The settings of a file, above its cases."""

    config: str | None = Field(default=None, description="an agent's configuration, from the file's folder")
    bundle: str | None = Field(default=None, description="shipped:NAME, or a path from the file's folder")
    model: LabelsOnly | None = Field(default=None, description="labels alone, where there is no bundle")
    hop_windows: float | None = Field(default=None, gt=0, le=1, description="default: the first input's, or 1.0")
    settings: dict[str, Any] = Field(default_factory=dict, description="alarms, gate, sensor_faults, sensors")


@dataclass(frozen=True)
class CaseSetup:
    """The settings and the model that cases test."""

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
        """Time from one window to the next."""
        return round(self.window_ns * self.hop_windows)


def setup_of(head: FileHead, folder: Path) -> CaseSetup:
    """Open what the head of a file names.

    Raises:
        ConfigurationError: it contradicts itself, a setting is wrong, or the configuration or the bundle is broken.
    """
    if head.config is not None and head.settings:
        raise field_error("settings", "the configuration has them; leave config or settings out")
    settings = _given(head) if head.config is None else read_settings(folder / head.config, ["agent.state_dir=unused"])
    if head.model is not None and (head.bundle or head.config):
        raise field_error("model", "the bundle has its labels; leave model, or bundle and config, out")
    hop_windows = head.hop_windows or settings.inputs[0].hop_windows
    if head.model is not None:
        nothing = BundleReference(name="none", version="0", sha256="0" * 64)
        return CaseSetup(settings, _contract_of(head.model), nothing, hop_windows, None)
    name = head.bundle or settings.agent.bundle
    if not name:
        raise field_error("bundle", "name one, such as shipped:cwru, or a config, or labels in [model]")
    # A path in the configuration starts where the agent runs; one in the case file starts from its folder.
    here = Path(name) if head.bundle is None else folder / name
    bundle = open_bundle(bundle_path(name) if name.startswith(SHIPPED) else here)
    about = BundleReference(name=bundle.manifest.name, version=bundle.manifest.version, sha256=bundle.sha256)
    return CaseSetup(settings, bundle.contract, about, hop_windows, bundle)


def _given(head: FileHead) -> Settings:
    unknown = [name for name in head.settings if name not in SECTIONS]
    if unknown:
        raise field_error(f"settings.{unknown[0]}", f"alarms depend on {', '.join(SECTIONS)} alone; leave it out")
    try:
        return Settings(
            agent=AgentSection(id="case", bundle="", state_dir=Path("unused")),
            inputs=(InputSection(topic="case/{sensor}/frame", sensor="{sensor}"),),
            **head.settings,
        )
    except ValidationError as error:
        raise validation_error(error, "settings") from None


def _contract_of(model: LabelsOnly) -> ModelContract:
    try:
        return ModelContract(
            labels=model.labels,
            window=max(64, round(model.window_s * RATE_HZ)),
            sample_rate_hz=RATE_HZ,
            bandwidth_hz=RATE_HZ / 2,
            abstention_threshold=0.0,
        )
    except ValidationError as error:
        raise validation_error(error, "model") from None
