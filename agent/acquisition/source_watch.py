"""Which sources of packets are watched, and why the others are not. No clock, no log.

A source is watched while windows of it come, and so many in a row that its alarm rule can raise an alarm. A good packet
costs nothing here: a refused one is counted, and a sweep once a second compares each stream with what it was before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from drsn.agent.acquisition.codecs.packet import Reason
from drsn.agent.acquisition.not_watched import (
    FIRST_WINDOW,
    GAPS,
    MAX_BEYOND,
    MAX_SOURCES,
    NO_PACKET,
    NO_WINDOW,
    REASON_OF_REFUSAL,
    REPEATS,
    NotWatched,
    shown_source,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.acquisition.sensor_stream import SensorStream

REFUSED_IN_A_ROW = 3
"""A source that was watched is not watched after so many refused packets without an accepted one among them."""

REPEATS_S = 2.0
"""A source is not watched if many repetitions came and nothing else for this time; a redelivery takes less."""

RUNS = 4
SPAN_S = 10.0
"""A source whose windows never follow each other long enough for its alarm rule, over signal of this many such runs and
during this time, is not watched. Shorter spans would come and go with single gaps."""

KEPT_S = 3600.0
"""A source that never had a window and sends no more is removed after this time."""

MISSED_PERIODS = 3
"""A sensor may miss so many of its own periods, as in `decision.silence_timer`."""

MAX_TICK_S = 2.0
"""Longest time between two sweeps that counts, as in `decision.silence_timer`."""


class Needs(NamedTuple):
    """What a sensor must send so that it is watched."""

    windows: int = 1
    """Windows in a row, without a gap, that its alarm rule needs for an alarm."""
    quiet_s: float = 30.0
    """It is not watched after this time without a window, or three of its periods if that is longer."""


DEFAULT_NEEDS = Needs()


@dataclass(slots=True)
class _Source:
    """One source of packets; times are of the clock that runs while the broker is connected."""

    needs: Needs = DEFAULT_NEEDS
    """Asked for with the first packet of its stream."""
    known: bool = False
    """It had a window, now or in an earlier run: it stays until it is forgotten."""
    stream: SensorStream | None = None
    cursor: Cursor | None = None
    """Of the stream at the last sweep."""
    windows: int = 0
    """Of the stream at the last sweep."""
    window_s: float = -math.inf
    """When a window came last, in this run."""
    packet_s: float = 0.0
    """When a packet came last, or when the source was added."""
    refused: int = 0
    """Packets in a row."""
    refusal: str = ""
    """Reason of the last one."""
    good_s: float = 0.0
    good_at: int = 0
    """When the last run of windows that was long enough ended, and the signal of the stream then, in windows."""
    not_watched: NotWatched | None = None

    def is_good(self, stream: SensorStream, now_s: float) -> bool:
        """Note windows of a watched source that came, enough in a row; False: it must be judged. No call in it."""
        progress = stream.progress
        if stream is not self.stream or progress.ring is None or self.refused or self.not_watched is not None:
            return False
        new = progress.ring.run
        windows = progress.windows_before + new
        if windows == self.windows or progress.run_before + new < self.needs.windows:
            return False
        self.cursor, self.windows, self.window_s, self.packet_s = stream.cursor, windows, now_s, now_s
        self.good_s, self.good_at = now_s, windows + progress.lost_windows
        return True


class SourceWatch:
    """The state of each source: watched, or not watched with a reason.

    Args:
        known: sensors that an earlier run diagnosed; each is not watched until its first window in this run.
        now_unix_ns: the agent's clock.
        needs: sensor id -> what it must send.
        period_s: sensor id -> seconds from one window to the next; 0: not known.
        max_sources: refused sources that are held; of more, only the number is known.
    """

    def __init__(
        self,
        known: Iterable[str] = (),
        now_unix_ns: int = 0,
        needs: Callable[[str], Needs] = lambda _sensor: DEFAULT_NEEDS,
        period_s: Callable[[str], float] = lambda _sensor: 0.0,
        max_sources: int = MAX_SOURCES,
    ) -> None:
        self.held: dict[str, str] = {}
        """Sensor -> reason from outside, a key of `REASONS`. While it is here, the sensor is not watched."""
        self._needs, self._period_s, self._max_sources = needs, period_s, max_sources
        self._sources = {
            name: _Source(known=True, not_watched=NotWatched.of(name, NO_PACKET, now_unix_ns)) for name in known
        }
        self._streams: Mapping[str, SensorStream] = {}
        self._held = 0  # refused sources, at the last sweep or added since
        self._beyond: set[int] = set()  # hashes of refused sources for which there was no room
        self._clock_s = 0.0
        self._tick_s: float | None = None
        self._changed: dict[str, None] = {}  # sources whose state has changed since `take_changed`
        self._listed: tuple[NotWatched, ...] | None = None

    @property
    def count(self) -> int:
        """Number of sources that are not watched; of very many refused ones, at least so many."""
        return len(self._all()) + len(self._beyond)

    def not_watched(self) -> tuple[NotWatched, ...]:
        """The sources that are not watched, `MAX_SOURCES` at most; those that changed first come first.

        The same object as the last one as long as nothing has changed.
        """
        return self._all()[:MAX_SOURCES]

    def of(self, source: str, now_unix_ns: int) -> NotWatched | None:
        """Why a source is not watched, judged now and not at the last sweep; None: it is watched, or is no source."""
        found = self._sources.get(source)
        if found is None:
            return None
        if (found.not_watched is not None or source in self.held) and source in self._streams:
            self._judge(source, found, self._streams[source], now_unix_ns)
        return found.not_watched

    def take_changed(self) -> list[tuple[str, NotWatched | None]]:
        """The sources whose state has changed since the last call, each with its state now; None: it is watched."""
        changed, self._changed = self._changed, {}
        return [(name, self._sources[name].not_watched) for name in changed]

    def refuse(self, sources: Sequence[str], reason: Reason | str, now_unix_ns: int) -> None:
        """Count a packet that is not diagnosed.

        Args:
            sources: ids of its sensors, or its topic.
            reason: why it is refused, or a key of `REASONS`.
            now_unix_ns: the agent's clock.
        """
        why = REASON_OF_REFUSAL[reason] if isinstance(reason, Reason) else reason
        for name in map(shown_source, sources):
            source = self._sources.get(name) or self._added(name)
            if source is None:
                continue
            source.refused, source.refusal, source.packet_s = source.refused + 1, why, self._clock_s
            if source.window_s == -math.inf:
                self._set(name, source, source.refusal, now_unix_ns)

    def note(self, source: str, reason: str, now_unix_ns: int) -> None:
        """State from outside that a source is not watched, until its next accepted packet.

        Args:
            source: sensor id or topic.
            reason: a key of `REASONS`.
            now_unix_ns: the agent's clock.
        """
        found = self._sources.get(source) or self._added(source)
        if found is not None:
            found.window_s, found.refused, found.refusal = -math.inf, found.refused + 1, reason
            self._set(source, found, reason, now_unix_ns)

    def forget(self, sensor: str) -> None:
        """Remove a source; if it sends again it is a new one."""
        if self._sources.pop(sensor, None) is not None:
            self._changed.pop(sensor, None)
            self._listed = None

    def sweep(self, streams: Mapping[str, SensorStream], now_s: float, now_unix_ns: int, *, connected: bool) -> None:
        """Judge every source.

        Args:
            streams: sensor -> its stream.
            now_s: monotonic.
            now_unix_ns: the agent's clock.
            connected: the broker has been connected since the last sweep; else the time does not count.
        """
        if self._tick_s is not None and connected:
            self._clock_s += min(now_s - self._tick_s, MAX_TICK_S)
        self._tick_s, self._streams, sources = now_s, streams, self._sources
        for name, stream in streams.items():
            source = sources.get(name)
            if source is None:
                source = sources[name] = _Source(packet_s=self._clock_s, good_s=self._clock_s)
            if name in self.held or not source.is_good(stream, self._clock_s):
                self._judge(name, source, stream, now_unix_ns)
        for name in [name for name in sources if name not in streams]:
            self._judge_absent(name, sources[name], now_unix_ns)
        self._held = sum(not source.known and name not in streams for name, source in sources.items())
        if self._held < self._max_sources:
            self._beyond.clear()

    def _judge(self, name: str, source: _Source, stream: SensorStream, now_unix_ns: int) -> None:
        """Judge a source that has a stream."""
        now_s, progress = self._clock_s, stream.progress
        windows = progress.windows
        if source.stream is not stream:
            source.stream, source.cursor, source.windows, source.good_at = stream, None, 0, 0
            source.needs = self._needs(name)
        if stream.cursor is not source.cursor:  # packets were accepted
            source.cursor, source.packet_s, source.refused = stream.cursor, now_s, 0
        if windows != source.windows:
            source.windows, source.window_s, source.known = windows, now_s, True
            if progress.take_longest_run() >= source.needs.windows:
                source.good_s, source.good_at = now_s, progress.signal_windows
        reason = self.held.get(name) or self._reason(name, source, stream)
        if reason is not None or source.not_watched is not None:
            self._set(name, source, reason, now_unix_ns)

    def _reason(self, name: str, source: _Source, stream: SensorStream) -> str | None:
        """Why a source with a stream is not watched; None: it is."""
        now_s, progress, came = self._clock_s, stream.progress, source.window_s > -math.inf
        if source.refused >= (REFUSED_IN_A_ROW if came else 1):
            return source.refusal
        if stream.stands_still and now_s - source.packet_s >= REPEATS_S:
            return REPEATS
        if not came or progress.wasted:
            return progress.lost_by or FIRST_WINDOW
        if source.window_s < now_s and self._quiet(name, source):
            return NO_WINDOW if source.packet_s > source.window_s else NO_PACKET
        if progress.gaps and now_s - source.good_s >= SPAN_S:
            needed = source.needs.windows
            if progress.signal_windows - source.good_at >= RUNS * needed > RUNS:
                return GAPS
        return None

    def _quiet(self, name: str, source: _Source) -> bool:
        """No window came for too long."""
        pause_s = self._clock_s - source.window_s
        return pause_s > source.needs.quiet_s and pause_s > MISSED_PERIODS * self._period_s(name)

    def _judge_absent(self, name: str, source: _Source, now_unix_ns: int) -> None:
        """Judge a source without a stream: its packets are refused, or none has come since the start or a rewind."""
        if not source.known and self._clock_s - source.packet_s > KEPT_S:
            self.forget(name)
        elif source.refused >= REFUSED_IN_A_ROW:
            self._set(name, source, source.refusal, now_unix_ns)
        elif source.not_watched is None and self._quiet(name, source):
            self._set(name, source, source.refusal if source.refused else NO_PACKET, now_unix_ns)

    def _added(self, name: str) -> _Source | None:
        """A new source; None: there is no room, and it is only counted."""
        if self._held < self._max_sources:
            self._held += 1
            source = self._sources[name] = _Source(packet_s=self._clock_s, good_s=self._clock_s)
            return source
        if len(self._beyond) < MAX_BEYOND:
            self._beyond.add(hash(name))
        return None

    def _set(self, name: str, source: _Source, reason: str | None, now_unix_ns: int) -> None:
        before = source.not_watched
        if (before.reason if before else None) == reason:
            return
        since_unix_ns = now_unix_ns if before is None else before.since_unix_ns
        source.not_watched = None if reason is None else NotWatched.of(name, reason, since_unix_ns)
        self._changed[name], self._listed = None, None

    def _all(self) -> tuple[NotWatched, ...]:
        if self._listed is None:
            self._listed = tuple([s.not_watched for s in self._sources.values() if s.not_watched is not None])
        return self._listed
