"""The table of aged baselines: how far the locations of a sensor's baseline have moved since it was learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class AgeingRow(NamedTuple):
    """How far the baseline of one sensor has aged."""

    sensor: str
    drift: bytes
    """As `BaselineMonitor.drifts` gives it."""


def write(execute_many: Callable[..., Any], rows: Iterable[AgeingRow]) -> None:
    """Write rows in place of earlier ones, within a transaction."""
    execute_many("INSERT OR REPLACE INTO ageing VALUES (?, ?)", rows)


def read(execute: Callable[..., Any], sensor: str) -> bytes | None:
    """The drift of a sensor; None: none is stored."""
    found = execute("SELECT drift FROM ageing WHERE sensor = ?", (sensor,)).fetchone()
    return None if found is None else bytes(found[0])
