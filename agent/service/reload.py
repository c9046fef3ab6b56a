"""Reload: check the new configuration and bundle, then restart in order.

SIGHUP asks for it, or the command `reload`. `drsn-agent check` reads everything in a process of its own and runs the
golden windows of the bundle, while the agent goes on. If the check fails, nothing changes but the log. If it passes,
the agent answers, ends in order, and starts its own command again in place: the process id stays, so that systemd sees
no restart, and the broker keeps the QoS 1 packets meanwhile.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.observability.worker_thread import WorkerThread
from drsn.agent.service import systemd

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from typing import NoReturn

CHECK_TIMEOUT_S = 60.0
"""A check takes a second on a PC; one that has not ended after this time has failed."""

log = logging.getLogger(__name__)


class Reload:
    """Runs the checks on a thread of its own, and stops the loop when one passes.

    Args:
        check: the command that checks; exit code 0 passes, else the last line on stderr is the reason.
        stop: set when the agent must end to restart.
        timeout_s: a check that takes longer has failed.
    """

    def __init__(self, check: Sequence[str], stop: threading.Event, timeout_s: float = CHECK_TIMEOUT_S) -> None:
        self._check, self._stop, self._timeout_s = check, stop, timeout_s
        self.results: deque[tuple[str, str | None]] = deque()
        """Requests that are checked, and why each was refused (None: it passed); who answers them removes them."""
        self.on_result: Callable[[], None] = lambda: None
        """Called by the thread when there is a result; it wakes the loop."""
        # None: asked by a signal. Of all locks and queues this is the one that a signal handler may use.
        self._requests: SimpleQueue[str | None] = SimpleQueue()
        self._passed = self._cancelled = False
        WorkerThread(target=self._serve, name="reload").start()

    @property
    def due(self) -> bool:
        """The agent has ended in order to restart."""
        return self._passed and not self._cancelled

    def request(self, request_id: str | None = None) -> None:
        """Check what is on the disk now; returns at once. For signal handlers, and for a command that wants a reply."""
        self._requests.put(request_id)

    def cancel(self) -> None:
        """The agent must end without a restart, whatever a check finds."""
        self._cancelled = True

    def _serve(self) -> None:
        while not self._passed:
            requests = [self._requests.get(), *self._waiting()]  # all requests before a check have one answer
            refusal = self._refusal()
            if refusal is None and self._cancelled:
                refusal = "the agent is stopping"
            if refusal is None:  # requests that came during the check need no check of their own
                requests += self._waiting()
            self.results.extend((request_id, refusal) for request_id in requests if request_id is not None)
            if refusal is not None:
                log.error(
                    "reload refused: the agent continues with the old configuration", extra=fields(reason=refusal)
                )
                systemd.notify(f"STATUS=reload refused, the old configuration is in use: {refusal}")
            else:
                log.info("reload accepted: the agent restarts")
                systemd.notify("RELOADING=1")
                self._passed = True
                self._stop.set()
            self.on_result()

    def _waiting(self) -> list[str | None]:
        found = []
        while not self._requests.empty():
            found.append(self._requests.get())
        return found

    def _refusal(self) -> str | None:
        """Why the configuration or the bundle on the disk cannot run; None: it can."""
        try:
            done = subprocess.run(  # noqa: S603 (our own command, with the arguments of this process)
                self._check,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=self._timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"the check did not end within {self._timeout_s:g} s"
        except OSError as error:
            return f"the check can't be started: {error.strerror}"
        if done.returncode == 0:
            return None
        lines = done.stderr.decode(errors="replace").split("\n")
        reason = next((line for line in reversed(lines) if line.strip()), "it printed no reason")
        return f"{reason} (exit code {done.returncode})"


def restart() -> NoReturn:
    """Run this process's command again, with the same process id; for the main thread, when everything is closed."""
    # Until the new program handles SIGHUP: its default action would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (what this process was started with)
