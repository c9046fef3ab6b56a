"""Recordings with noise, as stretches of successive diagnoses: what long histories of a sensor are drawn from.

A stretch is a part of a recording, window after window, with one draw of noise over the whole of it. So the windows of
a stretch depend on each other as the windows of a real sensor do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.sensor_faults import WindowStats, find_fault
from drsn.agent.decision.diagnosis import Interpreter
from drsn.model.conditioning import Conditioner
from drsn.model.errors import BadDataError
from drsn.model.noise import PAPER_NOISES, add_noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.mqtt.transport import Backend
    from drsn.model.contract import ModelContract
    from drsn.model.data.recording import Recording
    from drsn.model.noise import Noise

    Alteration: TypeAlias = Callable[[NDArray[np.float32], float, Noise, np.random.Generator], NDArray[np.float32]]
    """(float32[n] samples, rate in Hz, kind of noise, generator) -> float32[n] samples with noise."""

BATCH = 32
"""Windows that the backend runs at once."""


class WindowDiagnoser:
    """The agent's steps from samples to diagnoses: sensor faults, conditioning, network, abstention.

    Args:
        contract: the model's contract, of one channel.
        backend: runs the model, `BATCH` windows at a time.
        ignored_faults: names of sensor faults that the settings ignore.
    """

    def __init__(self, contract: ModelContract, backend: Backend, ignored_faults: frozenset[str] = frozenset()) -> None:
        self.contract = contract
        self._backend = backend
        self._ignored_faults = ignored_faults
        self._interpret = Interpreter(contract)
        self._conditioners: dict[float, Conditioner] = {}

    def diagnoses(self, native: NDArray[np.float32], rate_hz: float, rpm: float | None = None) -> list[Diagnosis]:
        """Diagnose successive windows, float32[windows, 1, native window], sampled at `rate_hz`."""
        found: list[Diagnosis] = []
        duration_ns = round(native.shape[-1] * 1e9 / rate_hz)
        for start in range(0, len(native), BATCH):
            part = native[start : start + BATCH]
            x = np.empty((len(part), 1, self.contract.window), np.float32)
            self._conditioner(rate_hz)(part, x)
            readings = [self._reading(window, duration_ns, rpm) for window in part]
            found += self._interpret(readings, self._backend.infer(x))
        return found

    def stretches(
        self,
        recordings: Sequence[Recording],
        count: int,
        seed: int,
        alter: Alteration,
        on_stretch: Callable[[], None] = lambda: None,
    ) -> list[list[Diagnosis]]:
        """Draw `count` stretches of equal length, from the recordings in turn and with the paper's noises in turn.

        Args:
            recordings: of one channel.
            count: how many stretches.
            seed: the same seed draws the same.
            alter: lays noise over the samples of a stretch.
            on_stretch: called after each stretch, for progress.

        Raises:
            BadDataError: a recording is shorter than two windows.
        """
        rng = np.random.default_rng(seed)
        natives = [self._conditioner(r.sample_rate_hz).native_window for r in recordings]
        length = min(r.n_samples // native for r, native in zip(recordings, natives, strict=True)) - 1
        if length < 1:
            raise BadDataError("a recording is shorter than two windows; give longer ones")
        found = []
        for index in range(count):
            recording, native = recordings[index % len(recordings)], natives[index % len(recordings)]
            start = rng.integers(recording.n_samples - length * native)
            noise = PAPER_NOISES[index // len(recordings) % len(PAPER_NOISES)]
            x = recording.samples[0, start : start + length * native]
            x = alter(x, recording.sample_rate_hz, noise, rng)
            windows = x.reshape(length, 1, native)
            found.append(self.diagnoses(windows, recording.sample_rate_hz, recording.rpm))
            on_stretch()
        return found

    def _conditioner(self, rate_hz: float) -> Conditioner:
        c = self.contract
        return self._conditioners.setdefault(rate_hz, Conditioner(c.window, c.sample_rate_hz, c.bandwidth_hz, rate_hz))

    def _reading(self, window: NDArray[np.float32], duration_ns: int, rpm: float | None) -> Reading:
        stats = WindowStats(window)
        return Reading(
            sensor="simulated",
            end_unix_ns=0,
            duration_ns=duration_ns,
            fresh=False,
            rms=stats.rms,
            peak=stats.peak,
            unit=None,
            clock_synced=True,
            advance_ns=duration_ns,
            rpm=rpm,
            fault=find_fault(stats, self._ignored_faults),
        )


def noise_at(snr_db: float) -> Alteration:
    """Return what adds noise at this signal-to-noise ratio to a stretch."""

    def alter(
        x: NDArray[np.float32],
        rate_hz: float,  # noqa: ARG001 (noise is white or pink at any rate)
        noise: Noise,
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        noisy: NDArray[np.float32] = add_noise(x[np.newaxis], snr_db, noise, rng)[0]
        return noisy

    return alter
