"""A rolling bearing: its geometry, the frequencies that follow from it, and where its load sits.

Orders are events per revolution of the shaft, for a fixed outer ring and rolling without slip. Randall and
Antoni, "Rolling element bearing diagnostics - A tutorial", Mechanical Systems and Signal Processing 25(2),
2011.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Orders:
    """Defect frequencies of a bearing, in events per revolution of the shaft."""

    outer_race: float
    """BPFO."""
    inner_race: float
    """BPFI."""
    ball_spin: float
    """BSF; a defect of the ball strikes twice in each revolution of the ball."""
    cage: float
    """FTF."""


@dataclass(frozen=True)
class Bearing:
    """One row of balls. Only the ratio of the two diameters matters."""

    balls: int
    ball_diameter_mm: float
    pitch_diameter_mm: float
    contact_angle_deg: float = 0.0

    @property
    def _ratio(self) -> float:
        return self.ball_diameter_mm / self.pitch_diameter_mm * math.cos(math.radians(self.contact_angle_deg))

    @property
    def cage_order(self) -> float:
        """FTF: revolutions of the cage."""
        return 0.5 * (1 - self._ratio)

    @property
    def outer_race_order(self) -> float:
        """BPFO: balls that pass a point of the outer race."""
        return self.balls * self.cage_order

    @property
    def inner_race_order(self) -> float:
        """BPFI: balls that pass a point of the inner race."""
        return self.balls * (1 - self.cage_order)

    @property
    def ball_spin_order(self) -> float:
        """BSF: revolutions of a ball about itself; a defect of the ball strikes twice in each."""
        return 0.5 * self.pitch_diameter_mm / self.ball_diameter_mm * (1 - self._ratio**2)

    @property
    def orders(self) -> Orders:
        """All four."""
        return Orders(self.outer_race_order, self.inner_race_order, self.ball_spin_order, self.cage_order)


def zone_load(revolutions: NDArray[np.float64], extent: float) -> NDArray[np.float64]:
    """Stribeck's load distribution: 1 at the zone's centre, to the power 3/2 of ball bearings, 0 outside.

    Args:
        revolutions: angle from the centre, in turns.
        extent: Stribeck's epsilon; 0.5 is half the ring (no clearance), less is a narrower zone.
    """
    return np.maximum(0.0, 1 - (1 - np.cos(2 * np.pi * revolutions)) / (2 * extent)) ** 1.5


SKF_6205 = Bearing(balls=9, ball_diameter_mm=7.94, pitch_diameter_mm=39.04)
"""The drive-end bearing of the CWRU rig."""
