"""HIT-SM with its full band against the band of the evaluation protocols, by a linear model on the log spectrum.

The protocols limit HIT-SM to the band of CWRU, 5.3 kHz, because above it a recording identifies its measuring chain.
Here one logistic regression is trained and tested on the same recordings (windows of 160 ms without added noise, macro
recall): within that band; at 12.8 kHz without a limit; and as recorded, at 51.2 kHz. One speed of a rig is left out, as
in the protocols; no seed is involved. `alone` uses only each window's shares of power up to 5.3, 6.4 and 25.6 kHz.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from _report import report
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from accuracy.spectrum_baselines import log_spectrum
from drsn.model.data import hit_sm
from drsn.model.data.mat import variables
from drsn.model.protocols import BANDWIDTH_HZ
from drsn.model.sources import data_dir

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 2048 * hit_sm.DECIMATION
"""Samples as recorded: those of a window at 12.8 kHz."""

HOP = WINDOW // 4
"""Hop of the training windows in samples, a quarter of a window; test windows are adjacent."""

LIMITS_HZ = {"rung's band": BANDWIDTH_HZ, "12.8 kHz": hit_sm.SAMPLE_RATE_HZ / 2, "51.2 kHz": hit_sm.RECORDED_HZ / 2}


def frames_of(rig: str, rpm: int, label: str, hop: int) -> NDArray[np.float64]:
    """Return windows of a recording as recorded, each of mean 0: float64[n, WINDOW]."""
    path = data_dir() / "hit_sm" / rig / f"{hit_sm.FILES[label]}_{rpm}.mat"
    (signal,) = variables(path).values()
    frames = np.lib.stride_tricks.sliding_window_view(np.ravel(signal).astype(np.float64), WINDOW)[::hop]
    return frames - frames.mean(axis=1, keepdims=True)


def limited(frames: NDArray[np.float64], limit_hz: float) -> NDArray[np.float32]:
    """Windows as recorded at twice the limit: band-limited, scaled to RMS 1."""
    spectrum = np.fft.rfft(frames, axis=1)[:, : round(limit_hz / hit_sm.RECORDED_HZ * WINDOW) + 1]
    x = np.fft.irfft(spectrum, axis=1)
    return (x / np.sqrt(np.square(x).mean(axis=1, keepdims=True))).astype(np.float32)[:, np.newaxis]


def shares(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log of the power between the limits, relative to the whole: float64[n, 3]."""
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    edges = [0, *(round(limit_hz / hit_sm.RECORDED_HZ * WINDOW) for limit_hz in LIMITS_HZ.values())]
    parts = [power[:, first:last].sum(axis=1) for first, last in pairwise(edges)]
    return np.log(np.stack(parts, axis=1) / power.sum(axis=1, keepdims=True) + 1e-9)


FEATURES = {
    **{name: lambda x, limit_hz=limit_hz: log_spectrum(limited(x, limit_hz)) for name, limit_hz in LIMITS_HZ.items()},
    "alone": shares,
}


def recall(rig: str, left_out: int, features: str) -> float:
    """Return the macro recall, in per cent, at the speed that was left out."""
    labels = list(hit_sm.FILES)
    speeds = [rpm for rpm in hit_sm.SPEEDS_RPM if rpm != left_out]
    seen = [(FEATURES[features](frames_of(rig, rpm, label, HOP)), label) for rpm in speeds for label in labels]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(np.concatenate([x for x, _ in seen]), [label for x, label in seen for _ in x])
    named = [model.predict(FEATURES[features](frames_of(rig, left_out, label, WINDOW))) for label in labels]
    return 100 * float(np.mean([np.mean(n == label) for n, label in zip(named, labels, strict=True)]))


def main() -> None:
    """Measure every protocol, and their mean."""
    rows: list[list[object]] = [
        [f"hit_sm-{rig}-{rpm}", *(recall(rig, rpm, features) for features in FEATURES)]
        for rig in hit_sm.RIGS
        for rpm in hit_sm.SPEEDS_RPM
    ]
    rows.append(["mean of six", *(float(np.mean(values)) for values in list(zip(*rows, strict=True))[1:])])
    report("full_band", ["rung", *FEATURES], rows)


if __name__ == "__main__":
    main()
