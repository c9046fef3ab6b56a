"""The training loop: from a recipe and its recordings to a trained network."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from drsn.model.ensemble import network_of
from drsn.model.errors import ConfigurationError
from drsn.model.training.augmentation import Augmenter
from drsn.model.training.schedule import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drsn.model.data.recording import Recording
    from drsn.model.network import Network, NetworkConfig
    from drsn.model.recipe import Recipe
    from drsn.model.training.augmentation import TrainingBatch
    from drsn.model.training.pretrained import PretrainedModel
    from drsn.model.training.resume import ResumeFile

THREADS = 2
"""Fixed unless the caller gives another number: the order of sums, and so the weights, depend on it."""

Progress = Callable[[int, float], None]
"""Called with the number of steps done and the running loss."""


def fit(
    recipe: Recipe,
    recordings: Sequence[Recording],
    progress: Progress,
    threads: int = THREADS,
    *,
    pretrained: PretrainedModel | None = None,
    resume_file: ResumeFile | None = None,
    build: Callable[[NetworkConfig], Network] = network_of,
) -> Network:
    """Train on `recordings` alone; the same recipe on the same machine gives the same weights.

    With `pretrained` the training begins from that bundle's weights (drsn.model.training.schedule). `resume_file`
    saves the state of the training at intervals, and restores the state that it holds: the weights are then, bit for
    bit, those of a training that was never interrupted.

    Raises:
        ConfigurationError: the loss is no longer finite.
        BadDataError: a recording is shorter than a window.
        KeyboardInterrupt: Ctrl-C was pressed, and `resume_file` has saved the state.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    network = pretrained.initial_network(recipe) if pretrained else build(recipe.network_config())
    trainer = Trainer(network, recipe.optimisation, fine_tuning=pretrained is not None)
    rng = np.random.default_rng(recipe.seed)
    if resume_file:
        resume_file.restore(trainer, rng)
    augmenter = Augmenter(recordings, recipe, rng)
    for batch, rng_state in _prefetched(augmenter, rng, trainer.steps_left):
        if not math.isfinite(trainer.train_step(batch)):
            raise ConfigurationError(
                f"recipe {recipe.name}: diverged at step {trainer.step}; lower optimisation.learning_rate"
            )
        progress(trainer.step, trainer.loss)
        if resume_file:
            resume_file.after_step(trainer, rng_state)
    return network.eval()


def _prefetched(
    augmenter: Augmenter, rng: np.random.Generator, batches: int
) -> Iterator[tuple[TrainingBatch, dict[str, Any]]]:
    """Draw the next batch in one other thread while this one trains; the order of draws does not change.

    Each batch comes with the state of the generator after it and before the next: a resumed training continues there.
    """
    with ThreadPoolExecutor(max_workers=1) as executor:
        pending = executor.submit(augmenter.draw) if batches else None
        for remaining in range(batches - 1, -1, -1):
            assert pending is not None
            batch, rng_state = pending.result(), dict(rng.bit_generator.state)
            if remaining:
                pending = executor.submit(augmenter.draw)
            yield batch, rng_state
