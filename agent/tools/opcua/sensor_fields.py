"""The variables of a sensor, from its alarm document and its last result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.tools.opcua.condition_fields import Field
from drsn.agent.tools.opcua.condition_state import SEVERITIES, text

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Final = {
    "Condition": "most urgent condition; normal: none stands",
    "Severity": "of that condition, 1 to 1000; 0: none stands",
    "State": "of that condition: normal, active_unacked, active_acked, cleared_unacked, or not_watched",
    "Confidence": "probability of the condition of the last result",
    "Rms": "RMS of the last window, in the unit of `Unit`",
    "Unit": "unit of the samples; empty: unknown",
    "VelocityRms": "RMS velocity, 10 Hz to 1 kHz, in mm/s",
    "NotWatched": "why the agent does not diagnose the sensor; empty: it does",
}
"""Variable -> its description. The address space has them in this order."""


def sensor_fields(alarm: Mapping[str, Any], result: Mapping[str, Any] | None) -> dict[str, Field]:
    """Variable -> value.

    Args:
        alarm: a valid alarm document.
        result: of its sensor; None: no result has come since the start, for results are not retained.
    """
    conditions = [each for each in alarm.get("conditions", ()) if each["state"] != "normal"]
    top = conditions[0] if conditions else None  # the agent puts the most urgent one first
    reason = alarm.get("not_watched")
    quiet = "normal" if reason is None else "not_watched"
    measured = result or {}
    return {
        "Condition": Field("normal" if top is None else text(top["condition"]), "String"),
        "Severity": Field(0 if top is None else SEVERITIES.get(top["severity"], SEVERITIES["critical"]), "UInt16"),
        "State": Field(quiet if top is None else text(top["state"]), "String"),
        "Confidence": _number(measured.get("confidence")),
        "Rms": _number(measured.get("rms")),
        "Unit": Field(text(measured.get("unit")), "String"),
        "VelocityRms": _number(measured.get("velocity_rms_mm_s")),
        "NotWatched": Field("" if reason is None else text(f"{reason['reason']}: {reason['remedy']}"), "String"),
    }


def _number(value: object) -> Field:
    return Field(float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None, "Double")
