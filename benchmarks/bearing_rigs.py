"""Recordings of real rigs for the bearing detector, at the rate and bandwidth of the contract.

`self_built` of HIT-SM is for development. The others are looked at once, after the densities are fixed. The recordings
lie in $DRSN_DATA_DIR (docs/contribute/data.md), those of MFPT in $DRSN_MFPT_DIR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from _rigs import BEARING, condition_of, cwru_recordings, mfpt
from bearing_simulation import BANDWIDTH_HZ, RATE_HZ

from drsn.model.bearing_table import lookup
from drsn.model.conditioning import Conditioner
from drsn.model.contract import NORMAL
from drsn.model.data import hit_sm
from drsn.model.sources import data_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from drsn.model.bearing import Orders
    from drsn.model.data.recording import Recording


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


def _recorded(rig: str, recordings: Iterable[Recording]) -> Iterator[Recorded]:
    orders = lookup(BEARING[rig]).bearing.orders
    for it in recordings:
        assert it.rpm is not None
        condition = "healthy" if it.label == NORMAL else condition_of(it.label)
        yield Recorded(_conditioned(it.samples[0], it.sample_rate_hz), it.rpm, orders, condition)


def _hit_sm(rig: str) -> Iterator[Recorded]:
    return _recorded(rig, hit_sm.read_speeds(data_dir() / "hit_sm", rig, hit_sm.SPEEDS_RPM))


RIGS: dict[str, Callable[[], Iterator[Recorded]]] = {
    "self_built": lambda: _hit_sm("self_built"),
    "spectraquest": lambda: _hit_sm("spectraquest"),
    "mfpt": lambda: _recorded("mfpt", mfpt()),
    "cwru": lambda: _recorded("cwru", cwru_recordings()),
}
