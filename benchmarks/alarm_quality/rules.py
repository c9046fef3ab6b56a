"""Five alarm rules, each for thousands of sensors at once.

`ByVotes` and `Sequential` decide as `drsn.agent.decision.alarm_logic.step` does, and a test compares them window by
window. The study can't call that function: a window of one sensor takes about 0.2 ms there and 0.13 us here, and one
study looks at about a billion windows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from alarm_quality.pool import ABSTAINED, FAULTY
from drsn.agent.decision.cusum import BOUND_NATS, DEPENDENCE, DOUBT_NATS, NOVELTY_PER_NAT
from drsn.agent.decision.policy import SENSOR_FAULT_RULE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.decision.voting import Quorum

MOST = 64
"""Windows of a quorum at most: a history is a 64-bit integer here."""


class VoteHistories:
    """Vote histories of any shape; each counts as `drsn.agent.decision.voting.Votes`."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._bits = np.zeros(shape, np.uint64)
        self._cast = np.zeros(shape, np.int64)

    def push(self, vote: NDArray[np.bool_], where: NDArray[np.bool_]) -> None:
        """Add one vote to the histories that `where` selects."""
        self._bits = np.where(where, (self._bits << np.uint64(1)) | vote, self._bits)
        self._cast = np.minimum(self._cast + where, MOST)

    def met(self, rise: Quorum, fall: Quorum, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which active conditions must end and which others must begin."""
        ayes = np.bitwise_count(self._bits & _mask(rise.of)) >= rise.votes
        noes = np.minimum(self._cast, fall.of) - np.bitwise_count(self._bits & _mask(fall.of)) >= fall.votes
        return np.asarray(np.where(active, noes, ayes))

    def reaches(self, quorum: Quorum) -> NDArray[np.bool_]:
        """Return which histories hold a quorum for a raise."""
        return np.asarray(self.votes_for(quorum.of) >= quorum.votes)

    def votes_for(self, of: int) -> NDArray[np.unsignedinteger]:
        """Return the votes of each history among its last `of`."""
        return np.bitwise_count(self._bits & _mask(of))

    def clear(self, where: NDArray[np.bool_]) -> None:
        """Empty the histories that `where` selects."""
        self._bits[where] = 0
        self._cast[where] = 0


def _mask(of: int) -> np.uint64:
    mask: np.uint64 = np.uint64((1 << of) - 1)
    return mask


@dataclass(frozen=True)
class SensorWindows:
    """One window of each of n sensors."""

    ayes: NDArray[np.bool_]
    """bool[n, conditions]: the window votes for the condition."""
    probability: NDArray[np.float32]
    """float32[n, conditions]"""
    z: NDArray[np.float64]
    """float64[n, conditions + 1], nats; the last is that of any fault."""
    excess: NDArray[np.float64]
    """float64[n, 1]: novelty above the abstention threshold."""
    accepted: NDArray[np.bool_]
    """bool[n, 1]: the window has no sensor fault, and no sensor fault is active."""
    known: NDArray[np.bool_]
    """bool[n, 1]: accepted, and the model does not abstain."""


class Rule(Protocol):
    """Decides for n sensors at once when alarms begin and end."""

    name: str

    def start(self, shape: tuple[int, int]) -> None:
        """Start anew for (n sensors, conditions)."""
        ...

    def changes(self, windows: SensorWindows, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return bool[n, conditions]: which conditions must begin or, where `active`, end."""
        ...


class Argmax:
    """The most probable condition of each window, at once."""

    name = "argmax"

    def start(self, shape: tuple[int, int]) -> None:
        """Do nothing: the rule has no state."""

    def changes(self, windows: SensorWindows, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Change at once."""
        return np.asarray((windows.ayes != active) & windows.known)


class Threshold:
    """Each condition with at least this probability, at once."""

    def __init__(self, least: float) -> None:
        self.name = f"P >= {least:.6g}"
        self._least = least

    def start(self, shape: tuple[int, int]) -> None:
        """Do nothing: the rule has no state."""

    def changes(self, windows: SensorWindows, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Change at once."""
        return np.asarray(((windows.probability >= self._least) != active) & windows.known)


def with_any_fault(
    met: NDArray[np.bool_], active: NDArray[np.bool_], lead: NDArray[np.float64], probability: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """The changes of the conditions, with what the windows of any fault raise and keep up (`decision.any_fault`).

    Args:
        met: bool[n, conditions + 1]: the rule of the condition is met, and last that of any fault.
        active: bool[n, conditions].
        lead: float64[n, conditions]: the condition with the most of it is raised.
        probability: float32[n, conditions].
    """
    changes, of_any, stands = met[:, :-1].copy(), met[:, -1], active.any(axis=1)
    raises = (changes & ~active).any(axis=1)
    first = np.where(lead == lead.max(axis=1, keepdims=True), probability, -np.inf).argmax(axis=1)
    begin = np.flatnonzero(of_any & ~stands & ~raises)
    changes[begin, first[begin]] = True
    kept = np.where(active, probability, -np.inf).argmax(axis=1)
    keep = np.flatnonzero(~of_any & stands & ~raises & ~(active & ~changes).any(axis=1))
    changes[keep, kept[keep]] = False
    return changes


def with_any(each: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool[n, conditions + 1]: the columns, and whether any of them is true."""
    return np.concatenate([each, each.any(axis=1, keepdims=True)], axis=1)


class ByVotes:
    """`alarms.rule = "votes"`."""

    def __init__(self, rise: Quorum, fall: Quorum) -> None:
        self.name = f"votes {rise}"
        self._rise, self._fall = rise, fall
        self._histories = VoteHistories((0, 0))

    def start(self, shape: tuple[int, int]) -> None:
        """Start without votes."""
        self._histories = VoteHistories((shape[0], shape[1] + 1))

    def changes(self, windows: SensorWindows, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Change by quorum."""
        ayes = with_any(windows.ayes)
        self._histories.push(ayes, np.broadcast_to(windows.known, ayes.shape))
        met = self._histories.met(self._rise, self._fall, with_any(active)) & windows.known
        lead = self._histories.votes_for(self._rise.of)[:, :-1].astype(np.float64)
        changed = with_any_fault(met, active, lead, windows.probability)
        ended = active.any(axis=1) & ~(active ^ changed).any(axis=1)
        both = ended & self._histories.reaches(self._rise)[:, -1]
        self._histories.clear(np.concatenate([changed, both[:, np.newaxis]], axis=1))
        return changed


def ceilings(
    excess: NDArray[np.float64], novelty_per_nat: float = NOVELTY_PER_NAT, doubt_nats: float = DOUBT_NATS
) -> NDArray[np.float64]:
    """`drsn.agent.decision.cusum.ceiling_nats` for arrays of novelty above the threshold, of any shape."""
    return np.minimum(BOUND_NATS, np.fmax(-doubt_nats, BOUND_NATS - excess / novelty_per_nat))


class Sequential:
    """`alarms.rule = "sequential"`, with the agent's or another price of novelty."""

    def __init__(
        self, threshold_nats: float, novelty_per_nat: float = NOVELTY_PER_NAT, doubt_nats: float = DOUBT_NATS
    ) -> None:
        self.name = f"sequential {threshold_nats:.1f} nats"
        self._threshold = threshold_nats
        self._doubt = novelty_per_nat, doubt_nats
        self._evidence = np.zeros((0, 0))

    def start(self, shape: tuple[int, int]) -> None:
        """Start without evidence."""
        self._evidence = np.zeros((shape[0], shape[1] + 1))

    def changes(self, windows: SensorWindows, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Change by evidence."""
        z = np.minimum(np.where(with_any(active), -windows.z, windows.z), ceilings(windows.excess, *self._doubt))
        gathered = np.maximum(0, self._evidence + (z - np.log1p(np.exp(-BOUND_NATS))) / DEPENDENCE)
        self._evidence = np.where(windows.accepted, np.minimum(self._threshold, gathered), self._evidence)
        met = (self._evidence >= self._threshold) & windows.accepted
        changed = with_any_fault(met, active, self._evidence[:, :-1], windows.probability)
        turned = active.any(axis=1) != (active ^ changed).any(axis=1)
        self._evidence[np.concatenate([changed, turned[:, np.newaxis]], axis=1)] = 0
        return changed


class Dropping(Sequential):
    """The sequential test without the windows that the model abstains from."""

    def __init__(self, threshold_nats: float) -> None:
        super().__init__(threshold_nats)
        self.name = f"dropping {threshold_nats:.1f} nats"

    def changes(self, windows: SensorWindows, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Change by the evidence of known windows."""
        return super().changes(replace(windows, accepted=windows.known), active)


class Sensors:
    """n sensors under one rule; sensor faults are decided first, by votes."""

    def __init__(self, rule: Rule, n: int, conditions: int) -> None:
        self.active = np.zeros((n, conditions), bool)
        self.faulty = np.zeros(n, bool)
        self._rule = rule
        self._faults = VoteHistories((n,))
        self._all = np.ones(n, bool)
        rule.start((n, conditions))

    def feed(
        self,
        vote: NDArray[np.int64],
        probability: NDArray[np.float32],
        z: NDArray[np.float64],
        excess: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Feed one window of each sensor; return bool[n, conditions], the alarms that it raises.

        Args:
            vote: int64[n], as in `Pool`.
            probability: float32[n, conditions].
            z: float64[n, conditions + 1], nats; the last is that of any fault.
            excess: float64[n], novelty above the abstention threshold.
        """
        accepted = ~(self.faulty | (vote == FAULTY))[:, np.newaxis]
        known = accepted & (vote != ABSTAINED)[:, np.newaxis]
        ayes = vote[:, np.newaxis] == np.arange(self.active.shape[1])
        windows = SensorWindows(ayes, probability, z, excess[:, np.newaxis], accepted, known)
        changed = self._rule.changes(windows, self.active)
        raised = changed & ~self.active
        self.active ^= changed
        self._faults.push(vote == FAULTY, self._all)
        turned = self._faults.met(SENSOR_FAULT_RULE.rise, SENSOR_FAULT_RULE.fall, self.faulty)
        self._faults.clear(turned)
        self.faulty ^= turned
        return raised
