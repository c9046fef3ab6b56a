"""The bundles that ship with the package, made by `make bundle` from `configs/recipes/`."""

from __future__ import annotations

from pathlib import Path

DEFAULT = "universal"
"""For any machine: docs/which-model.md."""

SHIPPED = (DEFAULT, "universal-10khz", "universal-2500hz", "universal-800hz", "cwru", "synthetic")


def shipped(name: str) -> Path:
    """Path of a shipped bundle, one of `SHIPPED`.

    Raises:
        KeyError: no bundle of this name ships.
    """
    if name not in SHIPPED:
        raise KeyError(name)
    return Path(__file__).with_name(f"{name}.zip")
