"""Progress of a long command on stderr: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time

BAR_WIDTH = 40

LINE_EVERY_S = 10.0
"""Where stderr is no terminal; a command that ends sooner prints no line."""


class ProgressLine:
    """How much of `total` steps is done."""

    def __init__(self, total: int) -> None:
        self._total = max(1, total)
        self._done = 0
        self._terminal = sys.stderr.isatty()
        self._line_due_s = time.monotonic() + LINE_EVERY_S

    def step(self, steps: int) -> None:
        """Count steps that are done, and show it."""
        self._done = min(self._done + steps, self._total)
        part = self._done / self._total
        if self._terminal:
            sys.stderr.write(f"\r[{'#' * round(BAR_WIDTH * part):{BAR_WIDTH}}] {100 * part:3.0f} %")
        elif time.monotonic() >= self._line_due_s:
            self._line_due_s += LINE_EVERY_S
            sys.stderr.write(f"{100 * part:3.0f} % done\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the bar's line."""
        if self._terminal:
            sys.stderr.write("\n")
