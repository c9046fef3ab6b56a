"""A bearing as a person configures it: its designation, its geometry, or its four defect orders."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from drsn.model.bearing import Bearing, Orders
from drsn.model.bearing_table import lookup
from drsn.model.contract import Frozen

TWICE = 1.5
"""A ball spin order above this multiple of what the other orders give is that of the strikes, 2 x BSF."""


class Geometry(Frozen):
    """One row of balls or rollers, as the maker's catalogue gives it; any unit of length will do for both diameters."""

    balls: int = Field(ge=3, le=200, description="Balls or rollers of one row.")
    ball_diameter_mm: float = Field(gt=0, le=1000, allow_inf_nan=False)
    pitch_diameter_mm: float = Field(gt=0, le=10_000, allow_inf_nan=False)
    contact_angle_deg: float = Field(default=0.0, ge=0, lt=90, allow_inf_nan=False)
    designation: str | None = Field(
        default=None, max_length=40, description="Set if the geometry comes from the table."
    )
    estimated: bool = Field(
        default=False,
        description="true: estimated from the boundary dimensions; docs/trust/bearing-quality.md has the error.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Geometry:
        if self.ball_diameter_mm >= self.pitch_diameter_mm:
            raise ValueError("ball_diameter_mm must be smaller than pitch_diameter_mm; perhaps they are swapped")
        return self

    @property
    def defect_orders(self) -> Orders:
        """The orders of this geometry."""
        return Bearing(self.balls, self.ball_diameter_mm, self.pitch_diameter_mm, self.contact_angle_deg).orders

    @property
    def orders(self) -> dict[str, float]:
        """Events per revolution of the shaft: BPFO, BPFI, BSF, FTF."""
        return _named(self.defect_orders)


class GivenOrders(Frozen):
    """The four defect orders, as the maker gives them: events per revolution of the shaft."""

    bpfo: float = Field(gt=0, le=200, allow_inf_nan=False, description="balls that pass a point of the outer race")
    bpfi: float = Field(gt=0, le=200, allow_inf_nan=False, description="balls that pass a point of the inner race")
    bsf: float = Field(gt=0, le=200, allow_inf_nan=False, description="revolutions of a ball about itself")
    ftf: float = Field(gt=0, lt=1, allow_inf_nan=False, description="revolutions of the cage")

    @model_validator(mode="after")
    def _possible(self) -> GivenOrders:
        if self.bpfo >= self.bpfi:
            raise ValueError("bpfo must be smaller than bpfi; perhaps they are swapped")
        ratio = (self.bpfi - self.bpfo) / (self.bpfi + self.bpfo)  # ball over pitch diameter, times the cosine
        spin = (1 - ratio**2) / (2 * ratio)
        if self.bsf > TWICE * spin:
            raise ValueError(f"bsf = {self.bsf:g} is about twice the {spin:.3f} of the other orders; give half of it")
        return self

    @property
    def estimated(self) -> bool:
        """Never: the maker gives them."""
        return False

    @property
    def defect_orders(self) -> Orders:
        """The orders as they are given."""
        return Orders(self.bpfo, self.bpfi, self.bsf, self.ftf)

    @property
    def orders(self) -> dict[str, float]:
        """Events per revolution of the shaft: BPFO, BPFI, BSF, FTF."""
        return _named(self.defect_orders)


def geometry_of(designation: str) -> Geometry:
    """The geometry of a bearing of the table.

    Raises:
        UnknownBearingError: the table has none of this designation; a `ValueError`.
    """
    entry = lookup(designation)
    it = entry.bearing
    return Geometry(
        balls=it.balls,
        ball_diameter_mm=round(it.ball_diameter_mm, 3),
        pitch_diameter_mm=round(it.pitch_diameter_mm, 3),
        contact_angle_deg=it.contact_angle_deg,
        designation=designation,
        estimated=entry.estimated,
    )


def _named(orders: Orders) -> dict[str, float]:
    return {"BPFO": orders.outer_race, "BPFI": orders.inner_race, "BSF": orders.ball_spin, "FTF": orders.cage}


def _read(value: Any) -> Any:  # noqa: ANN401 (whatever a settings file holds)
    return geometry_of(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else value


def _kind(value: Any) -> str:  # noqa: ANN401 (whatever a settings file holds)
    given = isinstance(value, GivenOrders) or (isinstance(value, dict) and not value.keys().isdisjoint(ORDER_NAMES))
    return "orders" if given else "geometry"


ORDER_NAMES = frozenset(GivenOrders.model_fields)

AnyBearing = Annotated[
    Annotated[Geometry, Tag("geometry")] | Annotated[GivenOrders, Tag("orders")], Discriminator(_kind)
]
"""The geometry or the orders of a bearing."""

BearingSetting = Annotated[AnyBearing, BeforeValidator(_read)]
"""The same, or a designation of the table."""
