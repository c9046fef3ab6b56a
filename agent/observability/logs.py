"""Structured logs: one event a line, `key=value`, on stderr.

Levels: WARNING, no data was lost, but the cause may need attention; ERROR, data was lost or an operator is needed.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from typing import Any

from drsn.model.errors import printable

_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_RESERVED = "drsn_fields"

MAX_CHARS = 1000
"""Characters of one field. A received topic may have 65,535, and a line of journald 48 kB."""


def fields(**values: object) -> dict[str, Any]:
    """Argument `extra=` of a log call: fields that follow the event."""
    return {_RESERVED: values}


class LogfmtFormatter(logging.Formatter):
    """Formats a record: time or journal priority, then `level=info logger=mqtt event="connected" protocol=5`."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line, with the traceback as a field."""
        pairs = {
            "level": record.levelname.lower(),
            "logger": record.name.removeprefix("drsn."),
            "event": record.getMessage(),
            **{key: _short(str(value)) for key, value in getattr(record, _RESERVED, {}).items()},
        }
        if record.exc_info:
            pairs["traceback"] = self.formatException(record.exc_info)
        line = " ".join(f"{key}={_quoted(value)}" for key, value in pairs.items())
        if self._journal:
            return f"<{_PRIORITY.get(record.levelno, 6)}>{line}"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{stamp}.{int(record.msecs):03d}Z {line}"


def _short(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}... of {len(text)} characters"


def _quoted(value: object) -> str:
    text = str(value)
    plain = bool(text) and all(c.isprintable() and c not in ' "=\\' for c in text)
    return text if plain else json.dumps(text)


def configure(level: str) -> None:
    """Send the logs of this process to stderr; under systemd with journal priorities."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogfmtFormatter(journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class CommandFormatter(logging.Formatter):
    """Formats a record for the person at a terminal: `drsn-agent: warning: connection lost (reason: keep alive)`."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line."""
        values = {key: _short(str(value)) for key, value in getattr(record, _RESERVED, {}).items()}
        if record.exc_info and record.exc_info[1] is not None:
            values["error"] = repr(record.exc_info[1])
        details = ", ".join(f"{key}: {value}" for key, value in values.items())
        text = f"{record.levelname.lower()}: {record.getMessage()}{f' ({details})' if details else ''}"
        return printable(f"{self._program}: {' '.join(text.split())}")


def configure_command(program: str) -> None:
    """Send the warnings of a command that people call to stderr, where nothing else takes them."""
    handler = logging.StreamHandler()
    handler.setFormatter(CommandFormatter(program))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class Throttle:
    """Rate limit of log lines: one for each key and interval, and for all keys together `max_lines` an interval.

    Args:
        interval_s: shortest time between two lines of a key.
        max_keys: at this many keys all are forgotten, which bounds memory.
        max_lines: of all keys in one interval; a flood of keys must not fill the log.
    """

    def __init__(self, interval_s: float = 60.0, max_keys: int = 1024, max_lines: int = 1024) -> None:
        self._interval_s = interval_s
        self._max_keys = max_keys
        self._max_lines = max_lines
        self._last: dict[object, tuple[float, int]] = {}
        self._begun_s, self._lines = -math.inf, 0  # the interval of `max_lines`, and the lines in it

    def held_back(self, key: object, now_s: float) -> int | None:
        """Number of lines of a key that were held back since its last one; None: hold this one back too."""
        last = self._last.get(key)
        if last is not None and now_s - last[0] < self._interval_s:
            self._last[key] = (last[0], last[1] + 1)
            return None
        if now_s - self._begun_s >= self._interval_s:
            self._begun_s, self._lines = now_s, 0
        if self._lines >= self._max_lines:
            return None
        self._lines += 1
        if len(self._last) >= self._max_keys:
            self._last.clear()
        self._last[key] = (now_s, 0)
        return 0 if last is None else last[1]
