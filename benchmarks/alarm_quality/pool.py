"""Diagnoses of `drsn.agent.tools.simulation.stretches` as arrays, for many sensors at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from alarm_quality.disturbances import DISTURBANCES
from drsn.agent.decision.cusum import LogLikelihoodRatios
from drsn.agent.decision.diagnosis import ANY_FAULT, SENSOR_FAULT, UNKNOWN
from drsn.agent.tools.simulation.stretches import WindowDiagnoser
from drsn.model.contract import NORMAL
from drsn.model.noise import add_noise

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


@dataclass(frozen=True)
class Pool:
    """Stretches of windows of machines in one state; `conditions` are the model's, without normal."""

    conditions: tuple[str, ...]
    vote: NDArray[np.int64]
    """int64[stretches, windows]: the index of the condition that the window votes for, or one of the three above."""
    probability: NDArray[np.float32]
    """float32[stretches, windows, conditions]"""
    z: NDArray[np.float64]
    """float64[stretches, windows, conditions + 1]: log-likelihood ratios in nats; the last is that of any fault."""
    excess: NDArray[np.float64]
    """float64[stretches, windows]: novelty above the abstention threshold."""

    @property
    def windows(self) -> int:
        """Number of windows that the network has seen."""
        return int(self.vote.size)

    def without_abstention(self) -> Pool:
        """Return the same as if the model never abstained: the most probable condition is each window's vote."""
        bare = np.concatenate([1 - self.probability.sum(axis=-1, keepdims=True), self.probability], axis=-1)
        vote = np.where(self.vote == ABSTAINED, bare.argmax(axis=-1) - 1, self.vote)  # 0, normal, becomes QUIET
        return replace(self, vote=vote, excess=np.full_like(self.excess, -np.inf))


@dataclass(frozen=True)
class Scene:
    """What is added to a recording."""

    snr_db: float | None = None
    """Signal-to-noise ratio of the whole stretch; None: as recorded."""
    disturbed: float = 0.0
    """Part of the stretches with one disturbance; its kind is drawn evenly."""


class PoolBuilder:
    """Makes pools with one model.

    Args:
        contract: the model's contract.
        backend: runs the model, `drsn.agent.tools.simulation.stretches.BATCH` windows at a time.
    """

    def __init__(self, contract: ModelContract, backend: Backend) -> None:
        self.contract = contract
        self.conditions = tuple(name for name in contract.conditions if name != NORMAL)
        self._diagnoser = WindowDiagnoser(contract, backend)
        self._ratios = LogLikelihoodRatios(contract)
        self._threshold = np.inf if contract.abstention_threshold is None else contract.abstention_threshold

    def pool(
        self, recordings: Sequence[Recording], scene: Scene, stretches: int, seed: int, step: Callable[[int], None]
    ) -> Pool:
        """Draw stretches of the recordings in turn, with the noises of the paper in turn; `step(1)` after each.

        Raises:
            BadDataError: a recording is shorter than two windows.
        """

        def alter(
            x: NDArray[np.float32], rate_hz: float, noise: Noise, rng: np.random.Generator
        ) -> NDArray[np.float32]:
            return altered(x, rate_hz, scene, noise, rng)

        found = self._diagnoser.stretches(recordings, stretches, seed, alter, lambda: step(1))
        return self._pool_of(found)

    def _pool_of(self, stretches: list[list[Diagnosis]]) -> Pool:
        index = {name: at for at, name in enumerate(self.conditions)}
        index |= {NORMAL: QUIET, UNKNOWN: ABSTAINED, SENSOR_FAULT: FAULTY}
        names = self.conditions
        ratios = [[self._ratios(d.condition_probabilities) for d in stretch] for stretch in stretches]
        return Pool(
            conditions=names,
            vote=np.array([[index[d.condition] for d in stretch] for stretch in stretches]),
            probability=np.array(
                [[[d.condition_probabilities[name] for name in names] for d in stretch] for stretch in stretches],
                np.float32,
            ),
            z=np.array([[[z[name] for name in (*names, ANY_FAULT)] for z in stretch] for stretch in ratios]),
            excess=np.array([[d.novelty for d in stretch] for stretch in stretches]) - self._threshold,
        )


def altered(
    x: NDArray[np.float32], rate_hz: float, scene: Scene, noise: Noise, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return float32[n] samples with the scene's noise and disturbance."""
    if scene.snr_db is not None:
        x = add_noise(x[np.newaxis], scene.snr_db, noise, rng)[0]
    if rng.uniform() < scene.disturbed:
        x = DISTURBANCES[str(rng.choice(list(DISTURBANCES)))](x, rate_hz, rng)
    return x
