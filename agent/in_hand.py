"""Which packet was in hand when the process died: one that kills it does so `LIMIT` times, not for ever.

A packet that is not acknowledged comes again after each restart. After an end that was not in order the agent handles
packets one by one, and says in a file which one it is about to handle; what the file still names at the next start was
in hand at the end. The file is written by one system call without a sync: it outlives the process, which is enough.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.message import Message

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


class InHand:
    """The file in the state directory. Where it can't be written, nothing is known and nothing refused.

    Args:
        state_dir: the agent's own, locked.
    """

    def __init__(self, state_dir: Path) -> None:
        self.careful = 0
        """Packets that are still to be handled one by one."""
        self._file: int | None = None
        self._current = ""
        self._ends: dict[str, int] = {}  # digest -> ends with it in hand
        with suppress(OSError):
            self._file = os.open(state_dir / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._read()
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

    def _read(self) -> None:
        assert self._file is not None
        text = os.pread(self._file, SIZE, 0)
        if not text:
            return
        try:
            known = json.loads(text)
            self._ends = {str(name): int(ends) for name, ends in known["ends"].items()}
            clean = bool(known["clean"])
        except (ValueError, KeyError, TypeError, AttributeError):  # of a power cut, or a stranger's
            self._ends, clean = {}, False
        self.careful = 0 if clean else CAREFUL

    def _write(self, *, clean: bool) -> None:
        if self._file is not None:
            text = json.dumps({"clean": clean, "ends": self._ends}).encode()
            with suppress(OSError):
                os.pwrite(self._file, text.ljust(SIZE), 0)


def digest(message: Message) -> str:
    """The same for a message that comes again, whatever connection brings it."""
    found = hashlib.blake2b(message.topic.encode("utf-8", "surrogatepass"), digest_size=12)
    found.update(message.payload)
    found.update(json.dumps(sorted(message.properties.items())).encode())
    return found.hexdigest()
