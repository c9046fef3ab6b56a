"""Trains the families of the network on one task and measures each at several noise levels; the examples share it.

Every family sees the same batches for the same seed, so that the differences between families can be taken seed by
seed. One network is trained for all noise levels: the paper's block adapts its thresholds to each input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch.nn import functional

from drsn.model.network import Family, Network, NetworkConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Samples = tuple[NDArray[np.float32], NDArray[np.int64]]

FAMILIES = (Family.DRSN_CW, Family.DRSN_CS, Family.SENET, Family.RESNET)
QUICK_FAMILIES = (Family.DRSN_CW, Family.RESNET)
BATCH = 32
TEST_BATCH = 200
LEARNING_RATE = 5e-3
"""Peak of the one-cycle schedule."""

WEIGHT_DECAY = 1e-4


@dataclass(frozen=True)
class Task:
    """What is classified. Samples are float32[n, channels, ...] and the indices of their labels, int64[n].

    `draw` makes a training batch, each sample at a level of its own, from a generator and a size. `tests` holds the
    test samples of each level: signal over noise in dB, None without noise.
    """

    name: str
    labels: tuple[str, ...]
    network: NetworkConfig
    draw: Callable[[np.random.Generator, int], Samples]
    tests: Mapping[float | None, Samples]


@dataclass(frozen=True)
class Result:
    """One trained network: accuracy, 0 to 1, and the mean factor alpha of each unit, at each level of the task."""

    family: str
    seed: int
    parameters: int
    accuracy: tuple[float, ...]
    alpha: tuple[tuple[float, ...], ...]


def compared(task: Task, families: Sequence[Family], seeds: Sequence[int], steps: int) -> list[Result]:
    """Train and measure each family with each seed, with a progress bar on stderr.

    Ctrl-C ends it: the seeds that every family has had are returned; before the first of them it is raised.
    """
    found: list[Result] = []
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=len(seeds) * len(families) * steps)
        try:
            for seed in seeds:
                of_seed = []
                for family in families:
                    progress.update(bar, description=f"{family.value}, seed {seed}")
                    network = trained(task, family, seed, steps, lambda: progress.advance(bar))
                    of_seed.append(measured(task, network, family, seed))
                found += of_seed
        except KeyboardInterrupt:
            if not found:
                raise
    return found


def trained(task: Task, family: Family, seed: int, steps: int, tick: Callable[[], None]) -> Network:
    """A network of this family after `steps` steps of AdamW; `tick` is called after each."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = Network(task.network.model_copy(update={"family": family})).train()
    # Halves the time of images on a CPU; signals have no such format.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack this form
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps)
    for _ in range(steps):
        samples, label = (torch.from_numpy(array) for array in task.draw(rng, BATCH))
        loss = functional.cross_entropy(network(samples).logits, label)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has not annotated it
        optimiser.step()
        schedule.step()
        tick()
    return network.eval()


@torch.no_grad()
def measured(task: Task, network: Network, family: Family, seed: int) -> Result:
    """Measure a network on the test samples of each level."""
    accuracy, alphas = [], []
    widths = [stage.channels for stage in task.network.stages for _ in range(stage.units)]
    ends = np.cumsum([1] * len(widths) if family is Family.DRSN_CS else widths)
    for samples, label in task.tests.values():
        parts = [torch.from_numpy(samples[start : start + TEST_BATCH]) for start in range(0, len(label), TEST_BATCH)]
        outputs = [network(part) for part in parts]
        named = torch.cat([output.logits for output in outputs]).argmax(dim=1)
        accuracy.append(float((named.numpy() == label).mean()))
        factors = [output.alpha for output in outputs if output.alpha is not None]
        if factors:
            units = np.split(torch.cat(factors).mean(dim=0).numpy(), ends[:-1])
            alphas.append(tuple(round(float(unit.mean()), 4) for unit in units))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Result(family.value, seed, parameters, tuple(accuracy), tuple(alphas))


def mixed(
    signal: NDArray[np.float32], noise: NDArray[np.float32], snr_db: float | NDArray[np.float64] | None
) -> NDArray[np.float32]:
    """Signal plus noise, both of RMS 1, at `snr_db` (one number, or one for each sample): float32[n, 1, ...].

    The mixture has mean 0 and RMS 1: a network must not read the level from the amplitude.
    """
    axes = tuple(range(1, signal.ndim))
    if snr_db is not None:
        gain = np.power(10.0, -np.asarray(snr_db) / 20).reshape(-1, *[1] * len(axes))
        signal = signal + noise * gain.astype(np.float32)
    signal = signal - signal.mean(axis=axes, keepdims=True)
    scaled: NDArray[np.float32] = signal / signal.std(axis=axes, keepdims=True)
    return scaled[:, np.newaxis]
