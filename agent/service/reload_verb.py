"""The verb `reload`: what SIGHUP does, answered: no by this process, yes by the one that it becomes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from drsn.agent.decision.commissioning import Progress
from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.mqtt.message import Message
from drsn.agent.rpc.reload_verb import RELOAD
from drsn.agent.service.reload import Debt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.rpc.dispatcher import CommandDispatcher
    from drsn.agent.service.reload import Reload

MOST: Final = 16
"""That may wait for one check; it takes a second, and one answer is all that many could want."""


class Reloading:
    """Between the dispatcher and the thread that checks; used by the loop.

    Args:
        dispatcher: offers the verb from now on, and answers the commands that an earlier process has left.
        control: by which answers go out; the last one of a process before waits for it.
        topics: where answers go.
        reload: who checks, and knows what was handed over.
    """

    def __init__(self, dispatcher: CommandDispatcher, control: Transport, topics: Topics, reload: Reload) -> None:
        self._pending = dispatcher.context.pending
        self._control, self._topics, self._reload = control, topics, reload
        self._inherited = list(dict.fromkeys(debt.request_id for debt in reload.inherited))
        dispatcher.context.reload = self._ask
        self._pending.sources.append(self._progress)
        for debt in reload.inherited:
            self._pending.add(debt.request_id, RELOAD, _message(topics, debt))
        reload.debts = self.debts

    def debts(self) -> list[Debt]:
        """Who waits for an answer; asked when this process ends for the next."""
        return [
            Debt(request_id, self._topics.reply(request_id, message.response_topic), message.correlation)
            for request_id, message in self._pending.of(RELOAD).items()
        ]

    def _ask(self, request_id: str) -> None:
        if len(self._pending.of(RELOAD)) >= MOST:
            raise RefusedError(f"{MOST} others wait for the same; wait for their answer")
        self._reload.ask(request_id)

    def _progress(self) -> Iterator[Progress]:
        """Said when there is somebody to say it to: without a connection nothing is taken out."""
        if self._control.connected and self._inherited:
            yield Progress(self._inherited.pop(), None)
        elif self._control.connected and self._reload.refusals:
            request_id, reason = self._reload.refusals.popleft()
            yield Progress(request_id, None, reason=f"the agent goes on as it was: {reason}")


def _message(topics: Topics, debt: Debt) -> Message:
    """The command of a process before, as far as its answer needs it; it was acknowledged there."""
    return Message(
        topic=topics.command(RELOAD),
        payload=b"",
        qos=0,
        retained=False,
        received_s=time.monotonic(),
        received_unix_ns=time.time_ns(),
        response_topic=debt.topic,
        correlation=debt.correlation,
    )
