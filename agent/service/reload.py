"""A new configuration or bundle in a running service: checked beside the old one, which is let go only then.

SIGHUP asks for it, or the command `reload`. `drsn-agent check` reads everything anew in a process of its own and puts
the bundle through its golden windows, while the agent goes on as it was. What fails there changes nothing but the log.
What passes makes the agent end in order and become the new one in place: the process id stays, so that systemd sees no
restart, and the broker keeps the packets of QoS 1 meanwhile.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.schema.documents import REQUEST_ID
from drsn.agent.service import systemd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import NoReturn

CHECK_TIMEOUT_S = 60.0
"""A check takes a second on a PC; one that has not answered by now, as a start that takes as long, has failed."""

DEBTS = "DRSN_RELOAD_DEBTS"
"""The environment variable by which a process hands its debts to the one that it becomes: it needs no disk."""

MOST_CHARS = 65_536
"""Of it; the kernel takes 131,072 bytes of one variable, and no process begins with more."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Debt:
    """A command's last answer, which is for the next process to give."""

    request_id: str
    topic: str
    correlation: bytes = b""


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
        self.refusals: deque[tuple[str, str]] = deque()
        """Requests that came to nothing, and why; whoever answers them takes them out."""
        self.debts: Callable[[], Iterable[Debt]] = tuple
        """What is owed when the agent begins anew."""
        self.inherited = _inherited()
        """What the process that this one was has left to answer."""
        # None: by a signal. Of all locks and queues this is the one that a signal handler may use.
        self._asked: SimpleQueue[str | None] = SimpleQueue()
        self._passed = self._called_off = False
        threading.Thread(target=self._serve, name="reload", daemon=True).start()

    @property
    def due(self) -> bool:
        """Whether the agent ended to begin anew."""
        return self._passed and not self._called_off

    def ask(self, request_id: str | None = None) -> None:
        """Try what is on the disk now; returns at once. For signal handlers, and for a command that wants an answer."""
        self._asked.put(request_id)

    def call_off(self) -> None:
        """The agent is to end for good, whatever a check says."""
        self._called_off = True

    def _serve(self) -> None:
        while not self._passed:
            asked = [self._asked.get()]
            while not self._asked.empty():  # asked many times before the check: one answer
                asked.append(self._asked.get())
            refusal = self._refusal()
            if refusal is not None:
                log.error("reload refused, the agent goes on as it was", extra=fields(reason=refusal))
                systemd.notify(f"STATUS=goes on as it was, reload refused: {refusal}")
                self.refusals.extend((request_id, refusal) for request_id in asked if request_id is not None)
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


def begin_anew(debts: Iterable[Debt] = ()) -> NoReturn:
    """Become a new process of the same command, with the same id; for the main thread, when everything is closed."""
    os.environ[DEBTS] = _handed(debts)
    # Until the new one handles it. Its default would end the process, and systemd takes that for an ordered stop.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (what this process was started with)


def _handed(debts: Iterable[Debt]) -> str:
    """As many as there is room for; who is left out is answered when he asks again."""
    owed = [[debt.request_id, debt.topic, debt.correlation.hex()] for debt in debts]
    while len(text := json.dumps(owed)) > MOST_CHARS:
        left_out = max(owed, key=lambda each: len(each[2]))
        owed.remove(left_out)
        log.warning("reload: the correlation data is too long for an answer", extra=fields(request_id=left_out[0]))
    return text


def _inherited() -> tuple[Debt, ...]:
    """Taken out of the environment, so that no child of ours is taken for what we become."""
    text = os.environ.pop(DEBTS, "[]")
    try:
        owed = tuple(Debt(str(name), str(topic), bytes.fromhex(data)) for name, topic, data in json.loads(text))
    except (ValueError, TypeError, RecursionError):
        owed = None
    if owed is None or not all(REQUEST_ID.fullmatch(debt.request_id) for debt in owed):  # the answer's topic ends in it
        log.warning("reload: the environment holds what no process of ours left there", extra=fields(variable=DEBTS))
        return ()
    return owed
