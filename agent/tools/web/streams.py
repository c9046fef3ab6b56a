"""Server-Sent Events: one bounded queue for each browser, and the last events for those that come back."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from drsn.agent.tools.web.json_text import json_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_STREAMS: Final = 50
"""Browsers that follow at once; each has a connection and a queue."""

MAX_QUEUED: Final = 64
"""Events that wait for a slow browser; then its stream ends, and the browser connects again."""

MAX_KEPT_CHARS: Final = 4_000_000
"""Events that are sent again to a browser that comes back: of five machines a quarter of an hour."""

PING_S: Final = 15.0
RETRY_MS: Final = 1000

RELOAD: Final = "event: reload\ndata: {}\n\n"
PING: Final = ": ping\n\n"


class TooManyStreamsError(Exception):
    """`MAX_STREAMS` browsers follow already."""


class Streams:
    """All browsers that follow. Used on the event loop's thread alone.

    Args:
        first_id: number of the first event; larger than those of the process before this one.
        ping_s: a comment line is sent after so long without an event, so that a dead connection is found.
    """

    def __init__(self, first_id: int, ping_s: float = PING_S) -> None:
        self._next_id = first_id
        self._ping_s = ping_s
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._kept: deque[tuple[int, str]] = deque()
        self._kept_chars = 0

    def __len__(self) -> int:
        return len(self._queues)

    def publish(self, kind: str, document: object) -> None:
        """Send an event to all; a browser that does not read loses its stream."""
        text = f"id: {self._next_id}\nevent: {kind}\ndata: {json_text(document)}\n\n"
        self._keep(text)
        for queue in list(self._queues):
            if queue.qsize() >= MAX_QUEUED:
                self._end(queue)
            else:
                queue.put_nowait(text)

    def close(self) -> None:
        """End all streams."""
        for queue in list(self._queues):
            self._end(queue)

    def open(self, last_id: str | None) -> AsyncIterator[str]:
        """The text of a new stream.

        Args:
            last_id: header `Last-Event-ID`: the last event that the browser has; None: it comes for the first time.

        Raises:
            TooManyStreamsError: no more are accepted.
        """
        if len(self._queues) >= MAX_STREAMS:
            raise TooManyStreamsError
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues.add(queue)
        return self._text(queue, [f"retry: {RETRY_MS}\n\n", *self._missed(last_id)])

    def _keep(self, text: str) -> None:
        self._kept.append((self._next_id, text))
        self._next_id += 1
        self._kept_chars += len(text)
        while self._kept_chars > MAX_KEPT_CHARS:
            self._kept_chars -= len(self._kept.popleft()[1])

    def _missed(self, last_id: str | None) -> list[str]:
        if last_id is None:
            return []
        number = int(last_id) if last_id.isascii() and last_id.isdecimal() and len(last_id) < 20 else -1
        if number == self._next_id - 1:
            return []
        first = self._kept[0][0] if self._kept else self._next_id
        if not first - 1 <= number < self._next_id:
            return [RELOAD]
        return [text for each, text in self._kept if each > number]

    async def _text(self, queue: asyncio.Queue[str | None], begin: list[str]) -> AsyncIterator[str]:
        try:
            for text in begin:
                yield text
            while True:
                try:
                    text_or_end = await asyncio.wait_for(queue.get(), self._ping_s)
                except asyncio.TimeoutError:
                    text_or_end = PING
                if text_or_end is None:
                    return
                yield text_or_end
        finally:
            self._queues.discard(queue)

    def _end(self, queue: asyncio.Queue[str | None]) -> None:
        self._queues.discard(queue)
        queue.put_nowait(None)
