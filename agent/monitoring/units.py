"""Units of vibration sensors, as packets and settings spell them. Another spelling is unknown: it is not guessed."""

from __future__ import annotations

from typing import Final, NamedTuple

STANDARD_GRAVITY_MM_S2: Final = 9806.65
"""One g (ISO 80000-3)."""


class Unit(NamedTuple):
    """What one unit is."""

    velocity: bool
    """It is of velocity; else of acceleration."""
    value: float
    """In mm/s, or in mm/s²."""


UNITS: Final = {
    "g": Unit(velocity=False, value=STANDARD_GRAVITY_MM_S2),
    "mg": Unit(velocity=False, value=STANDARD_GRAVITY_MM_S2 / 1000),
    **dict.fromkeys(("m/s²", "m/s^2", "m/s2"), Unit(velocity=False, value=1000.0)),
    **dict.fromkeys(("mm/s²", "mm/s^2", "mm/s2"), Unit(velocity=False, value=1.0)),
    "mm/s": Unit(velocity=True, value=1.0),
    "m/s": Unit(velocity=True, value=1000.0),
    "in/s": Unit(velocity=True, value=25.4),
}
"""Spelling -> unit, for the units whose velocity can be measured."""
