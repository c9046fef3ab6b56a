"""The bearing detector: defects found by the geometry of the bearing and the speed of the shaft.

A defect strikes at a rate that geometry and speed decide, and each strike rings the structure. The detector looks for
these rates in the order spectrum of the envelope (Randall and Antoni, "Rolling element bearing diagnostics - A
tutorial", Mechanical Systems and Signal Processing 25(2), 2011, section 2):

    outer_race  harmonics of BPFO
    inner_race  harmonics of BPFI with sidebands at the shaft's speed
    ball        harmonics of 2 x BSF with sidebands at the cage's speed

Pure functions on arrays, numpy only. The monitor of the agent keeps the angle series of each sensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.model.order_spectrum import BINS, REVOLUTIONS, order_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.model.bearing import Orders
    from drsn.model.order_spectrum import OrderSpectrum

DEFECTS: Final = ("outer_race", "inner_race", "ball")
"""The conditions that the detector weighs against a healthy bearing; the order of its columns."""

SEARCH: Final = 0.02
"""Cage slip and the makers' tolerances move the orders by up to this share; all harmonics move together."""

STEPS: Final = 21
"""Positions of the search: at three harmonics of a BPFI of 5.4 one step is two bins, half a line of a Hann window."""

HARMONICS: Final = 3
LINES: Final = ("1", "2", "3", "1/2", "1-", "1+", "2-", "2+")
"""The lines of a defect: three harmonics, half of the first, and the sidebands of the first two."""

LEAST_LOG, MOST_LOG = -2.0, 6.0
"""Bounds of a line's logarithm: below is no line, above is certain; neither outweighs all others."""

FLOOR_LOG: Final = 1.0
"""Lines below e times the noise do not count in the search: one bin in 15 of noise alone is higher."""

_MULTIPLES: Final = np.array([1, 2, 3, 0.5, 1, 1, 2, 2])
_SIDES: Final = np.array([0, 0, 0, 0, -1, 1, -1, 1])
_WEIGHTS: Final = np.array([1, 1, 1, 0, 0.5, 0.5, 0.5, 0.5], np.float32)
_SCALES: Final = np.linspace(1 - SEARCH, 1 + SEARCH, STEPS)

_MULTIPLE_OF_LINE: Final = (_SCALES[:, None] * _MULTIPLES).astype(np.float32)


def orders_array(orders: Orders) -> NDArray[np.float32]:
    """The orders of a bearing as the detector takes them: BPFO, BPFI, 2 x BSF, FTF; float32[4]."""
    return np.array([orders.outer_race, orders.inner_race, 2 * orders.ball_spin, orders.cage], np.float32)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of each defect, where they fit best."""

    logs: NDArray[np.float32]
    """float32[rows, defects, lines]: logarithm of power over noise; columns as `LINES`; 0 where out of reach."""
    scale: NDArray[np.float64]
    """float64[rows, defects]: place of the harmonics over that of rolling without slip."""


def find_lines(spectrum: OrderSpectrum, orders: NDArray[np.float32], top_order: NDArray[np.float32]) -> Lines:
    """Find the lines of each defect: all its harmonics and sidebands are moved together within `SEARCH`.

    Args:
        spectrum: of the rows.
        orders: float32[rows, 4], as from `orders_array`.
        top_order: float32[rows]: the envelope holds no higher order.
    """
    rows = len(orders)
    spacing = np.stack([np.ones(rows, np.float32), np.ones(rows, np.float32), orders[:, 3]], axis=1)  # of the sidebands
    place = orders[:, :3, None, None] * _MULTIPLE_OF_LINE + (spacing[:, :, None, None] * _SIDES.astype(np.float32))
    reached = place < np.minimum(top_order, BINS / 2 - 0.1)[:, None, None, None]
    index = np.where(reached, place * REVOLUTIONS + np.float32(0.5), 0).astype(np.intp)
    flat = index + (np.arange(rows) * spectrum.logs.shape[1])[:, None, None, None]
    logs = np.where(reached, spectrum.logs.ravel()[flat], 0)
    best = (np.maximum(logs - FLOOR_LOG, 0) @ _WEIGHTS).argmax(axis=2)
    chosen = np.take_along_axis(logs, best[:, :, None, None], axis=2)[:, :, 0]
    return Lines(chosen, _SCALES[best])


MOST_PEAKS: Final = 0.2
"""Bound of the share of power in lines: no simulated machine has more."""

FEATURES: Final = (
    *(f"{defect}_{name}" for defect in DEFECTS for name in (*LINES, "best", "shaft", "near")),
    *("resolution", "shaft_1", "shaft_2", "shaft_3", "cage", "peaks"),
)
"""Of each defect: its lines; their weighed sum; the line of the shaft's multiple nearest to its first harmonic, and how
near that is. Of the spectrum: its length, three harmonics of the shaft, the cage, and how many lines stand out."""


def features(spectrum: OrderSpectrum, lines: Lines, orders: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the densities are functions of: float32[rows, FEATURES]."""
    rows = np.arange(len(orders))[:, None]
    logs = _bounded(lines.logs)
    place = lines.scale * orders[:, :3]
    whole = np.maximum(np.rint(place), 1)
    revolutions = spectrum.length[:, None] / BINS
    near = np.exp(-np.square((place - whole) * revolutions / 2))
    shaft = _bounded(spectrum.logs[rows, (np.minimum(whole, BINS / 2 - 1) * REVOLUTIONS).astype(np.intp)])
    best = np.maximum(logs - FLOOR_LOG, 0) @ _WEIGHTS
    each = np.concatenate([logs, np.stack([best, near * shaft, near], axis=2)], axis=2)
    own = np.concatenate([np.tile(np.array([1, 2, 3], np.float32), (len(orders), 1)), orders[:, 3:]], axis=1)
    shared = _bounded(spectrum.logs[rows, np.rint(own * REVOLUTIONS).astype(np.intp)])
    peaks = np.log(0.01 + np.minimum(np.maximum(spectrum.logs - 2, 0).mean(axis=1, keepdims=True), MOST_PEAKS))
    resolution = np.log(revolutions / REVOLUTIONS)
    return np.concatenate([each.reshape(len(orders), -1), resolution, shared, peaks], axis=1, dtype=np.float32)


def _bounded(logs: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(logs, LEAST_LOG, MOST_LOG)


@dataclass(frozen=True, slots=True)
class Densities:
    """Log-likelihood ratios of each defect against a healthy bearing, as linear functions of the features.

    They are the coefficients of a multinomial logistic regression with equal priors, so that the difference of two of
    its logits is a log-likelihood ratio. Fitted on simulation alone, by `benchmarks/bearing_detector.py --fit`.
    """

    weights: NDArray[np.float32]
    """float32[1 + features, defects]; the first row is the bias."""

    def nats(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[rows, features] to float32[rows, defects], within `MOST_NATS`."""
        ratios: NDArray[np.float32] = np.clip(found @ self.weights[1:] + self.weights[0], -MOST_NATS, MOST_NATS)
        return ratios


MOST_NATS: Final = 8.0
"""Bound of a ratio, 3,000 to one: the simulation shows no more than that of what real machines do."""


def detect(
    series: NDArray[np.float32],
    length: NDArray[np.intp],
    orders: NDArray[np.float32],
    top_order: NDArray[np.float32],
    densities: Densities,
) -> tuple[NDArray[np.float32], Lines]:
    """Weigh each defect against a healthy bearing.

    Args:
        series: float32[rows, LENGTH]: envelope over the shaft's angle, as `order_spectrum` takes it.
        length: int[rows]: values in use, each one of `LENGTHS`.
        orders: float32[rows, 4], as from `orders_array`.
        top_order: float32[rows]: the envelope holds no higher order.
        densities: of the features.

    Returns:
        Log-likelihood ratios in nats, float32[rows, defects], and the lines that they are from.
    """
    spectrum = order_spectrum(series, length)
    lines = find_lines(spectrum, orders, top_order)
    nats = densities.nats(features(spectrum, lines, orders))
    nats[top_order < orders[:, :3].max(axis=1) * (1 + SEARCH)] = 0  # a first harmonic is out of reach
    return nats, lines
