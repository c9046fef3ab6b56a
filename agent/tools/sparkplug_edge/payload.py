"""Payloads of the edge node: metrics to bytes, and the metrics of a command. No aliases: the names are short."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from drsn.agent.acquisition.codecs.packet import PacketError
from drsn.agent.acquisition.codecs.sparkplug_payload import parsed, payload_class, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable

Value: TypeAlias = "bool | int | float | str | None"


class DataType(IntEnum):
    """Data types of Sparkplug 3.0, 6.4.16, that the edge node uses."""

    INT32 = 3
    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13


_FIELDS = {
    DataType.INT32: "int_value",
    DataType.INT64: "long_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
    DataType.DATETIME: "long_value",
}
"""Data type -> field of the value. The integers of this edge node are not negative."""


class Metric(NamedTuple):
    """One metric of a message."""

    name: str
    datatype: DataType
    value: Value
    """None: null. DATETIME: ms since 1970."""
    timestamp_ms: int
    historical: bool = False


class PayloadError(ValueError):
    """A payload is not one of Sparkplug B."""


def encoded(metrics: Iterable[Metric], timestamp_ms: int, seq: int | None) -> bytes:
    """Return a payload.

    Args:
        metrics: its metrics.
        timestamp_ms: when it is published, ms since 1970.
        seq: number of the message, 0 to 255; None: an NDEATH has none.
    """
    payload = payload_class()(timestamp=timestamp_ms)
    if seq is not None:
        payload.seq = seq
    for metric in metrics:
        # The data type is in every message (3.0 only requires it in births), so that a client that has missed the
        # birth can decode the value: sparkplug-payload 1.0.3 returns null without it.
        added = payload.metrics.add(name=metric.name, timestamp=metric.timestamp_ms, datatype=int(metric.datatype))
        if metric.historical:
            added.is_historical = True
        if metric.value is None:
            added.is_null = True
        else:
            setattr(added, _FIELDS[metric.datatype], metric.value)
    return bytes(payload.SerializeToString())


def command_values(payload: bytes) -> list[tuple[str, Any]]:
    """Names and values of the metrics of a command; a metric that has an alias alone has the name "".

    Raises:
        PayloadError: the payload is not one of Sparkplug B.
    """
    try:
        return [(metric.name, value_of(metric, metric.datatype)) for metric in parsed(payload).metrics]
    except PacketError as error:
        raise PayloadError(str(error)) from None
