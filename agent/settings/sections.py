"""The agent's settings, section by section; `loader` reads them."""

from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from drsn.agent.bundles import DEFAULT
from drsn.agent.decision.baseline import MAX_COMMISSION_S
from drsn.agent.decision.voting import Quorum
from drsn.agent.monitoring.vibration_zones import MachineGroup
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.sensor_id import SENSOR_ID
from drsn.agent.mqtt.topics import TopicPattern, Topics, overlap
from drsn.agent.schema.bearing import BearingSetting
from drsn.agent.settings.entry_name import entry_name
from drsn.agent.settings.input_section import InputSection, Section
from drsn.agent.settings.overrides import override_of
from drsn.agent.settings.types import DEFAULT_PORTS, BrokerUrl, Prefix, QuorumText, UserName
from drsn.model.contract import Frozen, Severity


class AgentSection(Section):
    """The agent's identity, its bundle and its backend."""

    id: str = Field(
        default_factory=lambda: socket.gethostname().split(".")[0],
        pattern=f"^{SENSOR_ID.pattern}$",
        description="unique at the broker; stands in every document",
    )
    prefix: Prefix = Field(default="drsn/v1", description="of every topic the agent writes")
    bundle: str = Field(
        default=f"shipped:{DEFAULT}", description="a directory, a .zip, or shipped:NAME; docs/use/which-model.md"
    )
    backend: Literal["auto", "onnxruntime", "tensorrt", "tensorrt-rtx"] = Field(
        default="auto", description="auto: the first of tensorrt, tensorrt-rtx whose engine fits, else onnxruntime"
    )
    engine_dir: Path | None = Field(default=None, description="none: beside the bundle, `BUNDLE.engines`")
    state_dir: Path = Field(description="default: systemd's $STATE_DIRECTORY; one agent locks it")
    max_sensors: int = Field(default=1000, ge=1, le=100_000, description="packets of one more are refused")
    max_age_s: float = Field(
        default=600.0, ge=0, le=1e7, description="older packets are counted `stale`, not diagnosed; 0: never"
    )
    results_per_s: float = Field(default=1.0, ge=0, le=1000, description="per sensor; 0: no results")
    health_every_s: float = Field(default=10.0, ge=1, le=3600, description="between two health documents")
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class MqttSection(Section):
    """The broker."""

    url: BrokerUrl = Field(
        default="mqtt://localhost:1883",
        description="mqtt://host[:1883], or mqtts://host[:8883] with TLS; over WebSocket: ws://host[:80][/mqtt], "
        "wss://host[:443][/mqtt]",
    )
    protocol: Literal["auto", "5", "3.1.1"] = Field(
        default="auto", description="auto: 5, and 3.1.1 where the broker does not accept 5; the status says which"
    )
    username: UserName | None = Field(default=None, description="none: anonymous")
    password_file: Path | None = Field(default=None, description="or the systemd credential mqtt-password")
    ca_file: Path | None = Field(default=None, description="of the broker's certificate; default: the system's")
    cert_file: Path | None = Field(default=None, description="our own certificate, where the broker asks for one")
    key_file: Path | None = Field(
        default=None, description="its key, or the systemd credential mqtt-key; none: in cert_file"
    )
    insecure: bool = Field(default=False, description="do not check the broker's certificate; status is `degraded`")
    keepalive_s: int = Field(
        default=30, ge=5, le=3600, description="a dead line is noticed after twice this, by the broker after 1.5 times"
    )

    @model_validator(mode="after")
    def _key_has_certificate(self) -> MqttSection:
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file: without cert_file it is of no use")
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

    max_batch: int = Field(default=32, ge=1, le=1024, description="windows")
    deadline_s: float = Field(
        default=0.02,
        ge=0,
        le=10,
        description="a window waits no longer for others, and not at all if the batch before had none",
    )
    threads: int = Field(default=1, ge=1, le=64, description="of one call of the network, on ONNX Runtime")
    cuda_graphs: bool = Field(default=True, description="of TensorRT: one launch a call; false: layer by layer")


class AlarmsSection(Section):
    """When a condition becomes an alarm, and when it ends."""

    rule: Literal["votes", "sequential"] = Field(
        default="votes", description="compared in docs/reference/alarm-rules.md"
    )
    raise_after: QuorumText = Field(default=Quorum(6, 8), description="votes for it / of the last windows")
    clear_after: QuorumText = Field(default=Quorum(7, 8), description="votes against it / of the last windows")
    false_alarms_per_sensor_year: float = Field(
        default=0.1, gt=0, le=1e6, allow_inf_nan=False,
        description="the one setting of the sequential rule; `changed` has it whatever `rule` is",
    )  # fmt: skip
    on_delay_s: float = Field(default=0.0, ge=0, le=86_400, description="of signal that the rule must be met for")
    off_delay_s: float = Field(default=0.0, ge=0, le=86_400, description="the same before an alarm is cleared")
    silent_after_s: float = Field(
        default=30.0, ge=0, le=1e7, description="without a window, or three times the sensor's period; 0: never"
    )
    require_ack: bool = Field(
        default=False, description="an alarm that is over stays in sight until it is acknowledged"
    )
    latch: bool = Field(default=False, description="a fault of the machine stays until somebody resets it")
    severity: dict[str, Severity] = Field(
        default_factory=dict, description="of a label or a condition: minor, major, critical; none: the bundle's"
    )
    sure_from: float = Field(default=0.9, ge=0, le=1, description="P(condition); below it a step less urgent")
    escalate_after_s: float = Field(
        default=86_400, ge=0, le=1e7, description="of signal while it stands, then a step more urgent; 0: never"
    )


class GateSection(Section):
    """When a machine runs: it is not diagnosed while it stands or runs up. Without `rms` and `rpm` it always runs."""

    rms: float | None = Field(default=None, gt=0, description="of a window, in the sensor's unit; it runs from here on")
    rpm: float | None = Field(default=None, gt=0, description="as packets say; one that does not keeps the gate closed")
    hysteresis: float = Field(default=0.8, gt=0, le=1, description="part of `rms` or `rpm` below which it stands again")
    settle_s: float = Field(default=2.0, ge=0, le=86_400, description="of signal before it is judged")
    rpm_change: float = Field(default=0.01, gt=0, le=1, description="from window to window; more is a run-up")


class VibrationLevelSection(Section):
    """When the condition `vibration_level` is raised and cleared, where a machine group is configured."""

    raise_from: Literal["zone_b", "zone_c", "zone_d"] = Field(
        default="zone_c", description="the lowest zone of an alarm"
    )
    raise_after: QuorumText = Field(default=Quorum(6, 8), description="windows above the zone / of the last ones")
    clear_after: QuorumText = Field(default=Quorum(7, 8), description="windows below / of the last ones")
    on_delay_s: float = Field(
        default=10.0, ge=0, le=86_400, description="of signal; a start or a passing load raises no alarm"
    )
    off_delay_s: float = Field(default=10.0, ge=0, le=86_400, description="the same before the alarm is cleared")


FaultName = Literal["flat", "stuck", "clipping", "dropout", "stale", "offset", "ski_slope", "wrong_rate", "non_finite"]


class SensorFaultsSection(Section):
    """When a fault of the sensor itself is raised and cleared."""

    raise_after: QuorumText = Field(default=Quorum(4, 8), description="windows with a fault / of the last ones")
    clear_after: QuorumText = Field(default=Quorum(8, 8), description="windows without / of the last ones")
    ignore: tuple[FaultName, ...] = Field(
        default=(), description="faults that are normal here; docs/reference/alarm-rules.md lists them"
    )


class EvidenceSection(Section):
    """The windows behind an event."""

    windows: int = Field(default=8, ge=0, le=64, description="kept of each sensor, in memory; 0: no evidence")
    quota_mb: int = Field(default=256, ge=1, le=1_000_000, description="of all records on the disk; the oldest go")
    publish: bool = Field(default=False, description="each with its event; false: when the command `evidence` asks")


class CommissionSection(Section):
    """How the command `commission` learns a healthy machine."""

    seconds: float = Field(
        default=60.0, ge=1, le=MAX_COMMISSION_S, description="of a healthy machine's signal that are gathered"
    )
    give_up_after_s: float = Field(default=300.0, ge=1, le=2_592_000, description="if that takes longer")

    @model_validator(mode="after")
    def _possible(self) -> CommissionSection:
        if self.give_up_after_s <= self.seconds:
            raise ValueError(f"give_up_after_s = {self.give_up_after_s:g} is too soon for {self.seconds:g} s of signal")
        return self


class MetricsSection(Section):
    """The agent's metrics for Prometheus, over HTTP; this needs the extra `metrics`."""

    enabled: bool = Field(default=False, description="serve `/metrics`; docs/use/prometheus.md")
    address: str = Field(
        default="127.0.0.1", description="to listen on; everybody who reaches another address reads the metrics"
    )
    port: int = Field(default=9464, ge=0, le=65_535, description="0: any free port; the log has it")


class HomeAssistantSection(Section):
    """Discovery by Home Assistant: each sensor becomes a device."""

    enabled: bool = Field(default=False, description="publish discovery documents; docs/use/home-assistant.md")
    prefix: Prefix = Field(default="homeassistant", description="of the discovery topics, as set in Home Assistant")


if TYPE_CHECKING:
    AlarmsOverride = Frozen
    GateOverride = Frozen
    SensorFaultsOverride = Frozen
    VibrationLevelOverride = Frozen
else:
    AlarmsOverride = override_of(
        AlarmsSection,
        {
            "raise_after": "none: as `alarms.raise_after`",
            "clear_after": "none: as `alarms.clear_after`",
            "rule": "and so on",
        },
    )
    GateOverride = override_of(GateSection, {"rms": "none: as `gate.rms`", "rpm": "and so on"})
    SensorFaultsOverride = override_of(
        SensorFaultsSection, {"raise_after": "none: as `sensor_faults.raise_after`", "clear_after": "and so on"}
    )
    VibrationLevelOverride = override_of(
        VibrationLevelSection, {"raise_after": "none: as `vibration_level.raise_after`", "clear_after": "and so on"}
    )


class SensorSection(Section):
    """Overrides for the sensors whose id matches; the first match applies."""

    match: str = Field(description="shell pattern, such as press4-*")
    bearing: BearingSetting | None = Field(
        default=None,
        description="its designation such as 6205, {balls, ball_diameter_mm, pitch_diameter_mm, contact_angle_deg} or "
        "the orders {bpfo, bpfi, bsf, ftf}; docs/use/bearing.md",
    )
    rpm: float | None = Field(
        default=None, gt=0, le=1e6, allow_inf_nan=False, description="of the shaft, when packets do not carry it"
    )
    machine_group: MachineGroup | None = Field(
        default=None, description="of ISO 20816-3: its velocity is measured and evaluated (docs/use/level.md)"
    )
    level_limits_mm_s: tuple[float, float, float] | None = Field(
        default=None, description="own boundaries of the zones A/B, B/C, C/D in place of the group's, mm/s RMS"
    )
    level_from_hz: float = Field(default=10.0, ge=1, le=100, description="lowest frequency; 2 below 600 rpm")
    alarms: AlarmsOverride = AlarmsOverride()
    gate: GateOverride = GateOverride()
    sensor_faults: SensorFaultsOverride = SensorFaultsOverride()
    vibration_level: VibrationLevelOverride = VibrationLevelOverride()

    @field_validator("level_limits_mm_s")
    @classmethod
    def _rising(cls, limits: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if limits is not None and not 0 < limits[0] < limits[1] < limits[2] < math.inf:
            raise ValueError("three boundaries above 0 that rise: A/B, B/C, C/D")
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
                    self._sensors_apart(index, other)
                elif overlap(pattern, earlier):
                    raise ValueError(
                        f"{self._input(index)} and {self._input(other)} overlap: packets would come twice; several "
                        "inputs may have the same topic, with other names in braces or none"
                    )
        own = Topics(self.agent.prefix, self.agent.id).filters
        for entry, pattern in zip(self.inputs, filters, strict=True):
            if entry.topic.startswith(f"{self.agent.prefix}/") or any(overlap(pattern, topic) for topic in own):
                raise ValueError(f"input {entry.topic!r} takes in what the agent publishes under {self.agent.prefix!r}")
        return self

    def _sensors_apart(self, index: int, other: int) -> None:
        """Refuse two inputs of one topic that would give one sensor the samples of both."""
        one, two = (_sensors_of(self.inputs[at]) for at in (index, other))
        if both := one & two:
            raise ValueError(
                f"{self._input(index)} and inputs[{other}] have the same topic and the same sensor {min(both)!r}: give "
                "each a `sensor` of its own"
            )

    def _input(self, index: int) -> str:
        return entry_name("inputs", index, self.inputs[index].topic)


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
