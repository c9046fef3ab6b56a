"""Training: a plain loop from a recipe and its recordings to a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from drsn.model.augmentation import Augmenter, Batch
from drsn.model.errors import ConfigurationError
from drsn.model.network import Diagnosis, Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drsn.model.data.recording import Recording
    from drsn.model.recipe import Optimisation, Recipe

THREADS = 2
"""Fixed unless asked otherwise, because the order of sums, and so the weights, depend on it."""

Progress = Callable[[int, float], None]
"""Called with the number of steps done and the running loss."""


def fit(recipe: Recipe, recordings: Sequence[Recording], progress: Progress, threads: int = THREADS) -> Network:
    """Train on `recordings` alone; the same recipe on the same machine gives the same weights.

    Raises:
        ConfigurationError: the loss left the numbers.
        BadDataError: a recording is shorter than a window.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    settings = recipe.optimisation
    diagnosis = Diagnosis(Network(recipe.network_config())).train()
    optimiser = torch.optim.AdamW(diagnosis.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, settings.steps)
    augmenter = Augmenter(recordings, recipe, np.random.default_rng(recipe.seed))
    running = float("nan")
    for step, batch in enumerate(_drawn_ahead(augmenter, settings.steps), start=1):
        loss = _learn(diagnosis, batch, settings, optimiser)
        schedule.step()
        if not math.isfinite(loss):
            raise ConfigurationError(f"recipe {recipe.name}: diverged at step {step}; lower optimisation.learning_rate")
        running = loss if step == 1 else 0.98 * running + 0.02 * loss
        progress(step, running)
    return diagnosis.network.eval()


def _learn(diagnosis: Diagnosis, batch: Batch, settings: Optimisation, optimiser: torch.optim.Optimizer) -> float:
    logits = diagnosis(torch.from_numpy(batch.samples))[0]
    loss = functional.cross_entropy(logits, torch.from_numpy(batch.label), label_smoothing=settings.label_smoothing)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch has not annotated it
    optimiser.step()
    return float(loss.detach())


def _drawn_ahead(augmenter: Augmenter, batches: int) -> Iterator[Batch]:
    """Draw the next batch in one other thread while this one trains; the order stays."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        pending = executor.submit(augmenter.draw)
        for remaining in range(batches - 1, -1, -1):
            batch = pending.result()
            if remaining:
                pending = executor.submit(augmenter.draw)
            yield batch
