"""The order in which documents go out: status, retained alarms, events; an event before the state that it led to.

The summary of alarms goes out last: it is made of the alarms that went out before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.delivery.outbox import Outbox
    from drsn.agent.delivery.publisher import Publisher
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.agent_state import StatusDocument


class Delivery:
    """Publishes what is committed.

    Args:
        control: the connection that documents go out by.
        outbox: events, from the journal.
        publisher: status, retained alarms and results.
        unpublished: how many events the broker has not confirmed.
        status: stopped -> the status of the agent.
        contradicted: monotonic time -> whether the broker retains a wrong status, so that ours must go out again.
    """

    def __init__(
        self,
        control: Transport,
        outbox: Outbox,
        publisher: Publisher,
        *,
        unpublished: Callable[[], int],
        status: Callable[[bool], StatusDocument],
        contradicted: Callable[[float], bool],
    ) -> None:
        self._control, self._outbox, self._publisher = control, outbox, publisher
        self._unpublished, self._status, self._contradicted = unpublished, status, contradicted
        self._stopped = False

    @property
    def states_confirmed(self) -> bool:
        """The broker has confirmed the status and every retained alarm."""
        return self._publisher.idle

    @property
    def all_confirmed(self) -> bool:
        """The broker has confirmed every document, events too."""
        return self._publisher.idle and not self._unpublished()

    def stop(self) -> None:
        """The status is `stopped` from now on."""
        self._stopped = True

    def pump(self, now_s: float) -> None:
        """Publish what may go out now; never blocks.

        On a new connection every retained state goes out before any backlog of events; otherwise an event goes out
        before the state that it led to.

        Args:
            now_s: monotonic.
        """
        while self._control.confirmations:
            confirmation = self._control.confirmations.popleft()
            if not self._outbox.note(confirmation, now_s):
                self._publisher.note(confirmation)
        self._publisher.refresh(self._status(self._stopped), again=self._contradicted(now_s))
        if not self._publisher.catching_up:
            self._outbox.pump(now_s)
        self._publisher.pump(now_s, stopped=self._stopped)
