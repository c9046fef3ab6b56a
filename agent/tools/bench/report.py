"""A measurement as text, and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from drsn.agent.tools.bench.capacity import LOAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.tools.bench.measurement import Measurement


def lines_of(measured: Measurement) -> Iterator[str]:
    """Yield the lines for people."""
    m, flood, live, capacity = measured, measured.flood, measured.live, measured.capacity
    yield f"bundle {m.bundle} on {m.backend}, {m.codec} at {m.sample_rate_hz:g} Hz, {capacity.cores} cores"
    yield ""
    yield "CPU time of a window in full batches, without the MQTT library:"
    yield from (f"{us:8.0f} us  {us / flood.cpu_us:4.0%}  {stage}" for stage, us in m.stages_us.items())
    yield f"{flood.cpu_us:8.0f} us        in all; {1e6 / flood.wall_us:.0f} windows/s, disk included"
    yield f"{live.cpu_us:8.0f} us        at the pace of {m.live_sensors} live sensors"
    yield ""
    for windows, us in m.network_us.items():
        yield f"{us:8.0f} us        network alone, {windows} in a call"
    yield ""
    yield f"one live sensor makes {capacity.windows_per_s:.3g} windows/s (rate / (window x hop)); at {LOAD:.0%} load:"
    yield f"{capacity.one_agent:8d} sensors, one agent"
    yield f"{capacity.device:8d} sensors, one agent for each of {capacity.cores} cores, with the broker elsewhere"


def as_json(measured: Measurement) -> dict[str, Any]:
    """Return everything as one JSON object."""
    return {**asdict(measured), "load": LOAD}
