"""Commands of a host: the metrics of NCMD and DCMD in, commands of the agent out. It reads no clock and no network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drsn.agent.tools.sparkplug_edge.edge_node import REBIRTH
from drsn.agent.tools.sparkplug_edge.machine_metrics import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_SHELVE_S: Final = 28_800
"""Longest time of a shelving; the limit of the agent's command."""

MAX_CHARS: Final = 80
"""Characters of a name in an answer; the host may have sent any."""


class AgentCommand(NamedTuple):
    """A command for the agent of a machine."""

    metric: str
    """That was written."""
    verb: str
    fields: dict[str, Any]


class Refused(NamedTuple):
    """Why a metric was not carried out."""

    metric: str
    reason: str


def rebirth_is_asked(values: Iterable[tuple[str, Any]]) -> bool:
    """Whether an NCMD asks for a rebirth."""
    return any(name == REBIRTH and value is True for name, value in values)


def device_commands(
    sensor: str, alarm: Mapping[str, Any], values: Iterable[tuple[str, Any]]
) -> list[AgentCommand | Refused]:
    """What the metrics of a DCMD come to.

    Args:
        sensor: id of the device.
        alarm: alarm document of the sensor.
        values: names and values of the metrics.
    """
    return [_command(sensor, alarm, name, value) for name, value in values]


def _command(sensor: str, alarm: Mapping[str, Any], name: str, value: object) -> AgentCommand | Refused:
    if name == "Ack":
        return _ack(sensor, alarm, value)
    if name == "Shelve":
        return _shelve(sensor, value)
    known = ", ".join(COMMANDS)
    return Refused(name[:MAX_CHARS], f"{name[:MAX_CHARS]!r} is not a command of this device; it has {known}")


def _ack(sensor: str, alarm: Mapping[str, Any], value: object) -> AgentCommand | Refused:
    if not isinstance(value, str) or not value:
        return Refused("Ack", "write the text of EventId, which names the alarm that the operator has seen")
    for each in alarm.get("conditions", ()):
        if each.get("event_id") == value:
            fields = {"sensor": sensor, "condition": each["condition"], "event_id": value}
            return AgentCommand("Ack", "ack", fields)
    return Refused("Ack", "this event is not that of an alarm which stands now; read EventId again")


def _shelve(sensor: str, value: object) -> AgentCommand | Refused:
    """All alarms of the machine are shelved, also those to come."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MAX_SHELVE_S:
        return Refused("Shelve", f"write a number of seconds from 0 to {MAX_SHELVE_S}; 0 ends the shelving")
    if value == 0:
        return AgentCommand("Shelve", "unshelve", {"sensor": sensor})
    return AgentCommand("Shelve", "shelve", {"sensor": sensor, "duration_s": float(value)})


def answer_text(metric: str, reason: str | None, at: str) -> str:
    """The value of LastCommand.

    Args:
        metric: that was written.
        reason: why the command failed; None: it was carried out.
        at: time of the answer, ISO 8601.
    """
    return json.dumps({"command": metric, "ok": reason is None, "reason": reason, "at": at}, ensure_ascii=False)
