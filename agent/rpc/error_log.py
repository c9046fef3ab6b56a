"""Errors of commands in the log, each kind at most once a minute."""

from __future__ import annotations

import logging
import time

from drsn.agent.observability.logs import Throttle, fields

log = logging.getLogger(__name__)


class ErrorLog:
    """Logs errors; the next line of a kind says how many were left out."""

    def __init__(self) -> None:
        self._throttle = Throttle()

    def write(self, key: object, event: str, error: Exception | None = None, **more: object) -> None:
        """Log an error, unless one with this key was logged within the last minute.

        Args:
            key: the kind of error.
            event: the line's text.
            error: its traceback follows the line.
            more: fields of the line.
        """
        held = self._throttle.held_back(key, time.monotonic())
        if held is not None:
            log.error(event, extra=fields(**more, more_like_it=held), exc_info=error)
