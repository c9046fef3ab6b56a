"""The verb `reload`: what SIGHUP does, with a reply: refused with the reason, or checked before the restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.decision.commissioning import Progress
from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.rpc.reload_verb import RELOAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.service.reload import Reload

MAX_WAITING: Final = 16
"""Requests that may wait for one check; a check takes a second."""


class ReloadVerb:
    """Connects the commands with the thread that checks; used by the loop.

    Args:
        context: its commands may use the verb from now on.
        reload: runs the checks.
        control: replies go out by this connection; a refusal waits for it.
    """

    def __init__(self, context: CommandContext, reload: Reload, control: Transport) -> None:
        self._pending, self._reload, self._control = context.pending, reload, control
        context.reload = self._request
        self._pending.sources.append(self._progress)

    def _request(self, request_id: str) -> None:
        if len(self._pending.of(RELOAD)) >= MAX_WAITING:
            raise RefusedError(f"{MAX_WAITING} reload commands already wait; wait for their reply")
        self._reload.request(request_id)

    def _progress(self) -> Iterator[Progress]:
        if self._reload.due:  # the agent restarts: every request is fulfilled, also one that came after the check
            self._reload.results.clear()
            yield from [Progress(request_id, None) for request_id in self._pending.of(RELOAD)]
        while self._reload.results and self._control.connected:
            request_id, refusal = self._reload.results.popleft()
            reason = None if refusal is None else f"the agent continues with the old configuration: {refusal}"
            yield Progress(request_id, None, reason=reason)
