"""bdSeq: the number that a birth and its death share. Each CONNECT has the next one, also after a restart."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from drsn.agent.observability.logs import fields
from drsn.agent.storage.safe_file import read_regular

if TYPE_CHECKING:
    from pathlib import Path

COUNT: Final = 256
"""Numbers 0 to 255, then 0 again."""

log = logging.getLogger(__name__)


class SessionNumber:
    """The last bdSeq, in a file.

    Args:
        path: of the file; a missing one begins with 0.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = self._read()

    def advance(self) -> int:
        """Return the next number. A file that can't be written is logged, and the number is used."""
        self._last = (self._last + 1) % COUNT
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            new.write_text(f"{self._last}\n", encoding="ascii")
            os.replace(new, self._path)  # noqa: PTH105 (the name states that the file is replaced)
        except OSError as error:
            log.warning("bdSeq is not stored: a restart repeats numbers", extra=fields(reason=error))
        return self._last

    def _read(self) -> int:
        try:
            return int(read_regular(self._path, 8)) % COUNT
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("the file of bdSeq is not readable: it begins with 0", extra=fields(reason=error))
        return COUNT - 1
