"""The learning schedule: training phases, each with one optimiser and one one-cycle learning rate, taken step by step.

Training from scratch has one phase. Fine-tuning has two: first the classifier alone, while the pretrained features and
their batch statistics stay as they are; then all weights, at a low learning rate. The large first gradients of a fresh
classifier would otherwise damage those features (Kumar et al., ICLR 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from drsn.model.deployed_model import model_input

if TYPE_CHECKING:
    from drsn.model.network import Network
    from drsn.model.recipe import Optimisation
    from drsn.model.training.augmentation import TrainingBatch

HEAD_SHARE = 0.2
"""Share of a fine-tuning's steps that train the classifier alone."""

FULL_RATE_FACTOR = 0.1
"""The second phase of a fine-tuning uses this part of the recipe's learning rate."""


@dataclass(frozen=True)
class Phase:
    """Steps from `start` up to, but without, `stop`; `learning_rate` is the peak of the one-cycle schedule."""

    start: int
    stop: int
    learning_rate: float
    head_only: bool = False


def phases_of(settings: Optimisation, *, fine_tuning: bool) -> tuple[Phase, ...]:
    """The phases in their order, none of them empty; together they take `settings.steps` steps."""
    if not fine_tuning:
        return (Phase(0, settings.steps, settings.learning_rate),)
    turn = round(HEAD_SHARE * settings.steps)
    phases = (
        Phase(0, turn, settings.learning_rate, head_only=True),
        Phase(turn, settings.steps, FULL_RATE_FACTOR * settings.learning_rate),
    )
    return tuple(phase for phase in phases if phase.stop > phase.start)


class Trainer:
    """A network with its optimiser and learning-rate schedule.

    `step` counts the steps done; `loss` is the running mean of their losses (weight 0.02 for the newest).
    """

    def __init__(self, network: Network, settings: Optimisation, *, fine_tuning: bool) -> None:
        self.network = network
        self.step = 0
        self.loss = float("nan")
        self._settings = settings
        self._phases = phases_of(settings, fine_tuning=fine_tuning)
        self._begin_phase()

    @property
    def steps_left(self) -> int:
        """Steps until the end of the last phase."""
        return self._settings.steps - self.step

    def train_step(self, batch: TrainingBatch) -> float:
        """Take one optimiser step; return the loss of this batch."""
        smoothing = self._settings.label_smoothing
        inputs = model_input(self.network, torch.from_numpy(batch.samples))
        label = torch.from_numpy(batch.label)
        losses = [
            functional.cross_entropy(member(*inputs).logits, label, label_smoothing=smoothing)
            for member in self.network.member_networks
        ]
        loss = torch.stack(losses).mean()
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has not annotated it
        self._optimiser.step()
        self._schedule.step()
        value = float(loss.detach())
        self.step += 1
        self.loss = value if self.step == 1 else 0.98 * self.loss + 0.02 * value
        if any(phase.start == self.step for phase in self._phases):
            self._begin_phase()
        return value

    def _begin_phase(self) -> None:
        """Make the optimiser and schedule of the phase of the next step; after the last step, of the last phase."""
        phase = next((phase for phase in self._phases if self.step < phase.stop), self._phases[-1])
        self.network.train(not phase.head_only).requires_grad_(not phase.head_only)
        for member in self.network.member_networks:
            member.classifier.requires_grad_(True)
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.AdamW(trained, lr=phase.learning_rate, weight_decay=self._settings.weight_decay)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, phase.learning_rate, phase.stop - phase.start
        )

    def state(self) -> dict[str, Any]:
        """The state that the next steps depend on, except the states of the random generators."""
        return {
            "step": self.step,
            "loss": self.loss,
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned, for a trainer with the same settings."""
        self.step, self.loss = int(state["step"]), float(state["loss"])
        self._begin_phase()
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
