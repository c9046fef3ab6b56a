"""Warnings as values: acquisition makes them, and the service logs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

WARNING = 30
ERROR = 40
"""Levels, numbered as in the standard library's `logging`."""

MAX_NOTICES = 256
"""Notices that are kept until they are taken. One packet makes a handful, so only a caller that never takes them, such
as a tool without a log, reaches this bound."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One event that an operator may want to see in the log."""

    level: int
    """`WARNING` or `ERROR`."""
    event: str
    """Text of the event, the same for each occurrence."""
    key: Hashable
    """Notices with the same key are repetitions; a log may throttle them."""
    fields: Mapping[str, object]
    """Names and values of the details."""
    error: BaseException | None = None
    """The exception that caused it, for the traceback."""


class Notices:
    """A bounded list of notices. When it is full, further notices are only counted.

    Args:
        limit: notices that are kept.
    """

    def __init__(self, limit: int = MAX_NOTICES) -> None:
        self._limit = limit
        self._kept: list[Notice] = []
        self._dropped = 0

    def add(self, notice: Notice) -> None:
        """Keep a notice, or count it when the list is full."""
        if len(self._kept) < self._limit:
            self._kept.append(notice)
        else:
            self._dropped += 1

    def take(self) -> list[Notice]:
        """Return the notices, oldest first, and empty the list; if some were not kept, the last has their number."""
        taken, self._kept = self._kept, []
        if self._dropped:
            fields = {"dropped": self._dropped}
            taken.append(Notice(WARNING, "some warnings were not kept", "notices", fields))
            self._dropped = 0
        return taken
