"""Commands that take time: each is answered at once, then with its progress, then with its result."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drsn.agent.decision.commissioning import Progress
    from drsn.agent.mqtt.message import Message

log = logging.getLogger(__name__)


class Pending(NamedTuple):
    """A command that waits for its last answer."""

    verb: str
    message: Message


class PendingCommands:
    """The commands that wait for their last answer, by `request_id`, and the progress to report on them."""

    def __init__(self) -> None:
        self.sources: list[Callable[[], Iterable[Progress]]] = []
        """Each is asked for new progress, in this order, when none waits to be reported."""
        self._commands: dict[str, Pending] = {}
        self._progress: deque[Progress] = deque()

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._commands

    def __getitem__(self, request_id: str) -> Pending:
        return self._commands[request_id]

    def of(self, verb: str) -> dict[str, Message]:
        """The messages of a verb's commands, by `request_id`."""
        return {request_id: each.message for request_id, each in self._commands.items() if each.verb == verb}

    def add(self, request_id: str, verb: str, message: Message) -> None:
        """Add a command of this process, or one that an earlier process has left; it is acknowledged already."""
        self._commands[request_id] = Pending(verb, replace(message, acknowledge=None))  # with its first answer

    def poll(self) -> None:
        """Ask the sources for progress, unless some waits."""
        for source in self.sources:
            if self._progress:
                return
            self._progress.extend(source())

    def take(self) -> tuple[Progress, Pending] | None:
        """The oldest progress and its command, which is removed if it has ended; None: nothing to report."""
        while self._progress:
            progress = self._progress.popleft()
            command = self._commands.get(progress.request_id)
            if command is None:
                log.error(
                    "no command waits for this progress",
                    extra=fields(request_id=progress.request_id, sensor=progress.sensor),
                )
                continue
            if progress.pending is None:
                del self._commands[progress.request_id]
            return progress, command
        return None
