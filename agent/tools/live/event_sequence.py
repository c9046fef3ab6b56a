"""The numbers of the events of each sensor: which event is new, and which ones are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_MISSING: Final = 1000
"""Events of one sensor that are asked for later; older ones of a longer gap are given up."""


class Stream(NamedTuple):
    """A sensor of one agent in one epoch of its database: `seq` counts within it."""

    agent: str
    epoch: str
    sensor: str


@dataclass
class _Progress:
    last: int
    """Largest `seq` that is known."""
    missing: set[int] = field(default_factory=set)
    """Those before it that have not come."""


class EventSequence:
    """Tells new events from repeated ones, whatever the order in which they come. It reads no clock and no network."""

    def __init__(self) -> None:
        self._streams: dict[Stream, _Progress] = {}
        self.given_up = 0
        """Events that were missed and that no agent can give."""

    def is_known(self, stream: Stream) -> bool:
        """Whether a document or an event of this stream has come before."""
        return stream in self._streams

    def folded(self, stream: Stream, seq: int) -> None:
        """Take the `seq` of an alarm document: events up to it exist. The first document of a stream is its begin."""
        progress = self._streams.setdefault(stream, _Progress(seq))
        self._extend(progress, seq + 1)
        progress.last = max(progress.last, seq)

    def take(self, stream: Stream, seq: int) -> bool:
        """Take an event; return whether it is new. The first event of a stream is its begin."""
        progress = self._streams.setdefault(stream, _Progress(seq - 1))
        self._extend(progress, seq)
        if seq > progress.last:
            progress.last = seq
            return True
        if seq in progress.missing:
            progress.missing.discard(seq)
            return True
        return False

    def missing(self) -> dict[Stream, int]:
        """Stream -> the first `seq` to ask for."""
        return {stream: min(progress.missing) for stream, progress in self._streams.items() if progress.missing}

    def seqs(self, stream: Stream) -> frozenset[int]:
        """The missing events of a stream."""
        return frozenset(self._streams[stream].missing) if stream in self._streams else frozenset()

    def give_up(self, stream: Stream, seqs: Iterable[int] | None = None) -> int:
        """Stop asking for events; return how many.

        Args:
            stream: of the events.
            seqs: those that the agent cannot read; None: all that are missing.
        """
        missing = self._streams[stream].missing if stream in self._streams else set()
        lost = set(missing) if seqs is None else missing & set(seqs)
        missing -= lost
        self.given_up += len(lost)
        return len(lost)

    def _extend(self, progress: _Progress, seq: int) -> None:
        """Note that the events between the last one and `seq` are missing."""
        first = max(progress.last + 1, seq - MAX_MISSING)
        self.given_up += max(0, min(seq, first) - progress.last - 1)
        progress.missing.update(range(first, seq))
        while len(progress.missing) > MAX_MISSING:
            progress.missing.discard(min(progress.missing))
            self.given_up += 1
