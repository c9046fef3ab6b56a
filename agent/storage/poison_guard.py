"""Poison-message guard: a packet whose handling ends the process does so a few times only, and is then refused.

A packet that is not acknowledged comes again after each restart. After an unclean shutdown the agent handles packets
one at a time, and first writes to a file which one it handles. If the file still names a packet at the next start, the
process ended while it was handled. The file is written by one system call without a sync: that survives the end of the
process, which is enough.
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
from drsn.agent.storage.safe_file import open_regular
from drsn.model.contract import Frozen
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.agent.mqtt.message import Message

FILE = "in_hand.json"

MAX_CRASHES = 3
"""Unclean ends during the same packet; then it is refused."""

PROBATION_PACKETS = 512
"""Packets that are handled one at a time after an unclean end. More than a broker has in flight: Receive Maximum is 128
at the default batch, and mosquitto 2.0.11 was seen to have 274 in flight at a Receive Maximum of 20."""

MAX_SUSPECTS = 16
"""Packets whose unclean ends are counted; above that the oldest count is dropped."""

FILE_BYTES = 1024
"""The file always has this size, more than its content needs, so that one write replaces all of it."""

log = logging.getLogger(__name__)


class GuardFile(Frozen):
    """Content of the file; pydantic refuses anything else, however deep or large."""

    clean: bool
    """The last run ended in order."""
    ends: dict[Annotated[str, Field(pattern="^[0-9a-f]{24}$")], Annotated[int, Field(ge=0, le=MAX_CRASHES)]] = Field(
        max_length=MAX_SUSPECTS
    )
    """Digest of a packet -> unclean ends while it was handled."""


class PoisonGuard:
    """The file in the state directory. If it can't be written, nothing is recorded and no packet is refused.

    A file with other content is logged, treated as an unclean end, and overwritten.

    Args:
        state_dir: the agent's own, locked.
        run_on_disk: runs a disk call, and raises StorageError if it takes too long.
    """

    def __init__(
        self, state_dir: Path, run_on_disk: Callable[[Callable[[], object]], object] = lambda call: call()
    ) -> None:
        self.probation = 0
        """Packets that are still to be handled one at a time."""
        self._run_on_disk = run_on_disk
        self._file: int | None = None
        self._current = ""
        self._ends: dict[str, int] = {}  # digest -> unclean ends while the packet was handled
        path = state_dir / FILE
        try:
            self._file = open_regular(path, os.O_RDWR | os.O_CREAT)
            self._read(path)
        except OSError as error:
            log.warning(
                "poison-message guard is off: its file cannot be opened", extra=fields(file=path, reason=error.strerror)
            )
        self._write(clean=False)

    def begin(self, message: Message) -> bool:
        """Record that a message is about to be handled; False: refuse it, the process ended during it too often."""
        self._current = digest(message)
        ends = self._ends.pop(self._current, 0)
        refused = ends >= MAX_CRASHES
        self._ends[self._current] = ends if refused else ends + 1
        while len(self._ends) > MAX_SUSPECTS:
            del self._ends[next(iter(self._ends))]
        self._write(clean=False)
        return not refused

    def finish(self) -> None:
        """Record that the message was handled, or refused, without an unclean end."""
        self.probation = max(0, self.probation - 1)
        self.clear_current()

    def clear_current(self) -> None:
        """Drop the count of the current message; also before the process ends by an error with another cause."""
        self._ends.pop(self._current, None)
        self._write(clean=False)

    def close_clean(self) -> None:
        """Record an ordered shutdown and close the file; a second call does nothing."""
        if self._file is not None:
            self._write(clean=True)
            os.close(self._file)
            self._file = None

    def _read(self, path: Path) -> None:
        assert self._file is not None
        text = os.pread(self._file, FILE_BYTES + 1, 0)
        if not text:
            return
        try:
            content = GuardFile.model_validate_json(text, strict=True)
        except ValidationError:  # after a power cut, or written by another program
            log.warning(
                "the file of the poison-message guard was not readable and was replaced", extra=fields(file=path)
            )
            os.ftruncate(self._file, 0)
            content = GuardFile(clean=False, ends={})
        self._ends = dict(content.ends)
        self.probation = 0 if content.clean else PROBATION_PACKETS

    def _write(self, *, clean: bool) -> None:
        if self._file is not None:
            text = json.dumps({"clean": clean, "ends": self._ends}).encode()
            with suppress(OSError, StorageError):
                self._run_on_disk(partial(os.pwrite, self._file, text.ljust(FILE_BYTES), 0))


def digest(message: Message) -> str:
    """Hash of topic, payload and properties: equal when the message comes again on another connection."""
    found = hashlib.blake2b(message.topic.encode("utf-8", "surrogatepass"), digest_size=12)
    found.update(message.payload)
    found.update(json.dumps(sorted(message.properties.items())).encode())
    return found.hexdigest()
