"""One run of the agent, from its start to its end: what tells it from others of its name, and from its own past."""

from __future__ import annotations

import logging
import os
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.schema.documents import iso_utc
from drsn.agent.storage.safe_file import open_regular, read_regular

if TYPE_CHECKING:
    from pathlib import Path

FILE = "instance"

ID = re.compile(r"[0-9a-f]{8}")
ID_BYTES = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Instance:
    """Drawn at each start; stands in the status and in the will."""

    id: str
    """Eight hex digits."""
    since: str
    """When it started, by its own clock."""
    before: str | None = None
    """Id of the run that last took the agent's name out of the same state directory; None: unknown."""

    @classmethod
    def drawn(cls, state_dir: Path, now_unix_ns: int) -> Instance:
        """A new one, which knows the one before it."""
        return cls(uuid.uuid4().hex[:8], iso_utc(now_unix_ns), _before(state_dir / FILE))

    def remember(self, state_dir: Path) -> None:
        """Write down that this run takes the name, so that it outlives a power cut.

        Where it can't be written, the run after a power cut waits for a sign of life of this one.
        """
        new = state_dir / f"{FILE}.new"
        try:
            with os.fdopen(open_regular(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w", encoding="ascii") as file:
                file.write(self.id)
                file.flush()
                os.fsync(file.fileno())
            new.replace(state_dir / FILE)
        except OSError as error:
            log.warning("can't write down which run this is", extra=fields(directory=state_dir, reason=error.strerror))

    def precedes(self, since: str, other: str) -> bool:
        """Whether this run keeps the name against another one: who started earlier does.

        Both of them see the same two pairs, so they agree, however wrong their clocks are.
        """
        return (self.since, self.id) < (since, other)


def _before(path: Path) -> str | None:
    """The id that an earlier run left; None: none did, or nobody can read it, which the log says."""
    try:
        text = read_regular(path, ID_BYTES).decode("ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
    else:
        if ID.fullmatch(text):
            return text
        reason = "it holds no id of a run"
    log.warning("which run was here before is not known", extra=fields(file=path, reason=reason))
    return None
