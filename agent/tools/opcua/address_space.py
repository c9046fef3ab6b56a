"""The nodes of the bridge: Objects/Drsn/<agent>/<sensor> with its variables and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from drsn.agent.tools.opcua.condition_fields import Field, condition_id, node_id
from drsn.agent.tools.opcua.quality import Quality
from drsn.agent.tools.opcua.sensor_fields import MEANINGS
from drsn.agent.tools.opcua.values import NAMESPACE, data_type, data_value, own, standard, variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asyncua import Server

    from drsn.agent.tools.opcua.condition_state import ConditionKey, ConditionState

ROOT: Final = "Drsn"
"""Text of the node below Objects."""

CONDITION_METHODS: Final = ("AcknowledgeableConditionType_Acknowledge", "ConditionType_AddComment")
SHELVING_METHODS: Final = (
    "AlarmConditionType_ShelvingState_TimedShelve",
    "AlarmConditionType_ShelvingState_Unshelve",
)
"""Methods of the standard's types: each condition refers to them, and a client calls them with its node."""

NOTIFIER: Final = 1
"""EventNotifier: clients may subscribe to events."""

_TWO_STATES: Final = (
    "EnabledState",
    "AckedState",
    "ActiveState",
    "SuppressedState",
    "OutOfServiceState",
    "LatchedState",
)
_CONDITION_VARIABLES: Final = ("Quality", "LastSeverity", "Comment")


class AddressSpace:
    """Creates the nodes as agents, sensors and conditions appear, and writes their values.

    Args:
        server: that was initialised.
        max_sensors: further ones get no nodes.
    """

    def __init__(self, server: Server, max_sensors: int) -> None:
        self.refused: set[str] = set()
        """Sensors without nodes."""
        self._server = server
        self._max_sensors = max_sensors
        self._nodes: dict[str, list[ua.NodeId]] = {}
        """Text of the node of an agent, a sensor or a condition -> it and what is below it."""
        self._written: dict[str, dict[str, tuple[Field, Quality]]] = {}
        """Text of the node of a sensor -> what was written."""

    async def create_root(self) -> None:
        """Create Objects/Drsn, with the state of the connection to the broker."""
        assert await self._server.register_namespace("urn:drsn-edge:opcua") == NAMESPACE
        await self._server.nodes.server.set_event_notifier([ua.EventNotifier.SubscribeToEvents])
        await self._add(ROOT, [_object(ua.NodeId(ua.ObjectIds.ObjectsFolder), ROOT, ROOT, "FolderType", "Organizes")])
        await self._refer(ua.NodeId(ua.ObjectIds.Server), "HasNotifier", own(ROOT))
        connected = _variable(ROOT, "BrokerConnected", Field(value=False, kind="Boolean"), "HasComponent", NAMESPACE)
        await self._add(ROOT, [connected])

    async def write_connected(self, *, connected: bool) -> None:
        """Write whether the broker is connected."""
        field = Field(connected, "Boolean")
        await self._server.write_attribute_value(own(f"{ROOT}/BrokerConnected"), data_value(field, Quality.GOOD))

    async def write_sensor(self, agent: str, sensor: str, fields: Mapping[str, Field], quality: Quality) -> None:
        """Write the variables of a sensor that have changed; its nodes are created at the first time."""
        text = node_id(agent, sensor)
        if text not in self._nodes and not await self._create_sensor(agent, sensor, fields):
            return
        written = self._written.setdefault(text, {})
        for name, field in fields.items():
            if written.get(name) != (field, quality):
                written[name] = (field, quality)
                await self._server.write_attribute_value(own(node_id(text, name)), data_value(field, quality))

    async def write_condition(self, state: ConditionState, fields: Mapping[str, Field]) -> bool:
        """Write the variables of a condition; return whether it has nodes: those of its sensor may be refused."""
        agent, sensor, _ = state.key
        if node_id(agent, sensor) not in self._nodes:
            return False
        text = condition_id(state)
        if text not in self._nodes:
            await self._create_condition(state, fields)
        for path, field in fields.items():
            value = ua.DataValue(variant(field))
            await self._server.write_attribute_value(own(f"{text}/{path}"), value)
        return True

    async def remove_sensor(self, agent: str, sensor: str) -> None:
        """Delete the nodes of a sensor and of its conditions."""
        text = node_id(agent, sensor)
        for each in [name for name in self._nodes if name == text or name.startswith(f"{text}/")]:
            await self._delete(each)
        self._written.pop(text, None)
        self.refused.discard(text)

    async def remove_condition(self, key: ConditionKey) -> None:
        """Delete the nodes of a condition."""
        await self._delete(node_id(key.agent, key.sensor, "conditions", key.condition))

    def sensors(self) -> set[tuple[str, str]]:
        """Agent and sensor of each sensor with nodes."""
        return {(agent, sensor) for agent, _, sensor in (text.partition("/") for text in self._written)}

    async def _create_sensor(self, agent: str, sensor: str, fields: Mapping[str, Field]) -> bool:
        text = node_id(agent, sensor)
        if len(self._written) >= self._max_sensors:
            if len(self.refused) < self._max_sensors:
                self.refused.add(text)
            return False
        if agent not in self._nodes:
            await self._add(agent, [_object(own(ROOT), agent, agent, "FolderType", "HasNotifier")])
        variables = [
            _variable(text, name, field, "HasComponent", NAMESPACE, MEANINGS[name]) for name, field in fields.items()
        ]
        await self._add(text, [_object(own(agent), text, sensor, "BaseObjectType", "HasNotifier"), *variables])
        self._written[text] = {}
        return True

    async def _create_condition(self, state: ConditionState, fields: Mapping[str, Field]) -> None:
        text, source = condition_id(state), node_id(state.key.agent, state.key.sensor)
        items = [_object(own(source), text, state.key.condition, "AlarmConditionType", "HasComponent")]
        shelving = _object(
            own(text), f"{text}/ShelvingState", "ShelvingState", "ShelvedStateMachineType", "HasComponent", 0
        )
        items.append(shelving)
        for path, field in sorted(fields.items()):  # what a path is below comes before it
            parent, _, name = path.rpartition("/")
            reference = (
                "HasComponent" if name in (*_TWO_STATES, *_CONDITION_VARIABLES, "CurrentState") else "HasProperty"
            )
            items.append(_variable(f"{text}/{parent}".rstrip("/"), name, field, reference, 0))
        await self._add(text, items)
        await self._refer(own(source), "HasCondition", own(text))
        for name in CONDITION_METHODS:
            await self._refer(own(text), "HasComponent", standard(name), ua.NodeClass.Method)
        for name in SHELVING_METHODS:
            await self._refer(own(f"{text}/ShelvingState"), "HasComponent", standard(name), ua.NodeClass.Method)

    async def _add(self, text: str, items: Iterable[ua.AddNodesItem]) -> None:
        given = list(items)
        for result in await self._server.iserver.isession.add_nodes(given):
            result.StatusCode.check()
        self._nodes.setdefault(text, []).extend(item.RequestedNewNodeId for item in given)

    async def _refer(
        self, source: ua.NodeId, kind: str, target: ua.NodeId, target_class: ua.NodeClass = ua.NodeClass.Object
    ) -> None:
        item = ua.AddReferencesItem()
        item.SourceNodeId, item.ReferenceTypeId, item.TargetNodeId = source, standard(kind), target
        item.IsForward, item.TargetNodeClass = True, target_class
        for result in await self._server.iserver.isession.add_references([item]):
            result.check()

    async def _delete(self, text: str) -> None:
        """Delete nodes by their ids: below a condition are also the methods of the standard's types."""
        parameters = ua.DeleteNodesParameters()
        for node in self._nodes.pop(text, ()):
            item = ua.DeleteNodesItem()
            item.NodeId, item.DeleteTargetReferences = node, True
            parameters.NodesToDelete.append(item)
        await self._server.iserver.isession.delete_nodes(parameters)


def _object(parent: ua.NodeId, text: str, name: str, kind: str, reference: str, namespace: int = NAMESPACE) -> Any:
    attributes = ua.ObjectAttributes()
    attributes.EventNotifier = NOTIFIER
    return _item(parent, text, ua.QualifiedName(name, namespace), (kind, reference, ua.NodeClass.Object), attributes)


def _variable(
    parent: str, name: str, field: Field, reference: str, namespace: int, description: str = ""
) -> ua.AddNodesItem:
    attributes = ua.VariableAttributes()
    attributes.Value, attributes.DataType = variant(field), data_type(field.kind)
    attributes.ValueRank, attributes.Description = ua.ValueRank.Scalar, ua.LocalizedText(description)
    attributes.AccessLevel = attributes.UserAccessLevel = ua.AccessLevel.CurrentRead.mask
    kind = "BaseDataVariableType" if reference == "HasComponent" else "PropertyType"
    if name in _TWO_STATES:
        kind = "TwoStateVariableType"
    elif name in _CONDITION_VARIABLES and namespace == 0:
        kind = "ConditionVariableType"
    names = (kind, reference, ua.NodeClass.Variable)
    return _item(own(parent), f"{parent}/{name}", ua.QualifiedName(name, namespace), names, attributes)


def _item(
    parent: ua.NodeId,
    text: str,
    name: ua.QualifiedName,
    kinds: tuple[str, str, ua.NodeClass],
    attributes: Any,
) -> ua.AddNodesItem:
    type_name, reference, node_class = kinds
    attributes.DisplayName = ua.LocalizedText(name.Name)
    item = ua.AddNodesItem()
    item.ParentNodeId, item.ReferenceTypeId = parent, standard(reference)
    item.RequestedNewNodeId, item.BrowseName, item.NodeClass = own(text), name, node_class
    item.TypeDefinition, item.NodeAttributes = standard(type_name), attributes
    return item
