"""Brings a recording down to a lower rate, by any ratio, as `decimation` does by a whole one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.decimation import EDGE

if TYPE_CHECKING:
    from drsn.model.data.recording import Recording


def to_rate(recording: Recording, rate_hz: float) -> Recording:
    """The recording at `rate_hz`, band-limited to its Nyquist frequency: flat to 98 % of that, no phase.

    One spectrum over the whole recording. Its length is rounded to whole samples, which misplaces a frequency by at
    most half a sample per recording. `rate_hz` must not be above the recording's own; at its own nothing changes.
    """
    if rate_hz == recording.sample_rate_hz:
        return recording
    assert rate_hz < recording.sample_rate_hz, "nothing is there above the recording's own Nyquist frequency"
    n_in = recording.n_samples
    n_out = max(round(n_in * rate_hz / recording.sample_rate_hz), 1)
    spectrum = np.fft.rfft(recording.samples.astype(np.float64), axis=-1)[..., : n_out // 2 + 1]
    to_nyquist = 1 - np.arange(spectrum.shape[-1]) / (n_out / 2)
    spectrum *= 0.5 - 0.5 * np.cos(np.pi * np.clip(to_nyquist / EDGE, 0.0, 1.0))
    samples = (np.fft.irfft(spectrum, n=n_out, axis=-1) * (n_out / n_in)).astype(np.float32)
    return replace(recording, samples=samples, sample_rate_hz=rate_hz)
