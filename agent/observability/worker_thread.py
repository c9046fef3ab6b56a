"""The threads beside the main loop."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WorkerThread(threading.Thread):
    """A daemon thread that leaves SIGABRT to the main thread.

    The watchdog of systemd aborts an agent that hangs, and the thread that gets the signal writes the stacks of all
    threads. If this is not the main thread, the main loop can continue meanwhile, its stack changes while it is
    written, and the process ends with a part of it (seen once, in a test with SIGSTOP).
    """

    def __init__(self, target: Callable[..., None], name: str, args: tuple[object, ...] = ()) -> None:
        super().__init__(target=target, name=name, args=args, daemon=True)

    def run(self) -> None:
        """Block the signal, then run the target."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGABRT})
        super().run()
