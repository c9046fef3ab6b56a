"""Draws `examples.png`: a window of each label with its envelope spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.evaluate import run
from drsn.model.report.canvas import canvas
from drsn.model.report.envelope import envelope_spectrum
from drsn.model.windows import Disturbance, windows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Recipe, SignalSpec

MOST = 10
"""Largest number of labels shown."""

UP_TO_HZ = 500.0
HARMONICS = 5
LONGEST = 72
"""Characters that fit above a panel."""


@dataclass(frozen=True)
class Example:
    """A conditioned test window, float32[window], of the recording's first channel, with the model's prediction."""

    recording: Recording
    window: NDArray[np.float32]
    named: str
    probability: float


def examples_of(checkpoint: Checkpoint, recipe: Recipe, recordings: Sequence[Recording]) -> list[Example]:
    """The middle window of each label's first long enough recording, without added noise, for up to `MOST` labels."""
    windows = windows_of(recordings, recipe, Disturbance(), recipe.seed)
    examples = []
    for index, _name in enumerate(recipe.label_names[:MOST]):
        of_label = np.flatnonzero(windows.label == index)
        if not of_label.size:
            continue
        number = windows.recording[of_label[0]]
        of_recording = np.flatnonzero(windows.recording == number)
        sample = windows.samples[of_recording[of_recording.size // 2]]
        probabilities = run(checkpoint.build(), sample[np.newaxis]).probabilities[0]
        best = int(probabilities.argmax())
        examples.append(Example(recordings[number], sample[0], recipe.label_names[best], float(probabilities[best])))
    return examples


def examples_figure(examples: Sequence[Example], signal: SignalSpec) -> Figure:
    """Draw a row for each example: waveform and envelope spectrum."""
    figure = canvas(11, 0.9 + 1.5 * len(examples))
    band_hz = (signal.bandwidth_hz / 4, signal.bandwidth_hz)
    rows = figure.subplots(len(examples), 2, sharex="col", squeeze=False)
    for (left, right), example in zip(rows, examples, strict=True):
        _waveform(left, example, signal.sample_rate_hz)
        _spectrum(right, example, signal.sample_rate_hz, band_hz)
    rows[-1][0].set_xlabel("time, ms")
    rows[-1][1].set_xlabel(f"frequency of the envelope ({band_hz[0]:.0f} to {band_hz[1]:.0f} Hz), Hz")
    figure.supylabel("amplitude, in the sensor's unit", fontsize=10)
    return figure


def _waveform(axes: Axes, example: Example, rate_hz: float) -> None:
    axes.plot(1000 * np.arange(example.window.size) / rate_hz, example.window, linewidth=0.5)
    axes.margins(x=0)
    axes.grid(alpha=0.3)
    title = f"{example.recording.label}: recording {example.recording.name}"
    axes.set_title(title if len(title) <= LONGEST else f"{title[:LONGEST]}…", loc="left", fontsize=9)


def _spectrum(axes: Axes, example: Example, rate_hz: float, band_hz: tuple[float, float]) -> None:
    frequency_hz, amplitude = envelope_spectrum(example.window, rate_hz, band_hz)
    shown = frequency_hz <= UP_TO_HZ
    rpm = example.recording.rpm
    if rpm:
        for harmonic in range(1, HARMONICS + 1):
            axes.axvline(harmonic * rpm / 60, color="tab:orange", linestyle=":", linewidth=1)
        axes.set_title(f"dotted: shaft, {rpm / 60:.1f} Hz", loc="right", fontsize=8, color="tab:orange")
    axes.plot(frequency_hz[shown], amplitude[shown], linewidth=0.9)
    axes.set(xlim=(0, UP_TO_HZ))
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.set_title(f"named {example.named} ({100 * example.probability:.0f} %)", loc="left", fontsize=9)
