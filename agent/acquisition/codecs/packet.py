"""A packet: one MQTT message of samples, decoded. What every codec makes, whatever the bytes looked like."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAX_SAMPLE_RATE_HZ = 1_000_000.0
"""Above every accelerometer; bounds the memory of a ring, which grows with the rate."""

MAX_AMPLITUDE = 1e15
"""In any unit beyond every sensor, full-scale 32-bit counts included; its square still fits float32."""

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
    NON_FINITE = "non_finite"
    WRONG_RATE = "wrong_rate"
    WRONG_CHANNELS = "wrong_channels"
    UNKNOWN_TOPIC = "unknown_topic"
    ILLEGAL_SENSOR = "illegal_sensor"
    TOO_MANY_SENSORS = "too_many_sensors"
    POISON = "poison"
    INTERNAL = "internal"


class PacketError(Exception):
    """The sender's fault: these bytes are no packet. Counted by `reason`, never fatal."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.sensors: tuple[str, ...] = ()
        """Whose packet it was, where that is known."""


@dataclass(frozen=True, slots=True)
class Packet:
    """Samples of one or more channels, and what the sender said about them."""

    samples: NDArray[np.float32]
    """float32[channels, samples], finite, in `unit`."""
    t0_unix_ns: int | None = None
    """Time of the first sample."""
    sample_rate_hz: float | None = None
    seq: int | None = None
    """uint32, rises by one a packet and wraps."""
    boot_id: int = 0
    """Changes when the sensor restarts; 0: unknown."""
    rpm: float | None = None
    unit: str | None = None
    clock_synced: bool | None = None
    clipped: bool = False
    """The device says that it clipped."""
    count: float | None = field(default=None, compare=False)
    """Unit per count where the samples came as 16-bit counts: how it was sent, not what it says."""

    def only(self, row: int) -> Packet:
        """The packet of one channel."""
        return replace(self, samples=self.samples[row : row + 1])


@dataclass(frozen=True, slots=True)
class Format:
    """What a packet of one input does not say itself, from the configuration."""

    dtype: Literal["f32", "i16", "i32"] = "f32"
    scale: float = 1.0
    """Unit per count."""
    channels: int = 1
    planar: bool = False
    """Channels one after the other, instead of interleaved."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Of a document: packet field -> dotted path."""


DTYPES: dict[str, np.dtype[np.generic]] = {
    "i16": np.dtype("<i2"),
    "i32": np.dtype("<i4"),
    "f32": np.dtype("<f4"),
}


def samples_from_bytes(
    data: bytes | memoryview, dtype: str, *, channels: int, scale: float, planar: bool
) -> NDArray[np.float32]:
    """Decode little-endian numbers into float32[channels, samples], counts times `scale`.

    Raises:
        PacketError: empty, no whole number of samples, or not finite.
    """
    kind = DTYPES[dtype]
    if not len(data):
        raise PacketError(Reason.EMPTY, "no samples")
    if len(data) % (kind.itemsize * channels):
        raise PacketError(
            Reason.TRUNCATED,
            f"{len(data)} bytes are no whole number of {dtype} samples in {channels} channels",
        )
    flat = np.frombuffer(data, dtype=kind)
    shaped = flat.reshape(channels, -1) if planar else flat.reshape(-1, channels).T
    return scaled(shaped, scale)


def scaled(counts: NDArray[np.generic], scale: float) -> NDArray[np.float32]:
    """Counts[channels, samples] times `scale` as contiguous float32 within ±`MAX_AMPLITUDE`.

    Raises:
        PacketError: a value is NaN, infinite or beyond every sensor, or becomes so.
    """
    samples = np.ascontiguousarray(counts, dtype=np.float32)
    if scale != 1.0:
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is caught just below
            samples = samples * np.float32(scale)
    if not max(samples.max(), -samples.min()) <= MAX_AMPLITUDE:  # a NaN makes it NaN, and this true
        bad = samples.size - int(np.count_nonzero(np.abs(samples) <= MAX_AMPLITUDE))
        raise PacketError(Reason.NON_FINITE, f"{bad} of {samples.size} samples are NaN, infinite or above 1e15")
    return samples
