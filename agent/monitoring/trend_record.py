"""Means and maxima of some time of a sensor: what a trend keeps of an hour or a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

METRICS: Final = ("velocity_rms_mm_s", "rms", "peak", "crest_factor", "kurtosis", "healthy")
"""What is recorded of each window; `healthy` is P(healthy). Stored by position: a later one is added at the end."""

COUNT, SUM, MOST = range(3)
"""Columns of a record, which is float64[metrics, 3]."""


def empty(records: int) -> NDArray[np.float64]:
    """float64[records, metrics, 3]: records of no window."""
    made = np.zeros((records, len(METRICS), 3))
    made[..., MOST] = -np.inf
    return made


def record_of(stored: bytes) -> NDArray[np.float64]:
    """A record from its stored form, also that of a version with fewer metrics; what is damaged is an empty record."""
    record: NDArray[np.float64] = empty(1)[0]
    whole = len(stored) // (3 * 8)
    if whole * 3 * 8 == len(stored) and whole <= len(METRICS):
        record[:whole] = np.frombuffer(stored, "<f8").reshape(whole, 3)
    return record


def stored_form(record: NDArray[np.float64]) -> bytes:
    """A record as little-endian bytes."""
    return record.astype("<f8").tobytes()


def merged(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The record of both times together."""
    both = one + other
    both[:, MOST] = np.maximum(one[:, MOST], other[:, MOST])
    return both


def mean_of(record: NDArray[np.float64], metric: str) -> float | None:
    """The mean of a metric; None: no window had it."""
    count, total, _ = record[METRICS.index(metric)].tolist()
    return total / count if count else None


def most_of(record: NDArray[np.float64], metric: str) -> float | None:
    """The maximum of a metric; None: no window had it."""
    count, _, most = record[METRICS.index(metric)].tolist()
    return most if count else None
