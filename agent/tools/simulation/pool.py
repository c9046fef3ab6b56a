"""What the agent makes of windows of recordings, once: stretches of successive windows to draw long histories from.

A stretch is a recording from a random sample on, window after window, with one draw of noise (and of a disturbance)
laid over the whole of it. So windows of one stretch depend on each other as those of a sensor do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.sensor_faults import WindowStats, find_fault
from drsn.agent.decision.cusum import LogLikelihoodRatios
from drsn.agent.decision.diagnosis import SENSOR_FAULT, UNKNOWN, Interpreter
from drsn.agent.tools.simulation.disturbances import DISTURBANCES
from drsn.model.conditioning import Conditioner
from drsn.model.contract import NORMAL
from drsn.model.errors import BadDataError
from drsn.model.noise import PAPER_NOISES, add_noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.model.contract import ModelContract
    from drsn.model.data.recording import Recording
    from drsn.model.noise import Noise

QUIET, ABSTAINED, FAULTY = -1, -2, -3
"""Votes for no condition: of a healthy window, of one that the model abstains from, of one with a sensor fault."""

BATCH = 32


@dataclass(frozen=True)
class Pool:
    """Stretches of windows of machines in one state; `conditions` are the model's, without normal."""

    conditions: tuple[str, ...]
    vote: NDArray[np.int64]
    """int64[stretches, windows]: the index of the condition that the window votes for, or one of the three above."""
    probability: NDArray[np.float32]
    """float32[stretches, windows, conditions]"""
    z: NDArray[np.float64]
    """float64[stretches, windows, conditions]: log-likelihood ratios in nats."""
    excess: NDArray[np.float64]
    """float64[stretches, windows]: novelty past the abstention threshold."""

    @property
    def windows(self) -> int:
        """That the network has seen."""
        return int(self.vote.size)

    def outspoken(self) -> Pool:
        """The same if the model never abstained: each window votes for what is most probable, and weighs in full."""
        bare = np.concatenate([1 - self.probability.sum(axis=-1, keepdims=True), self.probability], axis=-1)
        vote = np.where(self.vote == ABSTAINED, bare.argmax(axis=-1) - 1, self.vote)  # 0, normal, becomes QUIET
        return replace(self, vote=vote, excess=np.full_like(self.excess, -np.inf))


@dataclass(frozen=True)
class Scene:
    """What is laid over a recording."""

    snr_db: float | None = None
    """Of the whole stretch; None: as recorded."""
    disturbed: float = 0.0
    """Part of the stretches that one disturbance, drawn evenly, befalls."""


class Watcher:
    """The agent's steps from samples to diagnoses: sensor faults, conditioning, network, abstention.

    Args:
        contract: of the model.
        backend: runs it, `BATCH` windows at a time.
    """

    def __init__(self, contract: ModelContract, backend: Backend) -> None:
        self.contract = contract
        self.conditions = tuple(name for name in contract.conditions if name != NORMAL)
        self._backend = backend
        self._interpret = Interpreter(contract)
        self._ratios = LogLikelihoodRatios(contract)
        self._threshold = np.inf if contract.abstention_threshold is None else contract.abstention_threshold
        self._conditioners: dict[float, Conditioner] = {}

    def conditioner(self, rate_hz: float) -> Conditioner:
        """For windows of this rate."""
        c = self.contract
        return self._conditioners.setdefault(rate_hz, Conditioner(c.window, c.sample_rate_hz, c.bandwidth_hz, rate_hz))

    def diagnoses(self, native: NDArray[np.float32], rate_hz: float) -> list[Diagnosis]:
        """Of float32[windows, 1, native window] at its rate."""
        found: list[Diagnosis] = []
        duration_ns = round(native.shape[-1] * 1e9 / rate_hz)
        for start in range(0, len(native), BATCH):
            part = native[start : start + BATCH]
            x = np.empty((len(part), 1, self.contract.window), np.float32)
            self.conditioner(rate_hz)(part, x)
            readings = [
                Reading("s", 0, duration_ns, False, w.rms, w.peak, None, True, duration_ns, fault=find_fault(w))
                for w in map(WindowStats, part)
            ]  # fmt: skip
            found += self._interpret(readings, self._backend.infer(x))
        return found

    def pool(
        self, recordings: Sequence[Recording], scene: Scene, stretches: int, seed: int, step: Callable[[int], None]
    ) -> Pool:
        """Draw stretches of the recordings in turn, with the noises of the paper in turn; `step` hears of each.

        Raises:
            BadDataError: a recording is shorter than two windows.
        """
        rng = np.random.default_rng(seed)
        natives = [self.conditioner(r.sample_rate_hz).native_window for r in recordings]
        length = min(r.n_samples // native for r, native in zip(recordings, natives, strict=True)) - 1
        if length < 1:
            raise BadDataError("a recording is shorter than two windows; give longer ones")
        said: list[list[Diagnosis]] = []
        for index in range(stretches):
            recording, native = recordings[index % len(recordings)], natives[index % len(recordings)]
            start = rng.integers(recording.n_samples - length * native)
            noise = PAPER_NOISES[index // len(recordings) % len(PAPER_NOISES)]
            x = recording.samples[0, start : start + length * native]
            x = disturbed(x, recording.sample_rate_hz, scene, noise, rng)
            said.append(self.diagnoses(x.reshape(length, 1, native), recording.sample_rate_hz))
            step(1)
        return self._pool_of(said)

    def _pool_of(self, said: list[list[Diagnosis]]) -> Pool:
        index = {name: at for at, name in enumerate(self.conditions)}
        index |= {NORMAL: QUIET, UNKNOWN: ABSTAINED, SENSOR_FAULT: FAULTY}
        names = self.conditions
        ratios = [[self._ratios(d.condition_probabilities) for d in stretch] for stretch in said]
        return Pool(
            conditions=names,
            vote=np.array([[index[d.condition] for d in stretch] for stretch in said]),
            probability=np.array(
                [[[d.condition_probabilities[name] for name in names] for d in stretch] for stretch in said], np.float32
            ),
            z=np.array([[[z[name] for name in names] for z in stretch] for stretch in ratios]),
            excess=np.array([[d.novelty for d in stretch] for stretch in said]) - self._threshold,
        )


def disturbed(
    x: NDArray[np.float32], rate_hz: float, scene: Scene, noise: Noise, rng: np.random.Generator
) -> NDArray[np.float32]:
    """float32[n] with what the scene lays over it."""
    if scene.snr_db is not None:
        x = add_noise(x[np.newaxis], scene.snr_db, noise, rng)[0]
    if rng.uniform() < scene.disturbed:
        x = DISTURBANCES[str(rng.choice(list(DISTURBANCES)))](x, rate_hz, rng)
    return x
