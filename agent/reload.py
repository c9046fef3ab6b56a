"""A new configuration or bundle in a running service: checked beside the old one, which is let go only then.

SIGHUP asks for it. `drsn-agent check` reads everything anew in a process of its own and puts the bundle through its
golden windows, while the agent goes on as it was. What fails there changes nothing but the log. What passes makes the
agent end in order and become the new one in place: the process id stays, so that systemd sees no restart, and the
broker keeps the packets of QoS 1 meanwhile.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from drsn.agent import systemd
from drsn.agent.logs import fields

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

CHECK_TIMEOUT_S = 60.0
"""A check takes a second on a PC; one that has not answered by now, as a start that takes as long, has failed."""

log = logging.getLogger(__name__)


class Reload:
    """Waits on a thread of its own to be asked, and says when the agent is to begin anew.

    Args:
        check: the command that tries what is to come; its exit code 0 is a yes, its last line on stderr the reason of
            a no.
        stop: set when the running agent is to end for the new one.
    """

    def __init__(self, check: Sequence[str], stop: threading.Event) -> None:
        self._check = check
        self._stop = stop
        self._asked: SimpleQueue[None] = SimpleQueue()  # of all locks and queues the one that a signal handler may use
        self._passed = self._called_off = False
        threading.Thread(target=self._serve, name="reload", daemon=True).start()

    @property
    def due(self) -> bool:
        """Whether the agent ended to begin anew."""
        return self._passed and not self._called_off

    def ask(self) -> None:
        """Try what is on the disk now; returns at once. For signal handlers."""
        self._asked.put(None)

    def call_off(self) -> None:
        """The agent is to end for good, whatever a check says."""
        self._called_off = True

    def _serve(self) -> None:
        while not self._passed:
            self._asked.get()
            while not self._asked.empty():  # asked many times before the check: one answer
                self._asked.get()
            refusal = self._refusal()
            if refusal is not None:
                log.error("reload refused, the agent goes on as it was", extra=fields(reason=refusal))
                systemd.notify(f"STATUS=goes on as it was, reload refused: {refusal}")
                continue
            log.info("reload: checked, the new one takes over")
            systemd.notify("RELOADING=1")
            self._passed = True
            self._stop.set()

    def _refusal(self) -> str | None:
        """Why what is on the disk is not fit to run; None: it is."""
        try:
            done = subprocess.run(  # noqa: S603 (our own command, with the arguments of this process)
                self._check,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=CHECK_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"the check did not end within {CHECK_TIMEOUT_S:g} s"
        except OSError as error:
            return f"the check can't be started: {error.strerror}"
        if done.returncode == 0:
            return None
        lines = done.stderr.decode(errors="replace").split("\n")
        said = next((line for line in reversed(lines) if line.strip()), "no reason given")
        return f"{said} (exit code {done.returncode})"


def begin_anew() -> NoReturn:
    """Become a new process of the same command, with the same id; for the main thread, when everything is closed."""
    # Until the new one handles it. Its default would end the process, and systemd takes that for an ordered stop.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (what this process was started with)
