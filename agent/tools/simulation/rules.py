"""Five rules that raise alarms, each for many sensors at once; the agent's two do what `decision.rule` does.

A test holds them to `drsn.agent.decision.alarm_logic.step`, window by window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from drsn.agent.decision.cusum import BOUND_NATS, DEPENDENCE, DOUBT_NATS, NOVELTY_PER_NAT
from drsn.agent.decision.policy import SENSOR_FAULT_RULE
from drsn.agent.tools.simulation.pool import ABSTAINED, FAULTY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.decision.voting import Quorum

MOST = 64
"""Windows of a quorum: a history is a 64-bit integer here."""


class Tallies:
    """Votes of any shape: as `drsn.agent.decision.voting.Votes`."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._bits = np.zeros(shape, np.uint64)
        self._cast = np.zeros(shape, np.int64)

    def push(self, vote: NDArray[np.bool_], where: NDArray[np.bool_]) -> None:
        """One more vote, where `where` says."""
        self._bits = np.where(where, (self._bits << np.uint64(1)) | vote, self._bits)
        self._cast = np.minimum(self._cast + where, MOST)

    def met(self, rise: Quorum, fall: Quorum, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether what stands is over, and whether what does not begins."""
        ayes = np.bitwise_count(self._bits & _mask(rise.of)) >= rise.votes
        noes = np.minimum(self._cast, fall.of) - np.bitwise_count(self._bits & _mask(fall.of)) >= fall.votes
        return np.asarray(np.where(active, noes, ayes))

    def forget(self, where: NDArray[np.bool_]) -> None:
        """Begin anew."""
        self._bits[where] = 0
        self._cast[where] = 0


def _mask(of: int) -> np.uint64:
    mask: np.uint64 = np.uint64((1 << of) - 1)
    return mask


@dataclass(frozen=True)
class Shown:
    """One window of each of n sensors."""

    ayes: NDArray[np.bool_]
    """bool[n, conditions]: it votes for the condition."""
    probability: NDArray[np.float32]
    """float32[n, conditions]"""
    z: NDArray[np.float64]
    """float64[n, conditions], nats."""
    excess: NDArray[np.float64]
    """float64[n, 1], of novelty."""
    heard: NDArray[np.bool_]
    """bool[n, 1]: neither faulty nor of a sensor that is at fault."""
    speaks: NDArray[np.bool_]
    """bool[n, 1]: heard, and the model does not abstain."""


class Rule(Protocol):
    """Decides about n sensors."""

    name: str

    def start(self, shape: tuple[int, int]) -> None:
        """Forget all; int n, conditions."""
        ...

    def changes(self, shown: Shown, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool[n, conditions]: which conditions must begin or, where `active`, end."""
        ...


class Argmax:
    """Whatever the window says, at once."""

    name = "argmax"

    def start(self, shape: tuple[int, int]) -> None:
        """Nothing to forget."""

    def changes(self, shown: Shown, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """At once."""
        return np.asarray((shown.ayes != active) & shown.speaks)


class Threshold:
    """A probability that is high enough, at once."""

    def __init__(self, least: float) -> None:
        self.name = f"P >= {least:.6g}"
        self._least = least

    def start(self, shape: tuple[int, int]) -> None:
        """Nothing to forget."""

    def changes(self, shown: Shown, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """At once."""
        return np.asarray(((shown.probability >= self._least) != active) & shown.speaks)


class ByVotes:
    """`alarms.rule = "votes"`."""

    def __init__(self, rise: Quorum, fall: Quorum) -> None:
        self.name = f"votes {rise}"
        self._rise, self._fall = rise, fall
        self._tallies = Tallies((0, 0))

    def start(self, shape: tuple[int, int]) -> None:
        """No votes."""
        self._tallies = Tallies(shape)

    def changes(self, shown: Shown, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """By quorum."""
        self._tallies.push(shown.ayes, np.broadcast_to(shown.speaks, shown.ayes.shape))
        changed = self._tallies.met(self._rise, self._fall, active) & shown.speaks
        self._tallies.forget(changed)
        return changed


def ceilings(
    excess: NDArray[np.float64], novelty_per_nat: float = NOVELTY_PER_NAT, doubt_nats: float = DOUBT_NATS
) -> NDArray[np.float64]:
    """As `drsn.agent.decision.cusum.ceiling_nats`, of novelty past the threshold; any shape."""
    return np.minimum(BOUND_NATS, np.fmax(-doubt_nats, BOUND_NATS - excess / novelty_per_nat))


class Sequential:
    """`alarms.rule = "sequential"`, as it is or with another price of novelty."""

    def __init__(
        self, threshold_nats: float, novelty_per_nat: float = NOVELTY_PER_NAT, doubt_nats: float = DOUBT_NATS
    ) -> None:
        self.name = f"sequential {threshold_nats:.1f} nats"
        self._threshold = threshold_nats
        self._doubt = novelty_per_nat, doubt_nats
        self._evidence = np.zeros((0, 0))

    def start(self, shape: tuple[int, int]) -> None:
        """No evidence."""
        self._evidence = np.zeros(shape)

    def changes(self, shown: Shown, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """By evidence."""
        z = np.minimum(np.where(active, -shown.z, shown.z), ceilings(shown.excess, *self._doubt))
        gathered = np.maximum(0, self._evidence + (z - np.log1p(np.exp(-BOUND_NATS))) / DEPENDENCE)
        self._evidence = np.where(shown.heard, np.minimum(self._threshold, gathered), self._evidence)
        changed = (self._evidence >= self._threshold) & shown.heard
        self._evidence[changed] = 0
        return changed


class Dropping(Sequential):
    """The sequential test as votes are taken: a window that the model abstains from is left out."""

    def __init__(self, threshold_nats: float) -> None:
        super().__init__(threshold_nats)
        self.name = f"dropping {threshold_nats:.1f} nats"

    def changes(self, shown: Shown, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """By the evidence of known windows."""
        return super().changes(replace(shown, heard=shown.speaks), active)


class Sensors:
    """n sensors under one rule, sensor faults first."""

    def __init__(self, rule: Rule, n: int, conditions: int) -> None:
        self.active = np.zeros((n, conditions), bool)
        self.broken = np.zeros(n, bool)
        self._rule = rule
        self._faults = Tallies((n,))
        self._everyone = np.ones(n, bool)
        rule.start((n, conditions))

    def show(
        self,
        vote: NDArray[np.int64],
        probability: NDArray[np.float32],
        z: NDArray[np.float64],
        excess: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Show one window of each; return what was raised, bool[n, conditions].

        Args:
            vote: int64[n], as in `Pool`.
            probability: float32[n, conditions].
            z: float64[n, conditions], nats.
            excess: float64[n], of novelty past the threshold.
        """
        heard = ~(self.broken | (vote == FAULTY))[:, np.newaxis]
        speaks = heard & (vote != ABSTAINED)[:, np.newaxis]
        ayes = vote[:, np.newaxis] == np.arange(self.active.shape[1])
        shown = Shown(ayes, probability, z, excess[:, np.newaxis], heard, speaks)
        changed = self._rule.changes(shown, self.active)
        raised = changed & ~self.active
        self.active ^= changed
        self._faults.push(vote == FAULTY, self._everyone)
        turned = self._faults.met(SENSOR_FAULT_RULE.rise, SENSOR_FAULT_RULE.fall, self.broken)
        self._faults.forget(turned)
        self.broken ^= turned
        return raised
