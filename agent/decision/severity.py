"""The severity of an alarm: from its condition, its confidence and its duration. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (evidence reads the types of `Urgency` at run time)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.agent.monitoring.findings import CHANGED
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

DAY_NS = 86_400 * 1_000_000_000
OBSERVED_SEVERITIES = {
    CHANGED: Severity.MINOR,
    "zone_b": Severity.MINOR,
    "zone_c": Severity.MAJOR,
    "zone_d": Severity.CRITICAL,
}
"""Severity of the conditions that monitors raise: of `changed`, and of `vibration_level` by the zone."""

STEPS = sorted(Severity, key=lambda severity: severity.rank)


@dataclass(frozen=True, slots=True)
class Urgency:
    """The severity rule of a sensor. Its fields are stored in evidence records."""

    of: Mapping[str, Severity] = field(default_factory=dict)
    """Label or condition -> its severity; the label's comes first. One that is absent is minor."""
    sure_from: float = 0.9
    """P(condition) of the deciding window below which the severity is one step lower."""
    escalate_after_ns: int = DAY_NS
    """Signal with the alarm active after which the severity is one step higher, in ns; 0: never."""

    def severity(self, condition: str, label: str, confidence: float, active_ns: int) -> Severity:
        """The severity by condition, confidence and duration.

        Args:
            condition: of the alarm.
            label: the model's, of the window that raised it.
            confidence: P(condition) of that window.
            active_ns: signal since then.
        """
        base = self.of.get(label, self.of.get(condition, Severity.MINOR))
        sure = confidence >= self.sure_from
        lasting = 0 < self.escalate_after_ns <= active_ns
        step = STEPS.index(base) - (not sure) + lasting
        return STEPS[min(max(step, 0), len(STEPS) - 1)]


def severities_of(contract: ModelContract) -> dict[str, Severity]:
    """Condition or zone -> its severity, as the bundle gives it, or as the agent does for what monitors raise."""
    return {**OBSERVED_SEVERITIES, **{name: contract.severity_of(name) for name in contract.alarm_conditions}}
