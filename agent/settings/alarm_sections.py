"""The sections about decisions: alarms, gate, sensor faults and vibration level, and their overrides for sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from drsn.agent.decision.voting import Quorum
from drsn.agent.settings.input_section import Section
from drsn.agent.settings.overrides import override_of
from drsn.agent.settings.types import QuorumText
from drsn.model.contract import Frozen, Severity


class AlarmsSection(Section):
    """When a condition becomes an alarm, and when it ends."""

    rule: Literal["votes", "sequential"] = Field(
        default="votes", description="How windows are combined to a decision: docs/reference/alarm-rules.md."
    )
    raise_after: QuorumText = Field(
        default=Quorum(6, 8), description="Raise: windows with the condition / of the last windows."
    )
    clear_after: QuorumText = Field(
        default=Quorum(7, 8), description="Clear: windows without it / of the last windows."
    )
    false_alarms_per_sensor_year: float = Field(
        default=0.1, gt=0, le=1e6, allow_inf_nan=False,
        description="False alarms that are accepted, with the sequential rule. For `changed` it holds with both rules.",
    )  # fmt: skip
    on_delay_s: float = Field(
        default=0.0, ge=0, le=86_400, description="Raise only if the rule is met for this long (seconds of signal)."
    )
    off_delay_s: float = Field(
        default=0.0, ge=0, le=86_400, description="Clear only if its rule is met for this long (seconds of signal)."
    )
    silent_after_s: float = Field(
        default=30.0,
        ge=0,
        le=1e7,
        description="`silent` after this time without a window, or after three periods of the sensor. 0: never.",
    )
    require_ack: bool = Field(
        default=False, description="true: an alarm that has cleared stays in the list until it is acknowledged."
    )
    latch: bool = Field(default=False, description="true: a machine fault stays until an operator resets it.")
    severity: dict[str, Severity] = Field(
        default_factory=dict, description="minor, major or critical, by label or condition. none: the bundle's."
    )
    sure_from: float = Field(
        default=0.9, ge=0, le=1, description="Below this probability of the condition the severity is one step lower."
    )
    escalate_after_s: float = Field(
        default=86_400,
        ge=0,
        le=1e7,
        description="After this long (seconds of signal) an active alarm is one step more severe. 0: never.",
    )


class GateSection(Section):
    """When a machine runs: it is not diagnosed while it stands or runs up. Without `rms` and `rpm` it always runs."""

    rms: float | None = Field(
        default=None, gt=0, description="The machine runs if the RMS of a window is at least this (unit of the sensor)."
    )
    rpm: float | None = Field(
        default=None,
        gt=0,
        description="The machine runs if the speed of the packet is at least this. Without a speed it does not run.",
    )
    hysteresis: float = Field(
        default=0.8, gt=0, le=1, description="The machine stops below this part of `rms` or `rpm`."
    )
    settle_s: float = Field(
        default=2.0, ge=0, le=86_400, description="Seconds of signal after the start that are not diagnosed."
    )
    rpm_change: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="Larger changes of speed between two windows are a run-up, which is not diagnosed.",
    )


class VibrationLevelSection(Section):
    """When the condition `vibration_level` is raised and cleared, where a machine group is configured."""

    raise_from: Literal["zone_b", "zone_c", "zone_d"] = Field(
        default="zone_c", description="Lowest zone that raises an alarm."
    )
    raise_after: QuorumText = Field(
        default=Quorum(6, 8), description="Raise: windows in the zone or above / of the last windows."
    )
    clear_after: QuorumText = Field(
        default=Quorum(7, 8), description="Clear: windows below the zone / of the last windows."
    )
    on_delay_s: float = Field(
        default=10.0,
        ge=0,
        le=86_400,
        description="Raise only after this long (seconds of signal): a start or a short load raises no alarm.",
    )
    off_delay_s: float = Field(
        default=10.0, ge=0, le=86_400, description="Clear only after this long (seconds of signal)."
    )


FaultName = Literal["flat", "stuck", "clipping", "dropout", "stale", "offset", "ski_slope", "wrong_rate", "non_finite"]


class SensorFaultsSection(Section):
    """When a fault of the sensor itself is raised and cleared."""

    raise_after: QuorumText = Field(
        default=Quorum(4, 8), description="Raise: windows with a fault / of the last windows."
    )
    clear_after: QuorumText = Field(
        default=Quorum(8, 8), description="Clear: windows without a fault / of the last windows."
    )
    ignore: tuple[FaultName, ...] = Field(
        default=(), description="Sensor faults that are not checked; docs/reference/alarm-rules.md lists them."
    )


if TYPE_CHECKING:
    AlarmsOverride = Frozen
    GateOverride = Frozen
    SensorFaultsOverride = Frozen
    VibrationLevelOverride = Frozen
else:
    AlarmsOverride = override_of(
        AlarmsSection,
        {
            "raise_after": "As `alarms.raise_after`, for these sensors. none: no override.",
            "clear_after": "As `alarms.clear_after`.",
            "rule": "As `alarms.rule`, and so on.",
        },
    )
    GateOverride = override_of(
        GateSection, {"rms": "As `gate.rms`. none: no override.", "rpm": "As `gate.rpm`, and so on."}
    )
    SensorFaultsOverride = override_of(
        SensorFaultsSection,
        {
            "raise_after": "As `sensor_faults.raise_after`. none: no override.",
            "clear_after": "As `sensor_faults.clear_after`, and so on.",
        },
    )
    VibrationLevelOverride = override_of(
        VibrationLevelSection,
        {
            "raise_after": "As `vibration_level.raise_after`. none: no override.",
            "clear_after": "As `vibration_level.clear_after`, and so on.",
        },
    )
