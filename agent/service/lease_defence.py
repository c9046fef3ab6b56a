"""While the agent is connected: another agent with the same agent.id is detected, and the one that started later ends.

On the connections that two agents take from each other by turns they never see each other's messages; the probe
connection, with a client id of its own, sees them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.service.lease_acquisition import in_use
from drsn.agent.service.peer_status import ENDED, ONLINE, PeerStatus
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from drsn.agent.service.peer_status import StatusInbox
    from drsn.agent.service.run_id import RunId

CONTRADICT_S = 1.0
"""A wrong status at the broker is contradicted at most once in this time."""

log = logging.getLogger(__name__)


class LeaseDefence:
    """Reads the status documents of this agent.id while the agent holds it.

    Args:
        agent: the agent.id.
        run: this run.
        inbox: status and health documents of this agent.id.
    """

    def __init__(self, agent: str, run: RunId, inbox: StatusInbox) -> None:
        self.lost = False
        """Another agent holds the agent.id now, and publishes its own status."""
        self._agent, self._run, self._inbox = agent, run, inbox
        self._wrong = False  # the broker's status says that no agent works
        self._contradicted_s = float("-inf")
        self._younger: str | None = None  # the run that the log named last

    def defend(self) -> None:
        """Read what has come. Retained messages are ignored: an agent that works publishes again and again.

        Raises:
            UnavailableError: an agent that started earlier, or that does not read our status, uses the agent.id. The
                next start finds out whether it stays; therefore this is not an error of the configuration (78) yet.
        """
        while self._inbox:
            message = self._inbox.take()
            status = PeerStatus.of(message)
            if message.retained:
                continue
            if status.state not in ONLINE:
                self._wrong = self._wrong or status.state in ENDED or not message.payload
                continue
            if status.instance == self._run.id:
                self._wrong = False
                continue
            if status.instance is None or not self._run.precedes(status.since or "", status.instance):
                self.lost = True
                raise UnavailableError(in_use(self._agent, "another agent with this id, which started earlier,"))
            if status.instance != self._younger:
                self._younger = status.instance
                log.warning("another agent with this agent.id has connected: it started later and must stop",
                            extra=fields(agent=self._agent, instance=status.instance, since=status.since))  # fmt: skip

    def contradict(self, now_s: float) -> bool:
        """Return whether our status must go out again because the broker's is wrong; True once for each time.

        Causes: a cluster of brokers publishes the will of a lost connection after the next connection; another agent
        of this agent.id ends; somebody deletes the retained status.
        """
        if not self._wrong or now_s - self._contradicted_s < CONTRADICT_S:
            return False
        self._wrong, self._contradicted_s = False, now_s
        return True
