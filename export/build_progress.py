"""Progress of an engine build on stderr, and cancellation by Ctrl-C, because TensorRT passes no exceptions on."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from drsn.agent.backends.tensorrt.compat import TensorRt

LINE_EVERY_S = 5.0
"""Seconds between two lines if stderr is no terminal: a build of one hour writes 720 lines to a journal."""


class BuildProgress:
    """Shows the build's nested phases: the outermost gives the overall progress, the innermost the current work.

    Args:
        stream: for the lines, usually stderr; None if the process has none.
        every_s: seconds between two lines; on a terminal one line is redrawn ten times a second.
    """

    def __init__(self, stream: TextIO | None, every_s: float = LINE_EVERY_S) -> None:
        self.cancelled = False
        self._stream = stream
        self._terminal = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
        self._every_s = 0.1 if self._terminal else every_s
        self._phases: dict[str, tuple[int, int]] = {}  # name -> (steps done, steps)
        self._started_s = time.monotonic()
        self._shown_s = self._started_s

    def started(self, phase: str, steps: int) -> None:
        """Note the start of a phase."""
        self._phases[phase] = (0, steps)
        self._show()

    def stepped(self, phase: str, step: int) -> None:
        """Note that step `step` (from 0) of a phase is done."""
        if phase in self._phases:
            self._phases[phase] = (step + 1, self._phases[phase][1])
        self._show()

    def finished(self, phase: str) -> None:
        """Note the end of a phase; the outermost one clears the line."""
        self._phases.pop(phase, None)
        if not self._phases and self._terminal:
            self._write("\r\x1b[K")

    def _show(self) -> None:
        now_s = time.monotonic()
        if now_s - self._shown_s < self._every_s or not self._phases:
            return
        self._shown_s = now_s
        done, steps = next(iter(self._phases.values()))
        *_, inner = self._phases
        inner_done, inner_steps = self._phases[inner]
        text = f"building, {now_s - self._started_s:.0f} s: {done} of {steps}; {inner} {inner_done} of {inner_steps}"
        columns = shutil.get_terminal_size().columns - 1  # a line that wraps can't be drawn over
        self._write(f"\r\x1b[K{text[:columns]}" if self._terminal else f"{text}\n")

    def _write(self, text: str) -> None:
        """Write a line; if the stream is closed, stop writing and continue the build."""
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a broken pipe; a closed file
            self._stream = None


def monitor(trt: TensorRt, progress: BuildProgress) -> Any:  # noqa: ANN401 (the class exists only once the module is loaded)
    """An IProgressMonitor that reports to `progress`. An exception in it would end the process, so all are caught."""

    class Monitor(trt.module.IProgressMonitor):  # type: ignore[name-defined, misc]
        """Called by the builder's threads."""

        def __init__(self) -> None:
            trt.module.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            del parent_phase
            _quietly(progress, lambda: progress.started(phase_name, num_steps))

        def step_complete(self, phase_name: str, step: int) -> bool:
            _quietly(progress, lambda: progress.stepped(phase_name, step))
            return not progress.cancelled

        def phase_finish(self, phase_name: str) -> None:
            _quietly(progress, lambda: progress.finished(phase_name))

    return Monitor()


def _quietly(progress: BuildProgress, call: Any) -> None:  # noqa: ANN401
    try:
        call()
    except KeyboardInterrupt:
        progress.cancelled = True
    except Exception:  # noqa: BLE001, S110 (nothing that is shown is worth a build)
        pass


@contextmanager
def cancellable(progress: BuildProgress) -> Iterator[None]:
    """Ctrl-C sets `progress.cancelled`, and TensorRT stops at its next step; a second one ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def cancel(number: int, frame: FrameType | None) -> None:
        del frame
        progress.cancelled = True
        signal.signal(number, signal.SIG_DFL)

    before = signal.signal(signal.SIGINT, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
