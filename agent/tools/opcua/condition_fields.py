"""The fields of a condition: those of its event, and the variables of its node (OPC 10000-9, AlarmConditionType)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS
from drsn.agent.decision.operator_action import MAX_SHELF_NS

if TYPE_CHECKING:
    from datetime import datetime

    from drsn.agent.tools.opcua.condition_state import ConditionState

MAX_SHELVED_MS: Final = MAX_SHELF_NS / 1e6
"""MaxTimeShelved: no shelving of an agent lasts longer."""


class Field(NamedTuple):
    """A value, and its type in OPC UA."""

    value: object
    kind: str
    """Name of a built-in type; `Duration` is a double in ms."""


@dataclass(frozen=True, slots=True)
class NodeName:
    """A node: of the standard, by the name of its constant, or a node of the bridge, by its text."""

    name: str
    standard: bool = False


def node_id(*parts: str) -> str:
    """The text of the node of an agent, of a sensor, or of one of its variables."""
    return "/".join(parts)


def condition_id(state: ConditionState) -> str:
    """The text of the node of a condition: a sensor's variables have no `conditions/` in theirs."""
    return node_id(state.key.agent, state.key.sensor, "conditions", state.key.condition)


def condition_fields(state: ConditionState, received: datetime) -> dict[str, Field]:
    """Path of a field, from the condition -> its value.

    Args:
        state: the condition.
        received: the bridge's clock at the change.
    """
    return {
        **_of_event(state, received),
        **_of_condition(state, received),
        **_two_states("EnabledState", ("Disabled", "Enabled"), value=True),
        **_two_states("AckedState", ("Unacknowledged", "Acknowledged"), value=state.acked),
        **_of_alarm(state, received),
        **_of_shelving(state, received),
    }


def _of_event(state: ConditionState, received: datetime) -> dict[str, Field]:
    agent, sensor, name = state.key
    of_sensor = name in SENSOR_CONDITIONS
    kind = "SystemConditionClassType" if of_sensor else "MaintenanceConditionClassType"
    return {
        "EventId": Field(state.notification_id, "ByteString"),
        "EventType": Field(NodeName("AlarmConditionType", standard=True), "NodeId"),
        "SourceNode": Field(NodeName(node_id(agent, sensor)), "NodeId"),
        "SourceName": Field(sensor, "String"),
        "Time": Field(state.decided_at if state.decided_at and not state.revision else received, "DateTime"),
        "ReceiveTime": Field(received, "DateTime"),
        "Message": Field(message_of(state), "LocalizedText"),
        "Severity": Field(state.severity, "UInt16"),
        "ConditionClassId": Field(NodeName(kind, standard=True), "NodeId"),
        "ConditionClassName": Field(kind.removesuffix("Type"), "LocalizedText"),
    }


def _of_condition(state: ConditionState, received: datetime) -> dict[str, Field]:
    changed = state.decided_at or received
    return {
        "ConditionName": Field(state.key.condition, "String"),
        "BranchId": Field(None, "NodeId"),  # there are no branches: each condition has one present state
        "Retain": Field(state.retain, "Boolean"),
        "Quality": Field(state.quality, "StatusCode"),
        "Quality/SourceTimestamp": Field(changed if not state.revision else received, "DateTime"),
        "LastSeverity": Field(state.last_severity, "UInt16"),
        "LastSeverity/SourceTimestamp": Field(changed, "DateTime"),
        "Comment": Field(state.comment, "LocalizedText"),
        "Comment/SourceTimestamp": Field(changed if not state.revision else received, "DateTime"),
        "ClientUserId": Field(state.user, "String"),
    }


def _of_alarm(state: ConditionState, received: datetime) -> dict[str, Field]:
    suppressed = state.suppressed_by not in (None, "shelved", "out_of_service")
    out_of_service = state.suppressed_by == "out_of_service"
    return {
        **_two_states("ActiveState", ("Inactive", "Active"), value=state.active),
        "ActiveState/TransitionTime": Field(state.since or state.decided_at or received, "DateTime"),
        "InputNode": Field(NodeName(node_id(state.key.agent, state.key.sensor, "Condition")), "NodeId"),
        **_two_states("SuppressedState", ("Unsuppressed", "Suppressed"), value=suppressed),
        **_two_states("OutOfServiceState", ("In Service", "Out of Service"), value=out_of_service),
        **_two_states("LatchedState", ("Unlatched", "Latched"), value=state.latched),
        "SuppressedOrShelved": Field(state.suppressed_by is not None or state.shelved, "Boolean"),
        "MaxTimeShelved": Field(MAX_SHELVED_MS, "Duration"),
    }


def _of_shelving(state: ConditionState, received: datetime) -> dict[str, Field]:
    until = state.shelved_until
    left_ms = 0.0 if until is None else max(0.0, (until - received).total_seconds() * 1000)
    name = "TimedShelved" if state.shelved else "Unshelved"
    text = "Timed Shelved" if state.shelved else "Unshelved"
    return {
        "ShelvingState/CurrentState": Field(text, "LocalizedText"),
        "ShelvingState/CurrentState/Id": Field(NodeName(f"ShelvedStateMachineType_{name}", standard=True), "NodeId"),
        "ShelvingState/UnshelveTime": Field(left_ms, "Duration"),
    }


def _two_states(path: str, texts: tuple[str, str], *, value: bool) -> dict[str, Field]:
    return {path: Field(texts[value], "LocalizedText"), f"{path}/Id": Field(value, "Boolean")}


def message_of(state: ConditionState) -> str:
    """One line for an operator."""
    words = [state.key.sensor, state.key.condition, state.state.replace("_", " ")]
    if state.latched:
        words.append("latched")
    if state.suppressed_by:
        words.append(f"suppressed: {state.suppressed_by.replace('_', ' ')}")
    if state.retain and state.confidence is not None:
        words.append(f"confidence {state.confidence:.0%}")
    return f"{words[0]}: {', '.join(words[1:])}"
