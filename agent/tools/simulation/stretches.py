"""Recordings with noise, as stretches of successive diagnoses: what long histories of a sensor are drawn from.

A stretch is a part of a recording, window after window, with one draw of noise over the whole of it. So the windows of
a stretch depend on each other as the windows of a real sensor do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.sensor_stream import Window
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.voting import MAX_WINDOWS, Quorum
from drsn.agent.mqtt.message import Message
from drsn.agent.service.pipeline import Pipeline
from drsn.model.conditioning import Conditioner
from drsn.model.errors import BadDataError
from drsn.model.noise import PAPER_NOISES, add_noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.model.contract import ModelContract
    from drsn.model.data.recording import Recording
    from drsn.model.noise import Noise

    Alteration: TypeAlias = Callable[[NDArray[np.float32], float, Noise, np.random.Generator], NDArray[np.float32]]
    """(float32[n] samples, rate in Hz, kind of noise, generator) -> float32[n] samples with noise."""

SENSOR = "simulated"
NO_MESSAGE = Message("", b"", 0, False, 0.0, 0)
BATCH = 32
"""Windows that the backend runs at once."""

NO_ALARMS = Policy.votes(Quorum(MAX_WINDOWS, MAX_WINDOWS), Quorum(MAX_WINDOWS, MAX_WINDOWS))
"""Only the diagnoses are wanted here; `SimulatedSensor` draws from them and decides about alarms."""


class WindowDiagnoser:
    """The agent's own pipeline from windows to diagnoses: conditioning, sensor faults, network, interpreter.

    Args:
        contract: the model's contract, of one channel.
        backend: runs the model, `BATCH` windows at a time.
        ignored_faults: names of sensor faults that the settings ignore.
    """

    def __init__(self, contract: ModelContract, backend: Backend, ignored_faults: frozenset[str] = frozenset()) -> None:
        self.contract = contract
        self._found: list[Diagnosis] = []
        self._pipeline = Pipeline(
            None,
            Batcher(contract, BATCH, 0.0, lambda _sensor: ignored_faults),
            backend,
            Interpreter(contract),
            AlarmEngine(contract, "", lambda _sensor: NO_ALARMS),
            on_decisions=lambda decisions: self._found.extend(map(decisions.diagnosis, range(len(decisions.slots)))),
        )

    def diagnoses(self, native: NDArray[np.float32], rate_hz: float, rpm: float | None = None) -> list[Diagnosis]:
        """Diagnose successive windows, float32[windows, 1, native window], sampled at `rate_hz`."""
        for start in range(0, len(native), BATCH):
            for samples in native[start : start + BATCH]:
                self._pipeline.add(SENSOR, _window(samples, rate_hz, rpm), InFlight(NO_MESSAGE))
            self._pipeline.flush()
        found, self._found = self._found, []
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
        natives = [self._native_window(r.sample_rate_hz) for r in recordings]
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

    def _native_window(self, rate_hz: float) -> int:
        """Return the length of a window in samples at `rate_hz`."""
        c = self.contract
        return Conditioner(c.window, c.sample_rate_hz, c.bandwidth_hz, rate_hz).native_window


def _window(samples: NDArray[np.float32], rate_hz: float, rpm: float | None) -> Window:
    return Window(
        samples=samples,
        sample_rate_hz=rate_hz,
        end_unix_ns=0,
        fresh=False,
        unit=None,
        clock_synced=True,
        advance=samples.shape[-1],
        rpm=rpm,
        clipped=False,
        rate_error=0.0,
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
