"""A bearing's geometry as a person configures it."""

from __future__ import annotations

from pydantic import Field, model_validator

from drsn.model.bearing import Bearing
from drsn.model.contract import Frozen


class Geometry(Frozen):
    """One row of balls or rollers, as the maker's catalogue gives it; any unit of length will do for both diameters."""

    balls: int = Field(ge=3, le=200, description="of one row")
    ball_diameter_mm: float = Field(gt=0, le=1000, allow_inf_nan=False)
    pitch_diameter_mm: float = Field(gt=0, le=10_000, allow_inf_nan=False)
    contact_angle_deg: float = Field(default=0.0, ge=0, lt=90, allow_inf_nan=False)

    @model_validator(mode="after")
    def _fits(self) -> Geometry:
        if self.ball_diameter_mm >= self.pitch_diameter_mm:
            raise ValueError("a ball is smaller than the pitch circle that it runs on; are the two swapped?")
        return self

    @property
    def orders(self) -> dict[str, float]:
        """Events per revolution of the shaft: BPFO, BPFI, BSF, FTF."""
        it = Bearing(**self.model_dump())
        return {
            "BPFO": it.outer_race_order,
            "BPFI": it.inner_race_order,
            "BSF": it.ball_spin_order,
            "FTF": it.cage_order,
        }
