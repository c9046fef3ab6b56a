"""Which packet was in hand when the process died: one that kills it does so `LIMIT` times, not for ever.

A packet that is not acknowledged comes again after each restart. After an end that was not in order the agent handles
packets one by one, and says in a file which one it is about to handle; what the file still names at the next start was
in hand at the end. The file is written by one system call without a sync: it outlives the process, which is enough.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from drsn.agent.observability.logs import fields
from drsn.agent.storage.safe_file import open_plain
from drsn.model.contract import Frozen
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.agent.mqtt.message import Message

FILE = "in_hand.json"

LIMIT = 3
"""Ends with the same packet in hand; then it is refused."""

CAREFUL = 512
"""Packets that are handled one by one after an unclean end: more than a broker had in flight (Receive Maximum is 128 at
the default batch; mosquitto 2.0.11 was seen to pass it 14-fold at 20, to 274)."""

SUSPECTS = 16
"""Packets whose count is kept; of more, the oldest are forgotten."""

SIZE = 1024
"""Of the file, always: longer than what it can hold, so that one write replaces all of it."""

log = logging.getLogger(__name__)


class Left(Frozen):
    """What an earlier run left in the file; pydantic refuses whatever else it may hold, however deep or large."""

    clean: bool
    """The run came to an end in order."""
    ends: dict[Annotated[str, Field(pattern="^[0-9a-f]{24}$")], Annotated[int, Field(ge=0, le=LIMIT)]] = Field(
        max_length=SUSPECTS
    )
    """Digest of a packet -> ends with it in hand."""


class PoisonGuard:
    """The file in the state directory. Where it can't be written, nothing is known and nothing refused.

    What nobody can read is said in the log, taken for an unclean end, and written anew.

    Args:
        state_dir: the agent's own, locked.
        at_disk: does what the disk is asked for, and fails (StorageError) if that takes too long.
    """

    def __init__(
        self, state_dir: Path, at_disk: Callable[[Callable[[], object]], object] = lambda errand: errand()
    ) -> None:
        self.careful = 0
        """Packets that are still to be handled one by one."""
        self._at_disk = at_disk
        self._file: int | None = None
        self._current = ""
        self._ends: dict[str, int] = {}  # digest -> ends with it in hand
        path = state_dir / FILE
        try:
            self._file = open_plain(path, os.O_RDWR | os.O_CREAT)
            self._read(path)
        except OSError as error:
            log.warning(
                "what was in hand is not known, and no packet is refused for it",
                extra=fields(file=path, reason=error.strerror),
            )
        self._write(clean=False)

    def take(self, message: Message) -> bool:
        """The message is about to be handled; False: it must not be, it was in hand at the end too often."""
        self._current = digest(message)
        ends = self._ends.pop(self._current, 0)
        refused = ends >= LIMIT
        self._ends[self._current] = ends if refused else ends + 1
        while len(self._ends) > SUSPECTS:
            del self._ends[next(iter(self._ends))]
        self._write(clean=False)
        return not refused

    def done(self) -> None:
        """It was handled, or refused, and nothing has happened."""
        self.careful = max(0, self.careful - 1)
        self.blameless()

    def blameless(self) -> None:
        """The process ends, but for a reason that it knows: not because of what it has in hand."""
        self._ends.pop(self._current, None)
        self._write(clean=False)

    def end(self) -> None:
        """An end in order; calling twice is fine."""
        if self._file is not None:
            self._write(clean=True)
            os.close(self._file)
            self._file = None

    def _read(self, path: Path) -> None:
        assert self._file is not None
        text = os.pread(self._file, SIZE + 1, 0)
        if not text:
            return
        try:
            left = Left.model_validate_json(text, strict=True)
        except ValidationError:  # of a power cut, or a stranger's
            log.warning("nobody can read what was in hand: it is written anew", extra=fields(file=path))
            os.ftruncate(self._file, 0)
            left = Left(clean=False, ends={})
        self._ends = dict(left.ends)
        self.careful = 0 if left.clean else CAREFUL

    def _write(self, *, clean: bool) -> None:
        if self._file is not None:
            text = json.dumps({"clean": clean, "ends": self._ends}).encode()
            with suppress(OSError, StorageError):
                self._at_disk(partial(os.pwrite, self._file, text.ljust(SIZE), 0))


def digest(message: Message) -> str:
    """The same for a message that comes again, whatever connection brings it."""
    found = hashlib.blake2b(message.topic.encode("utf-8", "surrogatepass"), digest_size=12)
    found.update(message.payload)
    found.update(json.dumps(sorted(message.properties.items())).encode())
    return found.hexdigest()
