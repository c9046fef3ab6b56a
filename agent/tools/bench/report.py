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
    m, flood, capacity = measured, measured.flood, measured.capacity
    whole_us, live_us = flood.cpu_us + m.receive_us, m.live.cpu_us + m.receive_us
    yield f"bundle {m.bundle} on {m.backend}, {m.codec} at {m.sample_rate_hz:g} Hz, {capacity.cores} cores"
    yield ""
    yield "CPU time of a window in full batches:"
    for stage, us in {"receive (MQTT library)": m.receive_us, **m.stages_us, "total": whole_us}.items():
        yield f"{us:8.0f} us  {us / whole_us:4.0%}  {stage}"
    yield ""
    yield f"{1e6 / flood.wall_us:8.0f} windows/s from receipt to commit, disk included"
    yield f"{live_us:8.0f} us of CPU time for a window, at the rate of {m.live_sensors} live sensors"
    for windows, us in m.network_us.items():
        yield f"{us:8.0f} us for a window of the network alone, {windows} in a call"
    yield ""
    yield f"One live sensor makes {capacity.windows_per_s:.3g} windows/s (rate / (window x hop)). At {LOAD:.0%} load:"
    yield f"{capacity.one_agent:8d} sensors, one agent"
    yield f"{capacity.device:8d} sensors, one agent for each of {capacity.cores} cores, with the broker elsewhere"


def as_json(measured: Measurement) -> dict[str, Any]:
    """Return everything as one JSON object."""
    return {**asdict(measured), "load": LOAD}
