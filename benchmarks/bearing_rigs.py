"""Recordings of real rigs for the bearing detector, at the rate and bandwidth of the contract.

`self_built` of HIT-SM is for development. The others are looked at once, after the densities are fixed. The recordings
lie in $DRSN_DATA_DIR (docs/data.md), those of MFPT in $DRSN_MFPT_DIR.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bearing_simulation import BANDWIDTH_HZ, RATE_HZ

from drsn.model.bearing_table import lookup
from drsn.model.conditioning import Conditioner
from drsn.model.data import cwru, hit_sm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from drsn.model.bearing import Orders

HIT_SM_BEARING = "6205"
"""Nothing names the bearing of HIT-SM. The strongest lines of the fault recordings of `self_built` are at orders 3.56
to 3.59 (outer race) and 5.36 to 5.39 (inner race): nine balls, and within a per cent a 6205."""


@dataclass(frozen=True)
class Recorded:
    """One recording of one machine."""

    samples: NDArray[np.float32]
    """float32[n], at `sample_rate_hz`, nothing above `bandwidth_hz`."""
    rpm: float
    orders: Orders
    condition: str
    """`healthy`, or one of the detector's defects."""
    sample_rate_hz: float = RATE_HZ
    bandwidth_hz: float = BANDWIDTH_HZ


def _conditioned(samples: NDArray[np.float32], rate_hz: float) -> NDArray[np.float32]:
    window = int(samples.size * RATE_HZ / rate_hz)
    filtered = Conditioner(window, RATE_HZ, BANDWIDTH_HZ, rate_hz)
    out = np.empty(window, np.float32)
    filtered(np.ascontiguousarray(samples[: filtered.native_window], np.float32), out)
    return out


def _hit_sm(rig: str) -> Iterator[Recorded]:
    folder, orders = Path(os.environ["DRSN_DATA_DIR"]) / "hit_sm", lookup(HIT_SM_BEARING).bearing.orders
    for it in hit_sm.read_speeds(folder, rig, hit_sm.SPEEDS_RPM):
        condition = "healthy" if it.label == "normal" else it.label.rsplit("_", 1)[0]
        assert it.rpm is not None
        yield Recorded(_conditioned(it.samples[0], it.sample_rate_hz), it.rpm, orders, condition)


def _cwru() -> Iterator[Recorded]:
    orders = lookup("6205").bearing.orders
    for it in cwru.read_loads(Path(os.environ["DRSN_DATA_DIR"]) / "cwru", cwru.LOADS_HP):
        condition = "healthy" if it.label == "normal" else it.label.rsplit("_", 1)[0]
        assert it.rpm is not None
        yield Recorded(_conditioned(it.samples[0], it.sample_rate_hz), it.rpm, orders, condition)


def _mfpt() -> Iterator[Recorded]:
    """`baseline_*`, `InnerRaceFault_*` and `OuterRaceFault_*`: a struct `bearing` with `sr`, `gs` and `rate`."""
    from scipy.io import loadmat  # noqa: PLC0415 (of the extra `train`)

    orders = lookup("NICE").bearing.orders
    kinds = {"baseline": "healthy", "inner": "inner_race", "outer": "outer_race"}
    for path in sorted(Path(os.environ["DRSN_MFPT_DIR"]).rglob("*.mat")):
        condition = next((name for start, name in kinds.items() if path.name.lower().startswith(start)), None)
        if condition is not None:
            it = loadmat(path, squeeze_me=True, struct_as_record=False)["bearing"]
            samples = np.asarray(it.gs, np.float32).ravel()
            yield Recorded(_conditioned(samples, float(it.sr)), 60 * float(it.rate), orders, condition)


RIGS: dict[str, Callable[[], Iterator[Recorded]]] = {
    "self_built": lambda: _hit_sm("self_built"),
    "spectraquest": lambda: _hit_sm("spectraquest"),
    "mfpt": _mfpt,
    "cwru": _cwru,
}
