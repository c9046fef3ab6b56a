"""docs/use/runbook.md: log lines, status, health, refused packets, conditions and exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs.packet import Reason
from drsn.agent.acquisition.not_watched import REASON_OF_REFUSAL, REASONS
from drsn.agent.observability import log_lines, remedies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drsn.agent.observability.remedies import Remedy

SECTIONS = {
    "start": log_lines.START,
    "sensors": log_lines.SENSORS,
    "late": log_lines.LATE,
    "disk": log_lines.DISK,
    "broker": log_lines.BROKER,
    "clock": log_lines.CLOCK,
    "model": log_lines.MODEL,
    "commands": log_lines.COMMANDS,
    "sparkplug": log_lines.SPARKPLUG,
}
"""Name of the part of the page -> heading of the log lines in it."""


def parts() -> dict[str, str]:
    """Name of each generated part of the page -> its text."""
    return {
        **{f"log: {name}": _log_table(topic) for name, topic in SECTIONS.items()},
        "exit codes": _table("exit code", remedies.EXIT_CODES),
        "states": _table("`state`", remedies.STATES),
        "reasons and warnings": _table("text contains", remedies.REASONS_AND_WARNINGS),
        "health": _table("field", remedies.HEALTH),
        "not watched": _rows(("reason", "what to do"), [(_code(name), text) for name, text in REASONS.items()]),
        "refused": _rows(
            ("reason", "meaning", "what to do"),
            [(_code(name), text, REASONS[REASON_OF_REFUSAL[Reason(name)]]) for name, text in remedies.REFUSALS.items()],
        ),
        "conditions": _table("condition", remedies.CONDITIONS),
        "sensor faults": _table("label", remedies.SENSOR_FAULTS),
    }


def _log_table(topic: str) -> str:
    """The lines of one heading, the errors first."""
    lines = [(event, line) for event, line in log_lines.LINES.items() if line.topic == topic]
    levels = (log_lines.ERROR, log_lines.WARNING, log_lines.INFO)
    lines.sort(key=lambda item: levels.index(item[1].level))
    rows = [(_code(event), line.level, line.meaning, line.remedy) for event, line in lines]
    return _rows(("log line (`event=`)", "level", "meaning", "what to do"), rows)


def _table(first: str, values: Mapping[str, Remedy] | Mapping[int, Remedy]) -> str:
    rows = [(_code(str(name)), each.meaning, each.remedy) for name, each in values.items()]
    return _rows((first, "meaning", "what to do"), rows)


def _rows(names: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def _code(name: str) -> str:
    return f"`{name}`"
