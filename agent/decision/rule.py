"""By which rule windows decide about a condition: votes, or the sequential test; and for how long it must be met."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drsn.agent.decision.cusum import gathered
from drsn.agent.decision.voting import Quorum, Votes

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_state import Condition


@dataclass(frozen=True, slots=True)
class Terms:
    """On which a condition is raised and cleared."""

    rise: Quorum
    fall: Quorum
    threshold_nats: float | None = None
    """Of the sequential test; None: votes."""
    on_delay_ns: int = 0
    off_delay_ns: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """What one window says about one condition."""

    vote: bool
    z: float
    """Log-likelihood ratio for the condition, in nats; the sequential test alone looks at it."""
    advance_ns: int
    """New signal in the window."""
    share: float
    """The same as a part of the window."""
    ceiling_nats: float
    """What it may weigh at most, for or against; the sequential test alone looks at it."""


def weigh(condition: Condition, word: Word, terms: Terms) -> tuple[Condition, bool]:
    """Let a window speak about one condition; return the condition after it, and whether it must change.

    An active condition is asked whether it is over: every word that is not for it counts against it.
    """
    active, votes = condition.state.active, condition.votes.push(word.vote)
    if terms.threshold_nats is None:
        evidence = 0.0
        quorum = terms.fall if active else terms.rise
        met = (votes.noes(quorum.of) if active else votes.ayes(quorum.of)) >= quorum.votes
    else:
        # No more than the threshold, so that while a delay runs one contrary window is heard.
        z = -word.z if active else word.z
        evidence = min(terms.threshold_nats, gathered(condition.evidence, z, word.share, word.ceiling_nats))
        votes = votes if evidence else Votes()  # they tell of how many windows the evidence is
        met = evidence >= terms.threshold_nats
    held_ns = condition.held_ns + word.advance_ns if met else 0
    changes = met and held_ns >= (terms.off_delay_ns if active else terms.on_delay_ns)
    return replace(condition, votes=votes, evidence=evidence, held_ns=held_ns), changes


def tally(condition: Condition, terms: Terms) -> tuple[int, int]:
    """Of a condition that must change: windows that spoke for the change, and of how many."""
    votes, active = condition.votes, condition.state.active
    quorum = terms.fall if active else terms.rise
    of = quorum.of if terms.threshold_nats is None else votes.cast
    return (votes.noes(of) if active else votes.ayes(of)), of
