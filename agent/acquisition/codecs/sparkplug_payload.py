"""The payload of Sparkplug B as a protocol buffer, described here: what generated code would add is a version lock.

Field numbers and types are those of `sparkplug_b.proto` (Eclipse Tahu; Sparkplug 3.0, 6.4). Fields that no
diagnosis needs are left out; the library skips them.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from drsn.agent.acquisition.codecs.packet import PacketError, Reason

ARRAYS: Final = {
    22: "<i1", 23: "<i2", 24: "<i4", 25: "<i8", 26: "<u1", 27: "<u2", 28: "<u4", 29: "<u8", 30: "<f4", 31: "<f8",
}  # fmt: skip
"""Data type of an array of numbers -> how its bytes hold them (Sparkplug 3.0, 6.4.17)."""

_SIGNED: Final = {1: 32, 2: 32, 3: 32, 4: 64}
"""Signed data types -> bits of the unsigned field that carries their two's complement."""

_U32, _U64, _FLOAT, _DOUBLE, _BOOL, _TEXT, _BYTES, _MESSAGE = 13, 4, 2, 1, 8, 9, 12, 11
_MESSAGES: Final[dict[str, tuple[tuple[int, str, int, str], ...]]] = {
    "DataSetValue": ((1, "int_value", _U32, ""), (2, "long_value", _U64, ""), (3, "float_value", _FLOAT, ""),
                     (4, "double_value", _DOUBLE, ""), (5, "boolean_value", _BOOL, ""), (6, "string_value", _TEXT, "")),
    "Row": ((1, "elements", _MESSAGE, "*DataSetValue"),),
    "DataSet": ((2, "columns", _TEXT, "*"), (3, "types", _U32, "*"), (4, "rows", _MESSAGE, "*Row")),
    "Metric": ((1, "name", _TEXT, ""), (2, "alias", _U64, ""), (3, "timestamp", _U64, ""), (4, "datatype", _U32, ""),
               (5, "is_historical", _BOOL, ""), (7, "is_null", _BOOL, ""), (10, "int_value", _U32, ""),
               (11, "long_value", _U64, ""), (12, "float_value", _FLOAT, ""), (13, "double_value", _DOUBLE, ""),
               (14, "boolean_value", _BOOL, ""), (15, "string_value", _TEXT, ""), (16, "bytes_value", _BYTES, ""),
               (17, "dataset_value", _MESSAGE, "DataSet")),
    "Payload": ((1, "timestamp", _U64, ""), (2, "metrics", _MESSAGE, "*Metric"), (3, "seq", _U64, "")),
}  # fmt: skip
"""Message -> (number, name, type, "*" if repeated and the name of a message)."""

_SCALARS: Final = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")


@cache
def payload_class() -> type[Any]:
    """The class of a payload."""
    file = descriptor_pb2.FileDescriptorProto(name="drsn/sparkplug_b.proto", package="drsn.sparkplug", syntax="proto2")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for number, name, kind, form in fields:
            field = described.field.add(name=name, number=number, type=kind, label=3 if form[:1] == "*" else 1)
            if kind == _MESSAGE:
                field.type_name = f".drsn.sparkplug.{form.lstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName("drsn.sparkplug.Payload"))
    return made


def parsed(payload: bytes) -> Any:  # noqa: ANN401 (the class is made when it is first used)
    """The payload as a message.

    Raises:
        PacketError: it is no protocol buffer of this form.
    """
    message = payload_class()()
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        raise PacketError(Reason.BAD_DOCUMENT, f"not Sparkplug B: {error}"[:120]) from None
    return message


def value_of(metric: Any, datatype: int) -> Any:  # noqa: ANN401 (any value of a metric)
    """The value of a metric: number, text, bytes, array of numbers, or a map of a data set's columns; None: null.

    Raises:
        PacketError: an array is no whole number of its items.
    """
    if metric.is_null:
        return None
    if metric.HasField("bytes_value"):
        return _array(metric.bytes_value, datatype)
    if metric.HasField("dataset_value"):
        return _columns(metric.dataset_value)
    return _scalar(metric, datatype)


def _array(data: bytes, datatype: int) -> Any:  # noqa: ANN401 (bytes, or an array of any type)
    if datatype not in ARRAYS:
        return data
    dtype = np.dtype(ARRAYS[datatype])
    if len(data) % dtype.itemsize:
        raise PacketError(Reason.TRUNCATED, f"{len(data)} bytes are not a whole number of {dtype.str} in an array")
    return np.frombuffer(data, dtype)


def _columns(data_set: Any) -> dict[str, list[Any]]:  # noqa: ANN401 (as above)
    kinds = list(data_set.types)
    if any(len(row.elements) != len(data_set.columns) for row in data_set.rows) or len(kinds) != len(data_set.columns):
        raise PacketError(
            Reason.BAD_DOCUMENT, "a row of a data set has another number of elements than the set has columns"
        )
    return {
        name: [_scalar(row.elements[at], kinds[at]) for row in data_set.rows]
        for at, name in enumerate(data_set.columns)
    }


def _scalar(value: Any, datatype: int) -> Any:  # noqa: ANN401 (as above)
    name = next((name for name in _SCALARS if value.HasField(name)), None)
    if name is None:
        return None
    found = getattr(value, name)
    bits = _SIGNED.get(datatype)
    if bits is not None and isinstance(found, int) and not isinstance(found, bool) and found >> (bits - 1):
        return found - (1 << bits)
    return found
