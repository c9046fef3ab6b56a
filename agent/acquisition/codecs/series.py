"""Moments of named values, as line protocol and SenML have them: from a record for each moment to a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.acquisition.codecs.fields import FIELDS
from drsn.agent.acquisition.codecs.packet import PacketError, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MIN_MOMENTS: Final = 64
"""Moments from which the times give a sample rate. A time that is rounded to a tenth of the step between two moments
moves the rate of 64 by 0.3 % at most, and a rate counts as steady within 0.5 %."""

MAX_STEP: Final = 1.75
"""Longest time between two moments, over the median: where one is missing it is 2, and times that are rounded to half a
step make 1.5."""


def document_of(columns: Mapping[str, Sequence[Any]], times_ns: Sequence[int | None]) -> dict[str, Any]:
    """The columns by name, beside `sample_rate_hz` where the times give one.

    A column of one of the packet's other fields, such as `seq`, gives its first value. A single text stands for
    itself, and so do single bytes.

    Args:
        columns: name -> a value for each moment.
        times_ns: of the moments; None: not given.

    Raises:
        PacketError: a column lacks moments, or the moments are not even.
    """
    for name, values in columns.items():
        if len(values) != len(times_ns):
            raise PacketError(
                Reason.BAD_DOCUMENT, f"{name[:40]!r} has values at {len(values)} of {len(times_ns)} times"
            )
    document = {name: _value(name, list(values)) for name, values in columns.items()}
    if "sample_rate_hz" not in document and (rate_hz := _rate_hz(times_ns)) is not None:
        document["sample_rate_hz"] = rate_hz
    return document


def _value(name: str, values: list[Any]) -> Any:  # noqa: ANN401 (any value of the document)
    if name in FIELDS[1:] or (len(values) == 1 and isinstance(values[0], (str, bytes))):
        return values[0]
    return values


def _rate_hz(times_ns: Sequence[int | None]) -> float | None:
    """The rate that the times give; None: they are too few or too coarse."""
    if len(times_ns) < 2 or None in times_ns:
        return None
    try:
        times = np.array(times_ns, np.float64)
    except OverflowError:
        raise PacketError(Reason.BAD_DOCUMENT, "the times are not possible Unix times") from None
    times -= times[0]
    steps = np.diff(times)
    if steps.min() < 0:
        raise PacketError(Reason.BAD_DOCUMENT, f"the times go back after value {int(np.argmin(steps))}")
    if steps.min() == 0:  # rounded to more than the step between two moments
        return None
    if steps.max() > MAX_STEP * np.median(steps):
        at = int(np.argmax(steps))
        raise PacketError(
            Reason.BAD_DOCUMENT,
            f"the times are not evenly spaced: "
            f"{steps[at] / 1e6:g} ms after value {at}, usually {np.median(steps) / 1e6:g} ms",
        )
    return (len(times) - 1) * 1e9 / float(times[-1]) if len(times) >= MIN_MOMENTS else None
