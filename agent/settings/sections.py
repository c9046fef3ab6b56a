"""The agent's settings, section by section; `loader` reads them."""

from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from drsn.agent.bundles import DEFAULT
from drsn.agent.decision.baseline import MAX_COMMISSION_S
from drsn.agent.monitoring.vibration_zones import MachineGroup
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.sensor_id import SENSOR_ID
from drsn.agent.mqtt.topics import TopicPattern, Topics, overlap
from drsn.agent.schema.bearing import BearingSetting
from drsn.agent.settings.alarm_sections import (
    AlarmsOverride,
    AlarmsSection,
    GateOverride,
    GateSection,
    SensorFaultsOverride,
    SensorFaultsSection,
    VibrationLevelOverride,
    VibrationLevelSection,
)
from drsn.agent.settings.entry_name import entry_name
from drsn.agent.settings.input_section import InputSection, Section
from drsn.agent.settings.types import DEFAULT_PORTS, BrokerUrl, Prefix, ShardText, UserName
from drsn.model.contract import Frozen


class AgentSection(Section):
    """The agent's identity, its bundle and its backend."""

    id: str = Field(
        default_factory=lambda: socket.gethostname().split(".")[0],
        pattern=f"^{SENSOR_ID.pattern}$",
        description="Name of this agent. Unique at the broker. Every document has it.",
    )
    prefix: Prefix = Field(default="drsn/v1", description="First levels of all topics that the agent writes.")
    bundle: str = Field(
        default=f"shipped:{DEFAULT}",
        description="The model: a directory, a .zip, or shipped:NAME (docs/use/which-model.md).",
    )
    backend: Literal["auto", "onnxruntime", "tensorrt", "tensorrt-rtx"] = Field(
        default="auto", description="auto: tensorrt or tensorrt-rtx if an engine fits, otherwise onnxruntime."
    )
    engine_dir: Path | None = Field(
        default=None, description="Folder of TensorRT engines. none: `BUNDLE.engines`, beside the bundle."
    )
    state_dir: Path = Field(
        description="Folder of the journal. Each agent needs its own. Default: $STATE_DIRECTORY of systemd."
    )
    shard: ShardText | None = Field(
        default=None,
        description="This agent's part of the sensors, K/N: of N agents with the same inputs it is number K "
        "(docs/use/many-agents.md). none: all sensors.",
        examples=["2/5"],
    )
    max_sensors: int = Field(default=1000, ge=1, le=100_000, description="Packets of further sensors are refused.")
    max_age_s: float = Field(
        default=600.0, ge=0, le=1e7, description="Older packets are not diagnosed, but counted as `stale`. 0: no limit."
    )
    results_per_s: float = Field(
        default=1.0, ge=0, le=1000, description="`result` documents of each sensor, at most. 0: none."
    )
    health_every_s: float = Field(default=10.0, ge=1, le=3600, description="Interval of the `health` documents.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Less important log lines are left out."
    )


class MqttSection(Section):
    """The broker."""

    url: BrokerUrl = Field(
        default="mqtt://localhost:1883",
        description="The broker: mqtt://host[:1883], with TLS mqtts://host[:8883]; over WebSocket "
        "ws://host[:80][/mqtt], with TLS wss://host[:443][/mqtt].",
    )
    protocol: Literal["auto", "5", "3.1.1"] = Field(
        default="auto",
        description="Version of MQTT. auto: 5, or 3.1.1 if the broker does not accept 5.",
    )
    username: UserName | None = Field(default=None, description="none: log in without a name.")
    password_file: Path | None = Field(
        default=None, description="File with the password. Alternative: the systemd credential mqtt-password."
    )
    ca_file: Path | None = Field(
        default=None, description="Certificates of the authority that signed the broker's. none: those of the system."
    )
    cert_file: Path | None = Field(default=None, description="Client certificate, if the broker requires one.")
    key_file: Path | None = Field(
        default=None, description="Its key. Alternative: the systemd credential mqtt-key. none: cert_file has it."
    )
    insecure: bool = Field(
        default=False, description="true: the broker's certificate is not checked, and the status is `degraded`."
    )
    keepalive_s: int = Field(
        default=30,
        ge=5,
        le=3600,
        description="The agent detects a dead connection after twice this time, the broker after 1.5 times.",
    )

    @model_validator(mode="after")
    def _key_has_certificate(self) -> MqttSection:
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file needs cert_file")
        return self

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return str(urlsplit(self.url).hostname)

    @property
    def tls(self) -> bool:
        """True if the connection is encrypted."""
        return urlsplit(self.url).scheme in ("mqtts", "wss")

    @property
    def port(self) -> int:
        """The port; when the URL names none, that of its scheme."""
        parts = urlsplit(self.url)
        return parts.port or DEFAULT_PORTS[parts.scheme]

    @property
    def websocket_path(self) -> str | None:
        """The path of a WebSocket URL, `/mqtt` when it names none; None: it is no WebSocket."""
        parts = urlsplit(self.url)
        return (parts.path or "/mqtt") if parts.scheme in ("ws", "wss") else None

    def address(self, password: str | None, key_file: Path | None) -> BrokerAddress:
        """Return the broker's address with these credentials."""
        return BrokerAddress(
            host=self.host,
            port=self.port,
            tls=self.tls,
            ca_file=_text(self.ca_file),
            cert_file=_text(self.cert_file),
            key_file=_text(key_file),
            insecure=self.insecure,
            username=self.username,
            password=password,
            keepalive_s=self.keepalive_s,
            protocol=self.protocol,
            websocket_path=self.websocket_path,
        )


class InferenceSection(Section):
    """How windows of many sensors are combined to one call of the network."""

    max_batch: int = Field(default=32, ge=1, le=1024, description="Windows in one call of the network, at most.")
    deadline_s: float = Field(
        default=0.02,
        ge=0,
        le=10,
        description="Longest time that a window waits for others. It does not wait if the last batch had one window.",
    )
    threads: int = Field(default=1, ge=1, le=64, description="CPU threads of one call of the network, on ONNX Runtime.")
    cuda_graphs: bool = Field(default=True, description="TensorRT starts all layers at once, which is faster.")


class EvidenceSection(Section):
    """The windows behind an event."""

    windows: int = Field(
        default=8,
        ge=0,
        le=64,
        description="Windows of each sensor that are kept in memory for evidence. 0: no evidence.",
    )
    quota_mb: int = Field(
        default=256, ge=1, le=1_000_000, description="Disk space for evidence. The oldest records are deleted."
    )
    publish: bool = Field(
        default=False, description="true: publish evidence with each event. false: only on the command `evidence`."
    )


class CommissionSection(Section):
    """How the command `commission` learns a healthy machine."""

    seconds: float = Field(
        default=60.0, ge=1, le=MAX_COMMISSION_S, description="Seconds of signal of the healthy machine that are learnt."
    )
    give_up_after_s: float = Field(
        default=300.0, ge=1, le=2_592_000, description="Commissioning fails if it takes longer."
    )

    @model_validator(mode="after")
    def _possible(self) -> CommissionSection:
        if self.give_up_after_s <= self.seconds:
            raise ValueError(f"give_up_after_s = {self.give_up_after_s:g} must be more than seconds = {self.seconds:g}")
        return self


class MetricsSection(Section):
    """The agent's metrics for Prometheus, over HTTP; this needs the extra `metrics`."""

    enabled: bool = Field(default=False, description="true: serve `/metrics` (docs/use/prometheus.md).")
    address: str = Field(
        default="127.0.0.1", description="Address to listen on. Everybody who can reach it can read the metrics."
    )
    port: int = Field(default=9464, ge=0, le=65_535, description="TCP port. 0: any free port; the log has its number.")


class HomeAssistantSection(Section):
    """Discovery by Home Assistant: each sensor becomes a device."""

    enabled: bool = Field(default=False, description="true: publish discovery documents (docs/use/home-assistant.md).")
    prefix: Prefix = Field(
        default="homeassistant", description="Discovery prefix, as in the settings of Home Assistant."
    )


class SensorSection(Section):
    """Overrides for the sensors whose id matches; the first match applies."""

    match: str = Field(description="Sensors that this entry is for: a shell pattern, such as press4-*.")
    bearing: BearingSetting | None = Field(
        default=None,
        description="Its designation such as 6205, or {balls, ball_diameter_mm, pitch_diameter_mm, contact_angle_deg}, "
        "or the orders {bpfo, bpfi, bsf, ftf} (docs/use/bearing.md).",
    )
    rpm: float | None = Field(
        default=None, gt=0, le=1e6, allow_inf_nan=False, description="Speed of the shaft, if packets do not have it."
    )
    machine_group: MachineGroup | None = Field(
        default=None,
        description="Machine group of ISO 20816-3. With it the vibration velocity is evaluated (docs/use/level.md).",
    )
    level_limits_mm_s: tuple[float, float, float] | None = Field(
        default=None, description="Your own limits of the zones A/B, B/C and C/D, instead of the group's (mm/s RMS)."
    )
    level_from_hz: float = Field(
        default=10.0, ge=1, le=100, description="Lowest frequency of the velocity. Set 2 for machines below 600 rpm."
    )
    alarms: AlarmsOverride = AlarmsOverride()
    gate: GateOverride = GateOverride()
    sensor_faults: SensorFaultsOverride = SensorFaultsOverride()
    vibration_level: VibrationLevelOverride = VibrationLevelOverride()

    @field_validator("level_limits_mm_s")
    @classmethod
    def _rising(cls, limits: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if limits is not None and not 0 < limits[0] < limits[1] < limits[2] < math.inf:
            raise ValueError("needs three rising limits above 0: A/B, B/C, C/D")
        return limits


class Settings(Frozen):
    """All settings; `loader` reads them from the file, the environment and the command line."""

    agent: AgentSection
    mqtt: MqttSection = MqttSection()
    inference: InferenceSection = InferenceSection()
    inputs: tuple[InputSection, ...] = Field(min_length=1)
    sensors: tuple[SensorSection, ...] = ()
    alarms: AlarmsSection = AlarmsSection()
    gate: GateSection = GateSection()
    sensor_faults: SensorFaultsSection = SensorFaultsSection()
    vibration_level: VibrationLevelSection = VibrationLevelSection()
    evidence: EvidenceSection = EvidenceSection()
    commission: CommissionSection = CommissionSection()
    metrics: MetricsSection = MetricsSection()
    home_assistant: HomeAssistantSection = HomeAssistantSection()

    @model_validator(mode="after")
    def _topics_apart(self) -> Settings:
        filters = [TopicPattern(entry.topic, entry.sensor).filter for entry in self.inputs]
        for index, pattern in enumerate(filters):
            for other, earlier in enumerate(filters[:index]):
                if pattern == earlier:
                    _sensors_apart(self.inputs, index, other)
                elif overlap(pattern, earlier):
                    raise ValueError(
                        f"{_input(self.inputs, index)} and {_input(self.inputs, other)} overlap: the broker would send "
                        "packets twice. Use the same topic in both (names in braces may differ), or topics that do not "
                        "overlap"
                    )
        own = Topics(self.agent.prefix, self.agent.id).filters
        for entry, pattern in zip(self.inputs, filters, strict=True):
            if entry.topic.startswith(f"{self.agent.prefix}/") or any(overlap(pattern, topic) for topic in own):
                raise ValueError(
                    f"input {entry.topic!r} also matches topics that the agent publishes under {self.agent.prefix!r}; "
                    "change one of them"
                )
        return self


def _sensors_of(entry: InputSection) -> set[str]:
    """The sensors of one possible topic of an input; those of another input with this topic filter must differ."""
    pattern = TopicPattern(entry.topic, entry.sensor)
    numbered = "/".join(
        f"level{at}" if level == "+" else level
        for at, level in enumerate(pattern.filter.removeprefix(pattern.share).split("/"))
    )
    sensor = pattern.sensor_of(numbered)
    return {f"{sensor}-{name}" for name in entry.channels} or {str(sensor)}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _sensors_apart(inputs: tuple[InputSection, ...], index: int, other: int) -> None:
    """Refuse two inputs of one topic that would give one sensor the samples of both."""
    one, two = (_sensors_of(inputs[at]) for at in (index, other))
    if both := one & two:
        raise ValueError(
            f"{_input(inputs, index)} and inputs[{other}] have the same topic and the same sensor {min(both)!r}: give "
            "each its own `sensor`"
        )


def _input(inputs: tuple[InputSection, ...], index: int) -> str:
    return entry_name("inputs", index, inputs[index].topic)
