"""The verb `reload`: what SIGHUP does, with a reply: refused with the reason, or checked before the restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.decision.commissioning import Progress
from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.rpc.dispatcher import RELOAD, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.rpc.dispatcher import CommandDispatcher
    from drsn.agent.schema.documents import CommandDocument
    from drsn.agent.service.reload import Reload

MAX_WAITING: Final = 16
"""Requests that may wait for one check; a check takes a second."""


class ReloadVerb:
    """Connects the dispatcher with the thread that checks; used by the loop.

    Args:
        dispatcher: gets the verb.
        reload: runs the checks.
    """

    def __init__(self, dispatcher: CommandDispatcher, reload: Reload) -> None:
        self._dispatcher, self._reload = dispatcher, reload
        dispatcher.add(RELOAD, self._begin, self._progress)

    def _begin(self, command: CommandDocument, _now_unix_ns: int) -> Work:
        if len(self._dispatcher.open(RELOAD)) >= MAX_WAITING:
            raise RefusedError(f"{MAX_WAITING} others wait for the same; wait for their answer")
        self._reload.request(command.request_id)
        return Work(pending="checks what is on the disk now")

    def _progress(self) -> Iterator[Progress]:
        while self._reload.results:
            request_id, refusal = self._reload.results.popleft()
            reason = None if refusal is None else f"the agent goes on as it was: {refusal}"
            yield Progress(request_id, None, reason=reason)
