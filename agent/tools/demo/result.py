"""The result of the demo: expected and actual alarms, from its events and its last retained alarms."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drsn.agent.tools.demo.observer import Document


@dataclass(frozen=True, slots=True)
class MachineResult:
    """The expected and the actual alarms of one machine."""

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
        """True if the expected condition, and no other, was raised and is active at the end."""
        expected = () if self.expected is None else (self.expected,)
        return set(self.raised) == set(expected) and self.standing == expected


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The result of all machines, and the agent's last health figures."""

    machines: tuple[MachineResult, ...]
    windows: int
    packets: dict[str, int]
    latency_ms: dict[str, float]
    inference_ms: dict[str, float]
    seconds: float

    @property
    def passed(self) -> bool:
        """True if every machine is right."""
        return all(machine.right for machine in self.machines)

    def as_json(self) -> dict[str, Any]:
        """Return the result for JSON; the machines are its `findings`."""
        fields = asdict(self)
        machines = fields.pop("machines")
        findings = [{**each, "right": machine.right} for each, machine in zip(machines, self.machines, strict=True)]
        alarms = sum(len(machine.raised) for machine in self.machines)
        return {"findings": findings, **fields, "alarms": alarms, "passed": self.passed}


def machine_result(
    sensor: str,
    expected: str | None,
    events: Sequence[Document],
    alarms: Mapping[str, Document],
    started_unix_s: float,
) -> MachineResult:
    """Compare the alarms of one machine with the expected one."""
    raised = [e for e in events if e["sensor"] == sensor and e["active"]]
    standing = alarms.get(sensor, {}).get("conditions", [])
    return MachineResult(
        sensor=sensor,
        expected=expected,
        raised=tuple(e["condition"] for e in raised),
        standing=tuple(c["condition"] for c in standing if c["active"]),
        first_alarm_s=round(_unix_s(raised[0]["since"]) - started_unix_s, 2) if raised else None,
    )


def _unix_s(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
