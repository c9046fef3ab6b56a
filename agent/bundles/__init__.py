"""The bundles that ship with the package, made by `make bundle` from `configs/recipes/`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DEFAULT = "universal"
"""For any machine: docs/use/which-model.md."""

SHIPPED = (DEFAULT, "universal-10khz", "universal-2500hz", "universal-800hz", "cwru", "synthetic")

UNIVERSAL_BANDWIDTH_HZ: Final = {
    "universal-10khz": 10_000.0,
    "universal": 5_300.0,
    "universal-2500hz": 2_500.0,
    "universal-800hz": 800.0,
}
"""Universal bundle -> the bandwidth that it needs, the widest first."""


def widest_for(sample_rate_hz: float) -> str | None:
    """Name of the universal bundle of the widest band that this rate can carry; None: the rate is too low for each."""
    return next((name for name, band in UNIVERSAL_BANDWIDTH_HZ.items() if 2 * band <= sample_rate_hz), None)


def shipped(name: str) -> Path:
    """Path of a shipped bundle, one of `SHIPPED`.

    Raises:
        KeyError: no bundle of this name ships.
    """
    if name not in SHIPPED:
        raise KeyError(name)
    return Path(__file__).with_name(f"{name}.zip")
