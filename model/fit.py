"""Training: a plain loop from a recipe and its recordings to a network."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from drsn.model.augmentation import Augmenter, Batch
from drsn.model.course import Course
from drsn.model.ensemble import network_of
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drsn.model.data.recording import Recording
    from drsn.model.keeper import Keeper
    from drsn.model.network import Network, NetworkConfig
    from drsn.model.origin import Origin
    from drsn.model.recipe import Recipe

THREADS = 2
"""Fixed unless asked otherwise, because the order of sums, and so the weights, depend on it."""

Progress = Callable[[int, float], None]
"""Called with the number of steps done and the running loss."""


def fit(
    recipe: Recipe,
    recordings: Sequence[Recording],
    progress: Progress,
    threads: int = THREADS,
    *,
    origin: Origin | None = None,
    keeper: Keeper | None = None,
    build: Callable[[NetworkConfig], Network] = network_of,
) -> Network:
    """Train on `recordings` alone; the same recipe on the same machine gives the same weights.

    With `origin` the training begins from that bundle's weights (see `drsn.model.course`). `keeper` writes down, every
    so often, what is needed to go on, and begins where the training that it found had stopped: the weights are then
    those of one that was never interrupted, to the bit.

    Raises:
        ConfigurationError: the loss left the numbers.
        BadDataError: a recording is shorter than a window.
        KeyboardInterrupt: the keeper was asked to stop, and has written.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    network = origin.begun(recipe) if origin else build(recipe.network_config())
    course = Course(network, recipe.optimisation, fine_tuning=origin is not None)
    rng = np.random.default_rng(recipe.seed)
    if keeper:
        keeper.restore(course, rng)
    augmenter = Augmenter(recordings, recipe, rng)
    for batch, drawn in _drawn_ahead(augmenter, rng, course.steps_left):
        if not math.isfinite(course.learn(batch)):
            raise ConfigurationError(
                f"recipe {recipe.name}: diverged at step {course.step}; lower optimisation.learning_rate"
            )
        progress(course.step, course.loss)
        if keeper:
            keeper.after_step(course, drawn)
    return network.eval()


def _drawn_ahead(
    augmenter: Augmenter, rng: np.random.Generator, batches: int
) -> Iterator[tuple[Batch, dict[str, Any]]]:
    """Draw the next batch in one other thread while this one trains; the order stays.

    With each batch comes the generator's state after it and before the next, which is the one to go on from.
    """
    with ThreadPoolExecutor(max_workers=1) as executor:
        pending = executor.submit(augmenter.draw) if batches else None
        for remaining in range(batches - 1, -1, -1):
            assert pending is not None
            batch, drawn = pending.result(), dict(rng.bit_generator.state)
            if remaining:
                pending = executor.submit(augmenter.draw)
            yield batch, drawn
