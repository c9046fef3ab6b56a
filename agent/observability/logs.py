"""Structured logs: one event a line, `key=value`, on stderr.

Levels: WARNING, nothing is lost but somebody may want to look; ERROR, data was lost or an operator is needed.
"""

from __future__ import annotations

import json
import logging
import os
import time
from typing import Any

_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_RESERVED = "drsn_fields"

MAX_CHARS = 1000
"""Of one field: a stranger's topic may have 65,535, and a journal's line 48 kB."""


def fields(**values: object) -> dict[str, Any]:
    """The `extra=` of a log call: fields that stand behind the event."""
    return {_RESERVED: values}


class LogfmtFormatter(logging.Formatter):
    """`level=info logger=mqtt event="connected" protocol=5`; time or a journal priority in front."""

    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback behind it when there is one."""
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
    """Send the logs of this process to stderr; in the journal's form under systemd."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogfmtFormatter(journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class Throttle:
    """Lets one log line per key through each interval, and says how many were held back."""

    def __init__(self, interval_s: float = 60.0, max_keys: int = 1024) -> None:
        self._interval_s = interval_s
        self._max_keys = max_keys
        self._last: dict[object, tuple[float, int]] = {}

    def held_back(self, key: object, now_s: float) -> int | None:
        """How many lines were held back since the last one; None: hold this one back too."""
        last = self._last.get(key)
        if last is not None and now_s - last[0] < self._interval_s:
            self._last[key] = (last[0], last[1] + 1)
            return None
        if len(self._last) >= self._max_keys:
            self._last.clear()
        self._last[key] = (now_s, 0)
        return 0 if last is None else last[1]
