"""Bounds and waits of the journal."""

from __future__ import annotations

from dataclasses import dataclass

from drsn.agent.storage.database import MAX_REPLIES

MAX_EVENTS_IN_MEMORY = 10_000
"""Events that are not both written and published, about 10 MB; above that the oldest are dropped."""

RETRY_S = 10.0
"""Pause between two attempts to write after a failure. A locked database blocks each for `database.BUSY_S`."""

TIMEOUT_S = 1.0
"""Time that the disk has. A disk call that takes longer has failed, because alarms wait for it: six windows of a fault,
which raise an alarm, take a second too. The start has no timeout: without the saved state the agent would begin another
history."""

TIMEOUT_PER_ROW_S = 0.0005
"""Added to the timeout for each row of a commit; 0.02 ms were measured."""

CURSOR_S = 1.0
"""Longest delay of the journal's cursor on the disk; after a crash later events go out again, with the same ids."""


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """Bounds and waits of the journal; `max_events` and `max_replies` are those in memory, not written yet."""

    max_events: int = MAX_EVENTS_IN_MEMORY
    max_replies: int = MAX_REPLIES
    retry_s: float = RETRY_S
    timeout_s: float = TIMEOUT_S
    timeout_per_row_s: float = TIMEOUT_PER_ROW_S
    cursor_s: float = CURSOR_S


DEFAULT_LIMITS = JournalLimits()
