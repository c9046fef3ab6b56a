"""The course of a training: its legs, each under one optimiser and one one-cycle schedule, step by step.

A training from nothing has one leg. Fine-tuning has two: the classifier first, while the features that came with the
bundle stay as they are, batch statistics among them; then everything, gently. A fresh classifier's first, wild
gradients would otherwise spoil those features (Kumar et al., ICLR 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from drsn.model.diagnosis import normalise

if TYPE_CHECKING:
    from drsn.model.augmentation import Batch
    from drsn.model.network import Network
    from drsn.model.recipe import Optimisation

HEAD_SHARE = 0.2
"""Of the steps of a fine-tuning: the classifier alone."""

GENTLE = 0.1
"""Part of the recipe's learning rate with which a fine-tuning moves all weights."""


@dataclass(frozen=True)
class Leg:
    """Steps up to, and without, step `stop`, at most at this learning rate."""

    start: int
    stop: int
    learning_rate: float
    head_only: bool = False


def legs_of(settings: Optimisation, *, fine_tuning: bool) -> tuple[Leg, ...]:
    """The legs in their order, none of them empty; together they take `settings.steps` steps."""
    if not fine_tuning:
        return (Leg(0, settings.steps, settings.learning_rate),)
    turn = round(HEAD_SHARE * settings.steps)
    legs = (
        Leg(0, turn, settings.learning_rate, head_only=True),
        Leg(turn, settings.steps, GENTLE * settings.learning_rate),
    )
    return tuple(leg for leg in legs if leg.stop > leg.start)


class Course:
    """A network on its way. `step` counts the steps done, `loss` is the running mean of their losses."""

    def __init__(self, network: Network, settings: Optimisation, *, fine_tuning: bool) -> None:
        self.network = network
        self.step = 0
        self.loss = float("nan")
        self._settings = settings
        self._legs = legs_of(settings, fine_tuning=fine_tuning)
        self._begin_leg()

    @property
    def steps_left(self) -> int:
        """Until the end."""
        return self._settings.steps - self.step

    def learn(self, batch: Batch) -> float:
        """Take one step; the loss of this batch."""
        smoothing = self._settings.label_smoothing
        x, label = normalise(torch.from_numpy(batch.samples)), torch.from_numpy(batch.label)
        losses = [
            functional.cross_entropy(part(x).logits, label, label_smoothing=smoothing)
            for part in self.network.member_networks
        ]
        loss = torch.stack(losses).mean()
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has not annotated it
        self._optimiser.step()
        self._schedule.step()
        value = float(loss.detach())
        self.step += 1
        self.loss = value if self.step == 1 else 0.98 * self.loss + 0.02 * value
        if any(leg.start == self.step for leg in self._legs):
            self._begin_leg()
        return value

    def _begin_leg(self) -> None:
        """Optimiser and schedule of the leg that the next step belongs to; after the last step, of the last leg."""
        leg = next((leg for leg in self._legs if self.step < leg.stop), self._legs[-1])
        self.network.train(not leg.head_only).requires_grad_(not leg.head_only)
        for part in self.network.member_networks:
            part.classifier.requires_grad_(True)
        learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.AdamW(learning, lr=leg.learning_rate, weight_decay=self._settings.weight_decay)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(self._optimiser, leg.learning_rate, leg.stop - leg.start)

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on, but for the generators."""
        return {
            "step": self.step,
            "loss": self.loss,
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave, of a course of the same settings."""
        self.step, self.loss = int(state["step"]), float(state["loss"])
        self._begin_leg()
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
