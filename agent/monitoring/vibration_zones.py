"""Evaluation zones of machine vibration by RMS velocity (ISO 20816-3), with hysteresis.

The boundaries are those of ISO 10816-3:2009, tables A.1 and A.2, in mm/s RMS, 10 Hz to 1 kHz, on bearing housings.
ISO 20816-3:2022, which replaces it, has the same groups and no boundary between A and B; that one is of 2009.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MachineGroup = Literal["large_rigid", "large_flexible", "medium_rigid", "medium_flexible"]
ZoneName = Literal["zone_a", "zone_b", "zone_c", "zone_d"]

ZONES: Final[tuple[ZoneName, ...]] = ("zone_a", "zone_b", "zone_c", "zone_d")
"""A: new machines; B: unrestricted long-term operation; C: for a limited time only; D: damage is likely."""

LIMITS_MM_S: Final[dict[MachineGroup, tuple[float, float, float]]] = {
    "large_rigid": (2.3, 4.5, 7.1),
    "large_flexible": (3.5, 7.1, 11.0),
    "medium_rigid": (1.4, 2.8, 4.5),
    "medium_flexible": (2.3, 4.5, 7.1),
}
"""Machine group -> boundaries A/B, B/C and C/D. Large (group 1): above 300 kW; electrical machines with a shaft height
from 315 mm on. Medium (group 2): 15 to 300 kW; shaft height 160 to 315 mm. Rigid support: the lowest natural frequency
of machine and support is at least 25 % above the main exciting frequency; else it is flexible."""

HYSTERESIS: Final = 0.1
"""A zone is left downwards when the velocity is this part below its boundary."""


MOST_RANK: Final = 127
"""Above the rank of each zone."""


def zone_rank(label: str) -> int:
    """0 for zone A to 3 for zone D; `MOST_RANK` for another label."""
    return ZONES.index(label) if label in ZONES else MOST_RANK


def zones_of(
    velocity_mm_s: NDArray[np.float64], limits_mm_s: NDArray[np.float64], before: NDArray[np.int8]
) -> NDArray[np.int8]:
    """The zones of machines, as indices of `ZONES`.

    Args:
        velocity_mm_s: float64[machines], RMS.
        limits_mm_s: float64[machines, 3], rising; a velocity at a boundary is in the higher zone.
        before: int8[machines], zones by the measurement before; 0 if there was none.
    """
    velocity = velocity_mm_s[:, np.newaxis]
    risen: NDArray[np.int8] = (velocity >= limits_mm_s).sum(axis=1, dtype=np.int8)
    kept: NDArray[np.int8] = (velocity >= (1 - HYSTERESIS) * limits_mm_s).sum(axis=1, dtype=np.int8)
    return np.maximum(risen, np.minimum(before, kept))
