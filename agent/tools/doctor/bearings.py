"""Which defect orders the bearing detector uses, for each `[[sensors]]` entry with a bearing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.schema.bearing import Geometry
from drsn.agent.tools.doctor.finding import Finding, ok, soon, unneeded
from drsn.model.bearing_table import lookup

if TYPE_CHECKING:
    from drsn.agent.schema.bearing import AnyBearing
    from drsn.agent.settings.sections import SensorSection
    from drsn.agent.tools.doctor.subject import Subject


def bearings(subject: Subject) -> Finding:
    """Return the orders of every bearing, where they come from, and which of them are estimates."""
    sections = [entry for entry in subject.configuration.settings.sensors if entry.bearing is not None]
    if not sections:
        return unneeded("no [[sensors]] entry has a bearing: the bearing detector is off")
    text = "; ".join(_described(entry) for entry in sections)
    estimated = [entry.match for entry in sections if entry.bearing is not None and entry.bearing.estimated]
    if estimated:
        return soon(
            text, f"ask the manufacturer for the orders of {', '.join(estimated)}, and set bpfo, bpfi, bsf and ftf"
        )
    return ok(text)


def _described(entry: SensorSection) -> str:
    assert entry.bearing is not None
    orders = ", ".join(f"{name} {order:.3f}" for name, order in entry.bearing.orders.items())
    speed = "speed from the packets" if entry.rpm is None else f"{entry.rpm:g} rpm for packets without a speed"
    return f"{entry.match}: {orders} ({_origin(entry.bearing)}), {speed}"


def _origin(bearing: AnyBearing) -> str:
    if not isinstance(bearing, Geometry):
        return "as given"
    if bearing.designation is None:
        return "of the given geometry"
    return f"{bearing.designation}: {lookup(bearing.designation).source}"
