"""A packet: one MQTT message with samples, decoded by any of the codecs.

`Packet`, like `Message`, `Window` and `Cursor`, is made for every message. Nothing changes one after it is made, but it
is not declared frozen: a frozen dataclass sets its fields by `object.__setattr__`, which takes 3 µs instead of 0.3.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAX_SAMPLE_RATE_HZ = 1_000_000.0
"""Above the rate of every accelerometer. It bounds the memory of a ring, which grows with the rate."""

MAX_AMPLITUDE = 1e15
"""Above the range of every sensor in any unit, full-scale 32-bit counts included; its square still fits float32."""

SUMMED_SAMPLES: Final = 8192
"""Up to this many samples are checked by the sum of their squares, in one call of BLAS. It is three times as fast as
their largest and least value. For more than 10,000 numbers OpenBLAS starts threads."""

BOUNDED_ENERGY: Final = MAX_AMPLITUDE**2 / 2
"""If the sum of all squares is no more than this, no sample is above `MAX_AMPLITUDE`. Half: float32 rounds the sum."""

MAX_SAFE_SCALE: Final = 1e18
"""A count, 64-bit ones included, times a scale up to this is within float32."""

DtypeName = Literal["f32", "i16", "i32"]
"""Type of a sample of the plain form, little-endian: what a frame may hold."""

SampleType = Literal["f32", "i16", "i32", "i8", "u8", "u16", "i24", "f64"]
"""Type of a sample in bytes of an input."""

Encoding = Literal["auto", "base64", "hex", "text"]
TimeUnit = Literal["s", "ms", "us", "ns"]

MAX_U32 = 2**32 - 1
MAX_T0_UNIX_NS = 2**63 - 1


class Reason(str, Enum):
    """Why a packet was refused; the key under which it is counted."""

    RETAINED = "retained"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    BAD_HEADER = "bad_header"
    BAD_CRC = "bad_crc"
    BAD_DOCUMENT = "bad_document"
    BAD_PROPERTY = "bad_property"
    WRONG_ENCODING = "wrong_encoding"
    NON_FINITE = "non_finite"
    WRONG_RATE = "wrong_rate"
    WRONG_CHANNELS = "wrong_channels"
    UNKNOWN_TOPIC = "unknown_topic"
    ILLEGAL_SENSOR = "illegal_sensor"
    TOO_MANY_SENSORS = "too_many_sensors"
    POISON = "poison"
    INTERNAL = "internal"


class PacketError(Exception):
    """The message is refused: its bytes are not a usable packet. It is counted by `reason` and never fatal."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason, self.detail = reason, detail
        self.sensors: tuple[str, ...] = ()
        """Ids of the sensors that sent the packet, where they are known."""


@dataclass(slots=True)
class Packet:
    """Samples of one or more channels, and what the sender reports about them."""

    samples: NDArray[np.float32]
    """float32[channels, samples], finite, in `unit`."""
    t0_unix_ns: int | None = None
    """Time of the first sample."""
    sample_rate_hz: float | None = None
    seq: int | None = None
    """uint32 that rises by one with each packet and wraps."""
    boot_id: int = 0
    """Changes when the sensor restarts; 0: unknown."""
    rpm: float | None = None
    unit: str | None = None
    clock_synced: bool | None = None
    clipped: bool = False
    """The device reports clipping."""
    count: float | None = field(default=None, compare=False)
    """Unit per count if the samples came as 16-bit counts. It describes the encoding, so it does not compare."""

    seq_span: int = 1
    """Sequence numbers of the message, where it holds several packets; `seq` is the last of them."""
    encoded: bytes | None = field(default=None, compare=False)
    """The bytes of the samples, where the configuration alone states what they hold (`acquisition.encoding_watch`)."""

    def only(self, row: int) -> Packet:
        """The packet with only this row of the samples."""
        return replace(self, samples=self.samples[row : row + 1])


@dataclass(frozen=True, slots=True)
class PayloadFormat:
    """What the configuration of an input states about its packets, where they do not carry it themselves."""

    dtype: SampleType = "f32"
    scale: float = 1.0
    """Unit per count."""
    channels: int = 1
    planar: bool | None = None
    """True: one channel after the other; false: interleaved; None: not stated, so interleaved."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Name of a packet field -> its path in the document, where that is not its name."""
    offset: float = 0.0
    """Added to each count, before the scale."""
    big_endian: bool = False
    header_bytes: int = 0
    """Bytes before the samples, which are skipped."""
    encoding: Encoding = "auto"
    """Of samples as text."""
    channel_names: tuple[str, ...] = ()
    """Keys of the channels, where a document has one value for each."""
    channel_paths: tuple[str, ...] = ()
    """Paths of the channels' samples, where each has its own; `fields` then has none for `samples`."""
    t0_unit: TimeUnit = "s"
    time_zone: str | None = None
    """IANA name of the zone of a `t0` without an offset from UTC."""
    plain: bool = field(init=False, compare=False, default=True)
    """Samples as bytes are of a type that a frame holds, little-endian, from the first byte on, with no offset."""

    def __post_init__(self) -> None:
        special = self.big_endian or self.offset or self.header_bytes or self.dtype not in DTYPES
        object.__setattr__(self, "plain", not special)


NATIVE_F32: Final = np.dtype(np.float32)

DTYPES: dict[DtypeName, np.dtype[np.generic]] = {
    "i16": np.dtype("<i2"),
    "i32": np.dtype("<i4"),
    "f32": np.dtype("<f4"),
}


def samples_of(
    data: bytes | memoryview, dtype_name: DtypeName, scale: float, channels: int, *, planar: bool = False
) -> NDArray[np.float32]:
    """Decode little-endian numbers into float32[channels, samples], counts times the scale.

    Raises:
        PacketError: there are no samples or no whole number of them, or one is not finite.
    """
    dtype = DTYPES[dtype_name]
    if not len(data):
        raise PacketError(Reason.EMPTY, "no samples")
    if len(data) % (dtype.itemsize * channels):
        raise PacketError(
            Reason.TRUNCATED,
            f"{len(data)} bytes are not a whole number of {dtype_name} samples in {channels} channels",
        )
    flat = np.frombuffer(data, dtype)
    if channels == 1 and scale == 1.0 and (row := plain_row(flat)) is not None:
        return row
    return scaled(flat.reshape(channels, -1) if channels == 1 or planar else flat.reshape(-1, channels).T, scale)


def plain_row(flat: NDArray[Any]) -> NDArray[np.float32] | None:
    """Contiguous samples of one channel that `scaled` would return as they are: [1, samples]; None: it must decide."""
    # `vdot` warns of no overflow, unlike `dot`. A NaN makes the sum NaN, and the comparison false.
    if flat.dtype is NATIVE_F32 and flat.size <= SUMMED_SAMPLES and float(np.vdot(flat, flat)) <= BOUNDED_ENERGY:
        return flat[np.newaxis]
    return None


def scaled(counts: NDArray[np.generic], scale: float) -> NDArray[np.float32]:
    """Counts[channels, samples] times `scale` as contiguous float32 within ±`MAX_AMPLITUDE`.

    Raises:
        PacketError: a value is NaN, infinite or above ±`MAX_AMPLITUDE`, or becomes so by the scale.
    """
    samples = np.ascontiguousarray(counts, dtype=np.float32)
    if scale != 1.0:
        if counts.dtype.kind == "i" and abs(scale) <= MAX_SAFE_SCALE:
            samples = samples * np.float32(scale)
        else:
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is caught just below
                samples = samples * np.float32(scale)
    if plain_row(samples.reshape(-1)) is None and not max(samples.max(), -samples.min()) <= MAX_AMPLITUDE:
        # Also if one is NaN, which makes each comparison false.
        bad = samples.size - int(np.count_nonzero(np.abs(samples) <= MAX_AMPLITUDE))
        raise PacketError(Reason.NON_FINITE, f"{bad} of {samples.size} samples are NaN, infinite or above 1e15")
    return samples
