"""Before the agent connects: does another agent use the same agent.id at this broker?

A broker closes the first connection of a client id when a second one comes (MQTT 5, 3.1.4-3), so that two agents with
one id would disconnect each other for ever; mosquitto 2.0.11 does not even report why. Therefore a probe connection
with a client id of its own reads the retained status first.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.service.peer_status import ENDED, ONLINE, PeerStatus
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.service.peer_status import StatusInbox
    from drsn.agent.service.run_id import RunId

QUIET_S = 0.5
"""A broker sends retained messages at once; after a pause of this length there are none."""

LEAST_WAIT_S = 25.0
"""A retained `online` without a sign of life for this long is of an agent that has ended; two and a half intervals of
the health document, if that is longer."""

BACKLOG_S = 1.0
"""A broker that was stalled sends the last messages of our own earlier run within this time."""

log = logging.getLogger(__name__)


class LeaseAcquisition:
    """Asked in each turn of the loop until the agent.id is free.

    A retained `online` is weak evidence: the broker may have missed the end of an agent whose machine was replaced, or
    may have restored an old state. A message that is not retained proves that an agent works now, unless it can be of
    our own earlier run.

    Args:
        agent: the agent.id.
        epoch: epoch of our journal; a status of the same epoch is of our own past, or of a copy of our state directory.
        run: this run.
        inbox: status and health documents of this agent.id.
        health_every_s: interval of the health documents, as the other agent is likely to have it.
        quiet_s: see `QUIET_S`.
    """

    def __init__(
        self,
        agent: str,
        epoch: str,
        run: RunId,
        inbox: StatusInbox,
        health_every_s: float,
        quiet_s: float = QUIET_S,
    ) -> None:
        self._agent, self._epoch, self._run, self._inbox = agent, epoch, run, inbox
        self._wait_s, self._quiet_s = max(LEAST_WAIT_S, 2.5 * health_every_s), quiet_s
        self._connection = 0  # epoch of the probe's connection
        self._since_s = self._looked_s = 0.0
        self._listened_s = 0.0  # in all connections: a connection that flaps does not start the wait again
        self._rival = False  # a retained status of another agent stands
        self._past_s: float | None = None  # since when messages come that may be of our own earlier run

    def free(self, probe: Transport, now_s: float) -> bool:
        """Return whether the agent.id is free, as far as the broker shows.

        Raises:
            ConfigurationError: another agent works under it.
        """
        if not probe.connected:
            return False
        if probe.epoch != self._connection:
            self._connection, self._since_s, self._rival = probe.epoch, now_s, False
        else:
            self._listened_s += now_s - self._looked_s
        self._looked_s = now_s
        while self._inbox:
            self._read(self._inbox.take(), now_s)
        if not self._rival:
            return now_s - self._since_s >= self._quiet_s
        if self._listened_s < self._wait_s:
            return False
        log.warning("the retained status is of another agent with this agent.id, but that agent sends nothing: "
                    "this agent uses the agent.id", extra=fields(agent=self._agent))  # fmt: skip
        return True

    def _read(self, message: Message, now_s: float) -> None:
        status = PeerStatus.of(message)
        if not message.payload:  # the retained status was deleted
            self._rival = False
        elif not (message.retained or status.state in ENDED):
            if not self._may_be_backlog(status, now_s):
                raise ConfigurationError(in_use(self._agent))
            self._rival = True  # if no more comes, it is of our own past, and the id is free after the wait
            return
        if status.state is not None:
            self._rival = message.retained and status.state in ONLINE and not self._is_own_past(status)

    def _may_be_backlog(self, status: PeerStatus, now_s: float) -> bool:
        """Whether the message may be of our last run, sent late by a broker that was stalled; not if more come.

        It may also be of an agent that runs on a copy of our state directory.
        """
        if status.instance is None or status.instance != self._run.before:
            return False
        self._past_s = now_s if self._past_s is None else self._past_s
        return now_s - self._past_s < BACKLOG_S

    def _is_own_past(self, status: PeerStatus) -> bool:
        """Whether a status is of an earlier run; one without an instance is of a version that had none."""
        return status.epoch == self._epoch and status.instance in (None, self._run.before)


def in_use(agent: str, who: str = "another agent with this id") -> str:
    """The error text of an agent whose agent.id another agent uses."""
    return f"agent.id {agent!r}: {who} is connected to the broker; give each agent its own agent.id"
