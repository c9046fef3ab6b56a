"""The alarm rule of a condition: k-of-n votes or CUSUM, with on-delay and off-delay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drsn.agent.decision.cusum import accumulate
from drsn.agent.decision.voting import Quorum, Votes

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_state import Condition


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """When a condition is raised and cleared. Its fields are stored in evidence records."""

    rise: Quorum
    fall: Quorum
    threshold_nats: float | None = None
    """Threshold of the CUSUM; None: votes decide."""
    on_delay_ns: int = 0
    off_delay_ns: int = 0


@dataclass(frozen=True, slots=True)
class WindowEvidence:
    """What one window contributes to one condition."""

    vote: bool
    z: float
    """Log-likelihood ratio for the condition, in nats; used by CUSUM only."""
    advance_ns: int
    """Signal in the window that no window before it held, in ns."""
    share: float
    """The same as a share of the window, 0 to 1."""
    ceiling_nats: float
    """Largest weight of the window, for or against; used by CUSUM only."""


def update(condition: Condition, window: WindowEvidence, rule: AlarmRule) -> tuple[Condition, bool]:
    """Add one window to a condition's votes or CUSUM; return the condition after it, and whether it must change.

    While the condition is inactive the rule is for a raise, while it is active for a clear: every window that does not
    vote for the condition then votes against it.
    """
    active, votes = condition.state.active, condition.votes.push(window.vote)
    if rule.threshold_nats is None:
        evidence = 0.0
        quorum = rule.fall if active else rule.rise
        met = (votes.votes_against(quorum.of) if active else votes.votes_for(quorum.of)) >= quorum.votes
    else:
        # Capped at the threshold, so that during a delay one contrary window falls below it.
        z = -window.z if active else window.z
        evidence = min(rule.threshold_nats, accumulate(condition.evidence, z, window.share, window.ceiling_nats))
        votes = votes if evidence else Votes()  # they count the windows since the CUSUM was last at 0
        met = evidence >= rule.threshold_nats
    held_ns = condition.held_ns + window.advance_ns if met else 0
    changes = met and held_ns >= (rule.off_delay_ns if active else rule.on_delay_ns)
    return replace(condition, votes=votes, evidence=evidence, held_ns=held_ns), changes


def deciding_votes(condition: Condition, rule: AlarmRule) -> tuple[int, int]:
    """The votes for the change of a condition that must change, and among how many windows."""
    votes, active = condition.votes, condition.state.active
    quorum = rule.fall if active else rule.rise
    of = quorum.of if rule.threshold_nats is None else votes.cast
    return (votes.votes_against(of) if active else votes.votes_for(of)), of
