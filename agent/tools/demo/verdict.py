"""Did the demo show what it promises? Judged from the events and the final retained alarms alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drsn.agent.tools.demo.observer import Document


@dataclass(frozen=True, slots=True)
class Finding:
    """One machine: what was due and what came."""

    sensor: str
    expected: str | None
    raised: tuple[str, ...]
    """Every condition that was raised, in order."""
    standing: tuple[str, ...]
    """The conditions that are active at the end."""
    first_alarm_s: float | None
    """From the start of the replay to the first alarm, by the sensor's clock."""

    @property
    def right(self) -> bool:
        """The expected condition, and no other, was raised and stands."""
        due = () if self.expected is None else (self.expected,)
        return set(self.raised) == set(due) and self.standing == due


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of all machines."""

    findings: tuple[Finding, ...]
    windows: int
    packets: dict[str, int]
    latency_ms: dict[str, float]
    inference_ms: dict[str, float]
    seconds: float

    @property
    def passed(self) -> bool:
        """Every machine was judged right."""
        return all(finding.right for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        alarms = [{**asdict(finding), "right": finding.right} for finding in self.findings]
        return {**asdict(self), "findings": alarms, "alarms": sum(len(f.raised) for f in self.findings),
                "passed": self.passed}  # fmt: skip


def find(
    sensor: str,
    expected: str | None,
    events: Sequence[Document],
    alarms: Mapping[str, Document],
    started_unix_s: float,
) -> Finding:
    """Judge one machine."""
    raised = [e for e in events if e["sensor"] == sensor and e["active"]]
    standing = alarms.get(sensor, {}).get("conditions", [])
    return Finding(
        sensor=sensor,
        expected=expected,
        raised=tuple(e["condition"] for e in raised),
        standing=tuple(c["condition"] for c in standing if c["active"]),
        first_alarm_s=round(_unix_s(raised[0]["since"]) - started_unix_s, 2) if raised else None,
    )


def _unix_s(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
