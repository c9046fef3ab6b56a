"""Samples of a document as numbers: lists, rows per moment, objects per moment, one value for each channel."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.acquisition.codecs.document_path import document_path, keys_shown
from drsn.agent.acquisition.codecs.packet import PacketError, Reason
from drsn.agent.acquisition.codecs.sample_bytes import numbers_from_bytes
from drsn.agent.acquisition.codecs.sample_text import decoded, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.codecs.packet import PayloadFormat

_NUMBERS: Final = frozenset({int, float})
_TEXTS: Final = frozenset({int, float, str})


def numbers_of(value: Any, payload_format: PayloadFormat, *, plain: bool) -> NDArray[Any]:  # noqa: ANN401 (any value of the document)
    """The numbers of a value of `samples`: [samples], or [channels, samples].

    Args:
        value: text, bytes, numpy array or list.
        payload_format: the channels, and what text and bytes hold.
        plain: whatever `float` accepts in a list is a float, an int or a bool.

    Raises:
        PacketError: the value holds no numbers.
    """
    if isinstance(value, str):
        value = decoded(value, payload_format.encoding)
    if isinstance(value, bytes):
        return numbers_from_bytes(value, payload_format)
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, list):
        raise PacketError(Reason.BAD_DOCUMENT, "samples are not a list, text or bytes")
    if value and isinstance(value[0], dict):
        return _of_objects(value, payload_format, plain=plain)
    return _of_lists(value, payload_format, plain=plain)


def channels_of(
    values: list[Any], names: tuple[str, ...], payload_format: PayloadFormat, *, plain: bool
) -> NDArray[Any]:
    """The numbers of one value for each channel: [channels, samples].

    Args:
        values: the value of each channel: a list, text, bytes, or the one number of a packet of a single moment.
        names: the channels, for messages.
        payload_format: what text and bytes hold.
        plain: as `numbers_of`.

    Raises:
        PacketError: a channel has no numbers, or they have not equally many.
    """
    one = replace(payload_format, channels=1)
    rows = [_row(value, name, one, plain=plain) for value, name in zip(values, names, strict=True)]
    sizes = [row.size for row in rows]
    if len(set(sizes)) > 1:
        shown = ", ".join(f"{name}: {size}" for name, size in zip(names, sizes, strict=True))
        raise PacketError(Reason.BAD_DOCUMENT, f"the channels have different numbers of samples ({shown[:100]})")
    return np.stack(rows)


def _row(value: Any, name: str, form: PayloadFormat, *, plain: bool) -> NDArray[Any]:  # noqa: ANN401 (any value of the document)
    if value is None:
        raise PacketError(Reason.BAD_DOCUMENT, f"no samples of channel {name!r} at {_place(name, form)!r}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = [value]
    numbers = numbers_of(value, form, plain=plain)
    if numbers.ndim != 1:
        raise PacketError(Reason.BAD_DOCUMENT, f"the samples of channel {name!r} are not numbers in one list")
    return numbers


def _place(name: str, form: PayloadFormat) -> str:
    return dict(zip(form.channel_names, form.channel_paths, strict=False)).get(name, name)[:60]


def _of_objects(rows: list[Any], form: PayloadFormat, *, plain: bool) -> NDArray[Any]:
    """One object for each moment: `[{"x": 1, "y": 2}, …]`."""
    names = form.channel_names
    if not names:
        raise PacketError(
            Reason.BAD_DOCUMENT,
            f"{keys_shown(rows[0], 'a sample')[:100]}: name these keys in `channels`, or set fields.samples "
            "= 'samples[*].KEY'",
        )
    paths = [document_path(name) for name in (form.channel_paths or names)]
    if not all(isinstance(row, dict) for row in rows):
        raise PacketError(Reason.BAD_DOCUMENT, "some samples are not objects")
    columns = [[path.value_in(row) for row in rows] for path in paths]
    return channels_of(columns, names, form, plain=plain)


def _of_lists(value: list[Any], form: PayloadFormat, *, plain: bool) -> NDArray[Any]:
    """A list of numbers, a list for each channel, or a list for each moment.

    Types are checked before numpy gets the list: numpy reserves room for the longest string of a list in each of its
    elements, and 5,000 letters beside 100,000 empty strings took 2 GB and 18 s to be refused.
    """
    rows = value if value and isinstance(value[0], list) else [value]
    equal = all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows)
    if not equal:
        raise _not_numbers(value)
    if plain and len(rows) <= max(form.channels, 1):
        packed = [numbers for row in rows if (numbers := _packed(row)) is not None]
        if len(packed) == len(rows):
            return _oriented(np.stack(packed), form) if rows is value else packed[0]
    kinds = set().union(*(map(type, row) for row in rows))
    if not kinds <= _NUMBERS:
        if str not in kinds or not kinds <= _TEXTS:
            raise _not_numbers(value)
        rows = [[number(item) if isinstance(item, str) else item for item in row] for row in rows]
        value = rows if isinstance(value[0], list) else rows[0]
    try:
        numbers = np.array(value, dtype=np.float64)
    except OverflowError:
        raise PacketError(Reason.BAD_DOCUMENT, "a sample is too large for a float") from None
    return numbers if numbers.ndim == 1 else _oriented(numbers, form)


def _oriented(numbers: NDArray[np.float64], form: PayloadFormat) -> NDArray[np.float64]:
    """Lists of numbers as [channels, samples], where they are lists for each moment as well."""
    per_moment = numbers.shape[1] == form.channels and (len(numbers) != form.channels or form.planar is False)
    return np.transpose(numbers) if per_moment else numbers


def _not_numbers(value: list[Any]) -> PacketError:
    at, odd = next(((i, v) for i, v in enumerate(value) if type(v) not in _TEXTS and not isinstance(v, list)), (0, 0))
    if odd is None:
        return PacketError(Reason.BAD_DOCUMENT, f"sample {at} is null; send complete packets, or none")
    return PacketError(Reason.BAD_DOCUMENT, "samples are not numbers in one list, or in one list per channel")


def _packed(row: list[object]) -> NDArray[np.float64] | None:
    """The numbers of a list; None: something is neither float nor int.

    `struct` takes half the time of `np.array`. It refuses every other type of a plain document except bool, which
    becomes 0 or 1.
    """
    try:
        numbers = np.frombuffer(struct.pack(f"{len(row)}d", *row), np.float64)
    except (struct.error, OverflowError):
        return None
    zeros_and_ones = np.flatnonzero((numbers == 0) | (numbers == 1)).tolist()
    return None if any(isinstance(row[at], bool) for at in zeros_and_ones) else numbers
