"""Runs a command for each event, beside the stream: a bounded queue, a timeout, and counts of what went wrong."""

from __future__ import annotations

import os
import queue
import shlex
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drsn.agent.tools.watch.lines import environment_of, json_of
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.tools.live.live_state import Update

MAX_WAITING: Final = 100
"""Events that wait for the command; later ones are dropped and counted, the stream goes on."""

END_S: Final = 5.0
"""How long the end waits for commands that have been queued."""


@dataclass
class RunCounts:
    """What became of the commands."""

    done: int = 0
    failed: int = 0
    """Ended with another code than 0, or could not be started."""
    timed_out: int = 0
    dropped: int = 0
    """No room to wait."""

    @property
    def text(self) -> str:
        """All counts in one line."""
        return f"{self.done} run, {self.failed} failed, {self.timed_out} timed out, {self.dropped} dropped"


class EventCommand:
    """Runs one command at a time, with the event on its stdin and `DRSN_*` in its environment.

    Args:
        command: its text, split as a shell would split it.
        in_shell: run it with /bin/sh.
        timeout_s: then it is killed, with its children.
        on_problem: takes one line for each command that failed, timed out or was dropped.
        max_waiting: events that wait for it.

    Raises:
        UsageError: the command is empty, its quotes do not match, or the timeout is not above 0.
    """

    def __init__(
        self,
        command: str,
        *,
        in_shell: bool,
        timeout_s: float,
        on_problem: Callable[[str], None],
        max_waiting: int = MAX_WAITING,
    ) -> None:
        try:
            words = ["/bin/sh", "-c", command] if in_shell else shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--exec {command!r}: {error}") from None
        if not command.strip() or not timeout_s > 0:
            raise UsageError("--exec needs a command, and --exec-timeout a time above 0")
        self.counts = RunCounts()
        self._words, self._timeout_s, self._on_problem = words, timeout_s, on_problem
        self._waiting: queue.Queue[Update | None] = queue.Queue(max_waiting)
        self._thread = threading.Thread(target=self._run_all, name="exec", daemon=True)
        self._thread.start()

    def put(self, update: Update) -> None:
        """Queue the command for an event; returns at once."""
        try:
            self._waiting.put_nowait(update)
        except queue.Full:
            self.counts.dropped += 1
            self._on_problem(
                f"--exec: {self._waiting.maxsize} events wait already; the command is not run for this one"
            )

    def close(self) -> None:
        """Wait a few seconds for what is queued, and end."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=END_S)
        self._thread.join(END_S)

    def _run_all(self) -> None:
        while (update := self._waiting.get()) is not None:
            if (problem := self._run(update)) is not None:
                self._on_problem(f"--exec {self._words[0]}: {problem} (sensor {update.document['sensor']})")

    def _run(self, update: Update) -> str | None:
        """Run the command for one event; return what went wrong."""
        try:
            process = subprocess.Popen(  # noqa: S603 (the command is that of the person who started us)
                self._words, stdin=subprocess.PIPE, env={**os.environ, **environment_of(update)}, start_new_session=True
            )
        except (OSError, ValueError) as error:
            self.counts.failed += 1
            return str(error)
        try:
            with suppress(BrokenPipeError):
                process.communicate(f"{json_of(update)}\n".encode(), self._timeout_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self.counts.timed_out += 1
            return f"killed after {self._timeout_s:g} s"
        self.counts.done += process.returncode == 0
        self.counts.failed += process.returncode != 0
        return None if process.returncode == 0 else f"exit code {process.returncode}"
