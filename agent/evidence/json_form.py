"""Windows as JSON, with the samples in base64; a record as one MQTT message."""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from drsn.agent.evidence import npz_form
from drsn.agent.evidence.record import Record, checked
from drsn.agent.evidence.window_history import Arrays
from drsn.agent.schema.evidence import EvidenceDocument, EvidenceWindow, RecordHeader, WindowNote, WindowNumbers
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_BYTES = 1_000_000
"""Largest message. EMQX takes 1 MB by default, mosquitto 256 MB; AWS IoT Core only 128 kB. Eight windows of 2,048
samples, with 64 factors each, come to about 75 kB (docs/trust/evidence-quality.md)."""


def to_message(record: Record, max_bytes: int = MAX_BYTES) -> bytes | None:
    """The payload with as many of the last windows as fit; None: not even one fits."""
    windows = [_window(record, index) for index in range(len(record.header.windows))]
    alone = _payload(record.header, windows[-1:], len(windows) - 1)
    room = max_bytes - len(alone)  # left_out has no more digits with more windows
    kept = 1
    for window in windows[-2::-1]:
        room -= len(window.model_dump_json().encode()) + 1
        if room < 0:
            break
        kept += 1
    return None if len(alone) > max_bytes else _payload(record.header, windows[-kept:], len(windows) - kept)


def from_message(payload: bytes) -> Record:
    """Read a payload from an untrusted source.

    Raises:
        BadDataError: it is no valid record.
    """
    if len(payload) > npz_form.MAX_BYTES:
        raise BadDataError(f"{len(payload)} bytes, more than the {npz_form.MAX_BYTES} that a record may have")
    try:
        document = EvidenceDocument.model_validate_json(payload)
    except ValidationError as error:
        raise BadDataError(npz_form.first_error(error)) from None
    notes = [WindowNote(**w.model_dump(include=set(WindowNote.model_fields))) for w in document.windows]
    header = RecordHeader(**{**document.model_dump(exclude={"left_out"}), "windows": notes})
    return checked(header, arrays_of(document.windows, document.contract.channels))


def read(data: bytes) -> Record:
    """Read a record, JSON or npz.

    Raises:
        BadDataError: it is no valid record.
    """
    return npz_form.from_bytes(data) if data[:2] == b"PK" else from_message(data)


def arrays_of(windows: Sequence[WindowNumbers], channels: int) -> Arrays:
    """The arrays of windows from JSON; their sizes are not compared with a contract.

    Raises:
        BadDataError: a window's numbers are not valid, or windows differ in size.
    """
    try:
        return Arrays(
            counts=np.stack([_counts(window.counts, channels) for window in windows]),
            scale=_floats([window.scale for window in windows]),
            offset=_floats([window.offset for window in windows]),
            probabilities=_floats([window.probabilities for window in windows]),
            novelty=_floats([math.nan if window.novelty is None else window.novelty for window in windows]),
            alpha=_floats([window.alpha or () for window in windows]),
        )
    except (ValueError, OverflowError) as error:
        raise BadDataError(f"windows: {error}") from None


def numbers_of(arrays: Arrays, index: int) -> dict[str, Any]:
    """The fields of `WindowNumbers` of one window."""
    novelty = float(arrays.novelty[index])
    return {
        "counts": base64.b64encode(arrays.counts[index].astype("<i2").tobytes()).decode(),
        "scale": tuple(arrays.scale[index].tolist()),
        "offset": tuple(arrays.offset[index].tolist()),
        "probabilities": tuple(arrays.probabilities[index].tolist()),
        "novelty": novelty if math.isfinite(novelty) else None,
        "alpha": tuple(arrays.alpha[index].tolist()) if arrays.alpha.shape[1] else None,
    }


def _payload(header: RecordHeader, windows: Sequence[EvidenceWindow], left_out: int) -> bytes:
    values = {name: getattr(header, name) for name in RecordHeader.model_fields}
    return EvidenceDocument(**{**values, "windows": tuple(windows)}, left_out=left_out).model_dump_json().encode()


def _window(record: Record, index: int) -> EvidenceWindow:
    return EvidenceWindow(**record.header.windows[index].model_dump(), **numbers_of(record.arrays, index))


def _counts(text: str, channels: int) -> NDArray[np.int16]:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("counts are not base64") from None
    return np.frombuffer(data, "<i2").astype(np.int16).reshape(channels, -1)


def _floats(values: Sequence[float] | Sequence[tuple[float, ...]]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # `checked` refuses infinite values
        return np.array(values, dtype=np.float32)
