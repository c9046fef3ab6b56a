"""Why a source of packets is not watched, as documents have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import Field

from drsn.agent.schema.iso_time import iso_utc
from drsn.model.contract import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drsn.agent.acquisition.not_watched import NotWatched

IN_WARNING: Final = 10
"""Sources that the warning of a status names."""

IN_HEALTH: Final = 50
"""Sources in a health document."""


class WhyNotWatched(Frozen, defer_build=True):
    """Why a sensor is not watched."""

    reason: str = Field(description="Reason, from the table in docs/use/runbook.md.")
    remedy: str = Field(description="What to do.")
    since: str = Field(description="Since when, by the agent's clock.")

    @classmethod
    def of(cls, found: NotWatched | None) -> WhyNotWatched | None:
        """None: the sensor is watched."""
        if found is None:
            return None
        return cls(reason=found.reason, remedy=found.remedy, since=iso_utc(found.since_unix_ns))


class NotWatchedSource(WhyNotWatched):
    """A source of packets that is not watched."""

    source: str = Field(description="Sensor id, or the topic if no id can be made.")

    @classmethod
    def of_all(cls, found: Iterable[NotWatched]) -> tuple[NotWatchedSource, ...]:
        """One document for each source."""
        return tuple(
            [cls(source=n.source, reason=n.reason, remedy=n.remedy, since=iso_utc(n.since_unix_ns)) for n in found]
        )


def warning_of(found: Sequence[NotWatched], count: int) -> tuple[str, ...]:
    """The warning of a status about the sources that are not watched; none if all are watched.

    Args:
        found: the sources; the first `IN_WARNING` are named.
        count: of all of them.
    """
    if not count:
        return ()
    named = ", ".join(f"{each.source} ({each.reason})" for each in found[:IN_WARNING])
    more = f" and {count - IN_WARNING} more" if count > IN_WARNING else ""
    return (f"{count} {'source is' if count == 1 else 'sources are'} not watched: {named}{more}",)
