"""How urgent an alarm is: what it is about, how sure that is, and how long it has stood. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 (evidence reads the types of `Urgency` at run time)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.model.contract import Severity

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

DAY_NS = 86_400 * 1_000_000_000
STEPS = sorted(Severity, key=lambda severity: severity.rank)


@dataclass(frozen=True, slots=True)
class Urgency:
    """By what a sensor's alarms get their severity."""

    of: Mapping[str, Severity] = field(default_factory=dict)
    """Of a label or a condition; the label's comes first. What is in neither is minor."""
    sure_from: float = 0.9
    """P(condition) of the deciding window below which an alarm is a step less urgent."""
    escalate_after_ns: int = DAY_NS
    """Signal for which it has stood, from which it is a step more urgent; 0: never."""

    def severity(self, condition: str, label: str, confidence: float, active_ns: int) -> Severity:
        """Condition x confidence x persistence.

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
    """Condition -> the severity that the bundle gives it."""
    return {name: contract.severity_of(name) for name in contract.conditions}
