"""What a reader finds in one file, before it is checked and becomes a recording."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Content:
    """Numbers[samples] or [channels, samples] of a file, and what the file states about them."""

    samples: NDArray[Any]
    rate_hz: float | None = None
    rpm: float | None = None
    names: tuple[str, ...] = ()
    """One for each channel, or none."""
    notes: tuple[str, ...] = ()
    """How the file was read: delimiter, decimal mark, time column, what was left out."""


@dataclass(frozen=True)
class Choice:
    """What the user states about a file: the rate in Hz, the array, the channels, the decimal mark."""

    sample_rate_hz: float | None = None
    """Of files without a rate; a file's own rate takes precedence."""
    variable: str | None = None
    """Name of the array; `*` and `?` as in file names."""
    channels: tuple[int | str, ...] = field(default=())
    """To keep, in this order, by number from 0 or by name; all where empty."""
    decimal: str | None = None
    """`.` or `,`, for text in which both are possible."""


ANY = Choice()
"""Nothing is stated."""


def library_missing(path: Path, kind: str, library: str) -> UnavailableError:
    """The error of a reader without its library."""
    return UnavailableError(f"{path}: {kind} files need {library}; pip install 'drsn-edge[files]', or export as text")
