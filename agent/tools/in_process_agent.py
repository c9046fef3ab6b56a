"""An agent in a thread of a command, as the service runs it but for the signal handlers."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from drsn.agent.service.bootstrap import assembled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.settings.loader import Configuration


@contextmanager
def running_agent(configuration: Configuration) -> Iterator[threading.Thread]:
    """Run an agent until the block ends; yields its thread, which ends early if the agent fails.

    Raises:
        DrsnError: of the agent; at the start, or at the end of the block.
    """
    with ExitStack() as stack:
        ready, stop = threading.Event(), threading.Event()
        failures: list[BaseException] = []

        def serve() -> None:
            try:
                with assembled(configuration) as loop:
                    ready.set()
                    loop.run(stop)
            except BaseException as error:  # noqa: BLE001 (handed to the main thread)
                failures.append(error)
                ready.set()

        thread = threading.Thread(target=serve, name="agent", daemon=True)
        thread.start()
        ready.wait()
        if failures:
            raise failures[0]
        stack.callback(thread.join, 10.0)
        stack.callback(stop.set)
        yield thread
    if failures:
        raise failures[0]
