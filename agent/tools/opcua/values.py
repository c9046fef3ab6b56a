"""Values of the bridge as variants of asyncua."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from drsn.agent.tools.opcua.condition_fields import NodeName

if TYPE_CHECKING:
    from drsn.agent.tools.opcua.condition_fields import Field
    from drsn.agent.tools.opcua.quality import Quality

NAMESPACE_URI: Final = "urn:drsn-edge:opcua"
NAMESPACE: Final = 2
"""Index of the bridge's own nodes: 0 is the standard's, 1 the server's."""


def own(text: str) -> ua.NodeId:
    """The id of a node of the bridge."""
    return ua.NodeId(text, NAMESPACE)


def standard(name: str) -> ua.NodeId:
    """The id of a node of the standard, such as `AlarmConditionType`."""
    return ua.NodeId(getattr(ua.ObjectIds, name))


def status_code(name: str) -> ua.StatusCode:
    """A status code, such as `BadEventIdUnknown`."""
    return ua.StatusCode(getattr(ua.StatusCodes, name))


def variant(field: Field) -> ua.Variant:
    """A field of a condition or of a sensor as a variant; without a value it is null."""
    value: Any = field.value
    kind = ua.VariantType.Double if field.kind == "Duration" else ua.VariantType[field.kind]
    if isinstance(value, NodeName):
        value = standard(value.name) if value.standard else own(value.name)
    elif field.kind == "LocalizedText":
        value = ua.LocalizedText(value)
    elif field.kind == "StatusCode":
        value = status_code(value.value)
    elif field.kind == "NodeId" and value is None:
        value = ua.NodeId()
    return ua.Variant(value, kind) if value is not None else ua.Variant()


def data_type(kind: str) -> ua.NodeId:
    """The id of the type of a variable."""
    return ua.NodeId(getattr(ua.ObjectIds, kind))


def data_value(field: Field, quality: Quality) -> ua.DataValue:
    """The value of a variable of a sensor; without a value its status is `BadWaitingForInitialData`."""
    code = "BadWaitingForInitialData" if field.value is None else quality.value
    now = datetime.now(timezone.utc)
    return ua.DataValue(variant(field), StatusCode=status_code(code), SourceTimestamp=now, ServerTimestamp=now)
