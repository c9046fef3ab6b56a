"""Resample a recording to a lower rate by any ratio; `decimation` does it by a whole factor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.model.data.decimation import shortened

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
    n_out = max(round(recording.n_samples * rate_hz / recording.sample_rate_hz), 1)
    return replace(recording, samples=shortened(recording.samples, n_out), sample_rate_hz=rate_hz)
