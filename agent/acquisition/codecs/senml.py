"""Codec `senml`: SenML in JSON or CBOR (RFC 8428): a pack of records, one for each moment of each name.

The document has each name of the pack (without its base name, where all records share one), `t0` and `unit`. A record
with `vs` or `vd` holds the whole packet as text or base64. Times below 2**28 are relative to the receipt: they give no
`t0`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drsn.agent.acquisition.codecs.fields import packet_of
from drsn.agent.acquisition.codecs.json_document import parsed
from drsn.agent.acquisition.codecs.packet import Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.codecs.series import document_of

if TYPE_CHECKING:
    from collections.abc import Mapping

RELATIVE_BELOW_S: Final = 2**28
"""RFC 8428, 4.5.3: smaller times are relative to the present."""

LABELS: Final = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""RFC 8428, table 4: what CBOR has in the place of the names."""

_CBOR_ARRAYS: Final = range(0x80, 0xA0)
"""First byte of an array in CBOR; of JSON it is an ASCII character, or the first of a UTF-8 or UTF-16 mark."""

_VALUES: Final = ("v", "vs", "vd", "vb")
_MAX_TIME_S: Final = 1e11
"""Behind every Unix time; its nanoseconds are within an integer of 64 bits and some."""


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:  # noqa: ARG001 (all is in it)
    """Decode one message.

    Raises:
        PacketError: the payload is no SenML pack, or the samples are invalid.
    """
    return packet_of(document_of_pack(pack_of(payload)), payload_format)


def pack_of(payload: bytes) -> Any:  # noqa: ANN401 (any value of JSON or CBOR)
    """The pack with the names of JSON, whether it came as JSON or as CBOR.

    Raises:
        PacketError: it is neither.
    """
    return _from_cbor(payload) if payload[:1] and payload[0] in _CBOR_ARRAYS else parsed(payload)


def _from_cbor(payload: bytes) -> Any:  # noqa: ANN401 (any value of CBOR)
    """The pack with the names of JSON for its labels."""
    try:
        from drsn.agent.acquisition.codecs import cbor  # noqa: PLC0415 (optional)
    except ModuleNotFoundError:
        raise PacketError(
            Reason.BAD_DOCUMENT, "SenML in CBOR needs cbor2, which is not installed; pip install 'drsn-edge[codecs]'"
        ) from None
    pack = cbor.parsed(payload, text_keys=False)
    records = pack if isinstance(pack, list) else []
    return [
        {LABELS.get(key, str(key)) if isinstance(key, int) else str(key): value for key, value in record.items()}
        if isinstance(record, dict)
        else record
        for record in records
    ]


def document_of_pack(pack: object) -> dict[str, Any]:
    """The document of a pack: the values of each name, `t0`, `unit`, and the rate where the times give one.

    Raises:
        PacketError: the payload is no SenML pack.
    """
    if not isinstance(pack, list) or not pack or not all(isinstance(record, dict) for record in pack):
        raise PacketError(Reason.BAD_DOCUMENT, "not SenML: no list of records")
    base: dict[str, Any] = {}
    names: dict[tuple[str, str], list[tuple[Any, float]]] = {}
    units: set[str] = set()
    for at, record in enumerate(pack):
        base.update({key: value for key, value in record.items() if key in ("bn", "bt", "bu", "bv")})
        if (odd := next((key for key in record if key.endswith("_")), None)) is not None:
            raise PacketError(Reason.BAD_DOCUMENT, f"record {at} has {odd[:24]!r}, which this agent does not support")
        kind = next((key for key in _VALUES if key in record), None)
        if kind is None:
            continue
        name, time_s = (_text(base, "bn"), _text(record, "n")), _number(base, "bt") + _number(record, "t")
        value = record[kind] + base.get("bv", 0) if kind == "v" and _is_number(record[kind], base) else record[kind]
        names.setdefault(name, []).append((value, time_s))
        units.add(_text(record, "u") or _text(base, "bu"))
    return _series(names, units)


def _series(names: dict[tuple[str, str], list[tuple[Any, float]]], units: set[str]) -> dict[str, Any]:
    if not names:
        raise PacketError(Reason.EMPTY, "no values")
    shared = len({bn for bn, _ in names}) == 1
    moments = [time_s for _, time_s in next(iter(names.values()))]
    if any([time_s for _, time_s in values] != moments for values in names.values()):
        raise PacketError(Reason.BAD_DOCUMENT, "the names of the pack have different times")
    columns = {(n or bn) if shared else bn + n: [value for value, _ in values] for (bn, n), values in names.items()}
    spaced = len(moments) > 1 and len(set(moments)) > 1
    document = document_of(columns, [round(time_s * 1e9) if spaced else None for time_s in moments])
    if moments[0] >= RELATIVE_BELOW_S:
        document.setdefault("t0", moments[0])
    if len(units) == 1 and (unit := units.pop()):
        document.setdefault("unit", unit)
    return document


def _is_number(value: object, base: dict[str, Any]) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PacketError(Reason.BAD_DOCUMENT, "a value `v` is not a number")
    return bool(_number(base, "bv")) or "bv" in base


def _number(record: dict[str, Any], key: str) -> float:
    value = record.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _MAX_TIME_S:
        raise PacketError(Reason.BAD_DOCUMENT, f"{key} is not a number below {_MAX_TIME_S:g}")
    return value


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key, "")
    if not isinstance(value, str):
        raise PacketError(Reason.BAD_DOCUMENT, f"{key} is not a text")
    return value
