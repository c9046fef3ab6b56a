"""Samples as bytes: numbers of the type, the byte order and the place that an input's configuration states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from drsn.agent.acquisition.codecs.packet import PacketError, Reason, plain_row, samples_of, scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.codecs.packet import DtypeName, PayloadFormat

ITEM_BYTES: Final = {"i8": 1, "u8": 1, "i16": 2, "u16": 2, "i24": 3, "i32": 4, "f32": 4, "f64": 8}
"""Type of a sample -> its bytes. `i24` is packed: three bytes a sample, as ADCs send it."""

_NUMPY: Final = {"i8": "i1", "u8": "u1", "i16": "i2", "u16": "u2", "i32": "i4", "f32": "f4", "f64": "f8"}
_I24_SHIFT: Final = 8
"""An i24 stands in the upper three bytes of an i32 for a moment; the shift extends its sign."""


def samples_from_bytes(data: bytes | memoryview, payload_format: PayloadFormat) -> NDArray[np.float32]:
    """Decode the samples of an input into float32[channels, samples]: `(count + offset) * scale`.

    Raises:
        PacketError: there are no samples or no whole number of them, or one is not finite.
    """
    form = payload_format
    if form.plain:
        return samples_of(data, cast("DtypeName", form.dtype), form.scale, form.channels, planar=form.planar is True)
    return calibrated(in_channels(numbers_from_bytes(data, form), form), form)


def numbers_from_bytes(data: bytes | memoryview, payload_format: PayloadFormat) -> NDArray[Any]:
    """Decode the numbers alone: [samples of all channels], in the input's type or one that holds it.

    Raises:
        PacketError: there are none, or no whole number of them.
    """
    form = payload_format
    size = len(data) - form.header_bytes
    item = ITEM_BYTES[form.dtype]
    if size <= 0:
        raise PacketError(Reason.EMPTY, f"no samples after {form.header_bytes} header bytes")
    if size % (item * form.channels):
        raise PacketError(
            Reason.TRUNCATED,
            f"{size} bytes are not a whole number of {form.dtype} samples in {form.channels} channels",
        )
    order = ">" if form.big_endian else "<"
    if form.dtype == "i24":
        return _packed_24_bit(memoryview(data)[form.header_bytes :], big_endian=form.big_endian)
    return np.frombuffer(data, np.dtype(order + _NUMPY[form.dtype]), offset=form.header_bytes)


def in_channels(numbers: NDArray[Any], payload_format: PayloadFormat) -> NDArray[Any]:
    """Numbers in one row as [channels, samples]."""
    channels = payload_format.channels
    if numbers.size % channels:
        raise PacketError(Reason.TRUNCATED, f"{numbers.size} samples do not fill {channels} channels")
    return numbers.reshape(channels, -1) if payload_format.planar else numbers.reshape(-1, channels).T


def calibrated(numbers: NDArray[Any], payload_format: PayloadFormat) -> NDArray[np.float32]:
    """Numbers[channels, samples] as contiguous float32: `(count + offset) * scale`.

    Raises:
        PacketError: a value is NaN, infinite or above `MAX_AMPLITUDE`.
    """
    form = payload_format
    if numbers.shape[0] == 1 and form.scale == 1.0 and not form.offset and (row := plain_row(numbers[0])) is not None:
        return row
    if form.offset:
        numbers = numbers + np.float64(form.offset)
    if numbers.dtype.itemsize < _NUMPY_F64_BYTES:  # numbers of fewer bytes are within float32
        return scaled(numbers, form.scale)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite as float32 is refused
        return scaled(numbers, form.scale)


_NUMPY_F64_BYTES: Final = 8


def _packed_24_bit(data: memoryview, *, big_endian: bool) -> NDArray[np.int32]:
    triples = np.frombuffer(data, np.uint8).reshape(-1, 3)
    quads = np.zeros((len(triples), 4), np.uint8)
    quads[:, 1:] = triples[:, ::-1] if big_endian else triples  # little-endian, the lowest byte 0
    numbers = quads.view("<i4")[:, 0] >> _I24_SHIFT
    return numbers.astype(np.int32, copy=False)
