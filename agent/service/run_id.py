"""The id of this run: it tells the run from other agents with the same agent.id, and from earlier runs."""

from __future__ import annotations

import logging
import os
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.storage.safe_file import open_regular, read_regular

if TYPE_CHECKING:
    from pathlib import Path

FILE = "instance"

ID = re.compile(r"[0-9a-f]{8}")
ID_BYTES = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunId:
    """Drawn at random at each start; part of the status and of the last will."""

    id: str
    """Eight hex digits."""
    since: str
    """When it started, by its own clock."""
    before: str | None = None
    """Id of the last run that held the agent.id with this state directory; None: unknown."""

    @classmethod
    def drawn(cls, state_dir: Path, now_unix_ns: int) -> RunId:
        """A new id, with the id of the run before it."""
        return cls(uuid.uuid4().hex[:8], iso_utc(now_unix_ns), _before(state_dir / FILE))

    def remember(self, state_dir: Path) -> None:
        """Write the id to the state directory, synced: it must survive a power cut.

        If it cannot be written, the run after a power cut waits for a sign of life of this run.
        """
        new = state_dir / f"{FILE}.new"
        try:
            with os.fdopen(open_regular(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="ascii") as file:
                file.write(self.id)
                file.flush()
                os.fsync(file.fileno())
            new.replace(state_dir / FILE)
        except OSError as error:
            log.warning("cannot write the id of this run", extra=fields(directory=state_dir, reason=error.strerror))

    def precedes(self, since: str, other: str) -> bool:
        """Return whether this run started earlier than another, and so keeps the agent.id.

        Both agents compare the same two pairs, so that they agree even if their clocks are wrong.
        """
        return (self.since, self.id) < (since, other)


def _before(path: Path) -> str | None:
    """The id that an earlier run wrote; None: there is none, or it cannot be read, which is logged."""
    try:
        text = read_regular(path, ID_BYTES).decode("ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
    else:
        if ID.fullmatch(text):
            return text
        reason = "it contains no valid id"
    log.warning("the id of the previous run is unknown", extra=fields(file=path, reason=reason))
    return None
