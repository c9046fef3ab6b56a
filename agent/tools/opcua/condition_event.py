"""Events of conditions as asyncua sends them, to all subscriptions or as a refresh to one of them."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from drsn.agent.tools.opcua.address_space import ROOT
from drsn.agent.tools.opcua.condition_fields import Field, NodeName, condition_id, node_id
from drsn.agent.tools.opcua.values import own, standard, variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncua import Server
    from asyncua.server.internal_subscription import InternalSubscription

    from drsn.agent.tools.opcua.condition_state import ConditionState

TYPES: Final = ("AlarmConditionType", "AcknowledgeableConditionType", "ConditionType", "BaseEventType")
"""Type of the events, and its supertypes."""

SERVER: Final = ua.NodeId(ua.ObjectIds.Server)

NO_LIMIT: Final = 0
"""A refresh is not cut to the queue of the client, which may have one place: its end would displace its begin."""


class _TypeOrSupertype(ua.NodeId):
    """EventType in a filter of a client, equal to the type of the event and to each of its supertypes.

    OfType is an equality in the filters of asyncua. In the standard it includes the subtypes: without this class, a
    client that subscribes to conditions gets no alarm. Python calls the comparison of a subclass first, on both sides.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(standard(names[0]).Identifier)
        object.__setattr__(self, "types", frozenset(standard(name) for name in names))  # a NodeId is frozen

    def __eq__(self, other: object) -> bool:
        return other in self.__dict__["types"]

    def __hash__(self) -> int:
        return int(super().__hash__())


class ConditionEvent:
    """An event in the form that the subscriptions of asyncua take."""

    def __init__(self, fields: Mapping[str, Field], condition: ua.NodeId | None, types: tuple[str, ...]) -> None:
        self.EventType = _TypeOrSupertype(types)
        self.emitting_node = SERVER
        self._fields, self._condition = fields, condition

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        field = self._fields.get(name)
        return None if field is None else variant(field).Value

    def to_event_fields(self, select_clauses: list[ua.SimpleAttributeOperand]) -> list[ua.Variant]:
        """The values of the fields that a client has selected; null for those that the event does not have."""
        return [self._selected(clause) for clause in select_clauses]

    def _selected(self, clause: ua.SimpleAttributeOperand) -> ua.Variant:
        if not clause.BrowsePath:  # the condition itself: its ConditionId
            is_id = clause.AttributeId == ua.AttributeIds.NodeId and self._condition is not None
            return ua.Variant(self._condition, ua.VariantType.NodeId) if is_id else ua.Variant()
        field = self._fields.get("/".join(name.Name for name in clause.BrowsePath))
        return ua.Variant() if field is None else variant(field)


async def send(server: Server, state: ConditionState, fields: Mapping[str, Field]) -> None:
    """Send the event of a change to each subscription."""
    event = ConditionEvent(fields, own(condition_id(state)), TYPES)
    for subscription in list(server.iserver.subscription_service.subscriptions.values()):
        for node in _notifiers(state):
            event.emitting_node = node
            await subscription.monitored_item_srv.trigger_event(event)


async def refresh(
    subscription: InternalSubscription, states: Mapping[ConditionState, Mapping[str, Field]], item: int | None
) -> None:
    """Send RefreshStart, the events of the retained conditions and RefreshEnd to one subscription.

    Args:
        subscription: of the client that asked.
        states: retained conditions -> fields.
        item: monitored item; None: all.
    """
    items = subscription.monitored_item_srv._monitored_items  # noqa: SLF001 (asyncua has no public way to one item)
    chosen = {mid: data for mid, data in items.items() if mid == item or item is None}
    events = {mid: data for mid, data in chosen.items() if data.where_clause_evaluator is not None}
    for mid, data in events.items():
        await _send_to(subscription, mid, data, _refresh_event("RefreshStartEventType"))
        for state, fields in states.items():
            event = ConditionEvent(fields, own(condition_id(state)), TYPES)
            if data.read_value_id.NodeId in _notifiers(state) and data.where_clause_evaluator.eval(event):
                await _send_to(subscription, mid, data, event)
        await _send_to(subscription, mid, data, _refresh_event("RefreshEndEventType"))


def _notifiers(state: ConditionState) -> tuple[ua.NodeId, ...]:
    """Nodes whose subscribers get the events of a condition."""
    agent, sensor, _ = state.key
    return SERVER, own(ROOT), own(agent), own(node_id(agent, sensor))


async def _send_to(subscription: InternalSubscription, mid: int, data: Any, event: ConditionEvent) -> None:
    """Send an event to a monitored item, without its filter: RefreshStart and RefreshEnd pass each."""
    fields = ua.EventFieldList()
    fields.ClientHandle = data.client_handle
    fields.EventFields = event.to_event_fields(data.filter.SelectClauses)
    await subscription.enqueue_event(mid, fields, NO_LIMIT)


def _refresh_event(kind: str) -> ConditionEvent:
    now = datetime.now(timezone.utc)
    fields = {
        "EventId": Field(uuid.uuid4().bytes, "ByteString"),
        "EventType": Field(NodeName(kind, standard=True), "NodeId"),
        "SourceNode": Field(NodeName("Server", standard=True), "NodeId"),
        "SourceName": Field("Server", "String"),
        "Time": Field(now, "DateTime"),
        "ReceiveTime": Field(now, "DateTime"),
        "Message": Field(kind.removesuffix("EventType"), "LocalizedText"),
        "Severity": Field(1, "UInt16"),
    }
    return ConditionEvent(fields, None, (kind, "SystemEventType", "BaseEventType"))
