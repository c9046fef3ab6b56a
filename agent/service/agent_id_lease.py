"""Does another agent carry our name at the broker? Of two, the one that started later stops.

A broker lets the second connection of a client id throw out the first (MQTT 5, 3.1.4-3), and two agents of one name
would do that to each other for ever; mosquitto 2.0.11 does not even say why it closes a line. So a probe with a client
id of its own looks at the agent's retained status before the agent connects, and goes on listening while it is there:
thrown out by turns, the two never hear each other on the connections that they fight for.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.service.run_id import Instance

QUIET_S = 0.5
"""The broker sends what it retains at once; after a pause this long there is nothing."""

LEAST_PATIENCE_S = 25.0

MAX_SAID_BYTES = 65_536
"""Of a status or a health document that is listened to; ours have 1 to 2 kB. Of a larger one a broker of MQTT 5 says
nothing, and on 3.1.1 nobody understands what is left of it: retained, it counts as if nothing were."""

WATCHING = ("online", "degraded")

GONE = ("offline", "stopped")
"""What is heard of one that goes, while its name is waited for."""

CONTRADICT_S = 1.0
"""Who says again and again that we are gone is contradicted once in this time."""

BACKLOG_S = 1.0
"""What a broker that was stalled still had of our own last run comes within this, once it comes."""

log = logging.getLogger(__name__)


class Admission:
    """Asked in each turn of the loop: whether the agent may connect, and then whether it may stay.

    A retained `online` proves little: the broker may have missed the end of an agent whose machine was replaced, or
    have come back with what it retained long ago. A message that comes while nobody of this name should be there is
    proof, and so is one that only another run can have sent.

    Args:
        agent: the id.
        epoch: of our store; a status of the same epoch is our own, of before, or that of a copy of our directory.
        instance: this run.
        health_every_s: as the other one is likely to have it: it is waited for two and a half times.
        on_change: called when there is something to hear.
    """

    def __init__(
        self,
        agent: str,
        epoch: str,
        instance: Instance,
        health_every_s: float,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.yielded = False
        """Another agent has the name now, and says how it is."""
        self._agent, self._epoch, self._instance = agent, epoch, instance
        self._patience_s = max(LEAST_PATIENCE_S, 2.5 * health_every_s)
        self._on_change = on_change
        self._heard: deque[Message] = deque()
        self._connected = 0  # epoch of the connection that is listened to
        self._since_s = self._looked_s = 0.0
        self._listened_s = 0.0  # in all; a line that flaps does not begin the wait for a sign of life anew
        self._rival = False
        self._belied = False
        self._contradicted_s = float("-inf")
        self._past_s: float | None = None  # since when something comes live of what we take for our own last run
        self._younger: str | None = None  # the last run that has to stop for us, as it was told

    def put(self, message: Message) -> None:
        """A message has come; called by the network's thread."""
        if len(self._heard) < 64:
            self._heard.append(message)
        message.ack()
        self._on_change()

    def free(self, probe: Transport, now_s: float) -> bool:
        """Whether the name is free, as far as the broker's word goes.

        Raises:
            ConfigurationError: another agent lives by it.
        """
        if not probe.connected:
            return False
        if probe.epoch != self._connected:
            self._connected, self._since_s, self._rival = probe.epoch, now_s, False
        else:
            self._listened_s += now_s - self._looked_s
        self._looked_s = now_s
        while self._heard:
            self._hear(self._heard.popleft(), now_s)
        if not self._rival:
            return now_s - self._since_s >= QUIET_S
        if self._listened_s < self._patience_s:
            return False
        log.warning("a status of another agent of this name stands, but nothing comes from it: taking its place",
                    extra=fields(agent=self._agent))  # fmt: skip
        return True

    def defend(self) -> None:
        """Once the name is ours: see whether another run publishes under it, and who of the two is to stop.

        What is retained is passed over: it may be of any time. One that fights for the name publishes again and again.

        Raises:
            UnavailableError: an agent lives by the name that started earlier, or that can't hear us. Not a matter of
                the configuration (78) yet: the next start finds out whether it is there to stay.
        """
        while self._heard:
            message = self._heard.popleft()
            said = _said(message)
            if message.retained:
                continue
            if said.state not in WATCHING:
                self._belied = self._belied or said.state in GONE or not message.payload
                continue
            if said.instance == self._instance.id:
                self._belied = False
                continue
            if said.instance is None or not self._instance.precedes(said.since or "", said.instance):
                self.yielded = True
                raise UnavailableError(taken(self._agent, "another agent of this name, which started earlier,"))
            if said.instance != self._younger:
                self._younger = said.instance
                log.warning("another agent of this name has connected; it started later, so it is to stop",
                            extra=fields(agent=self._agent, instance=said.instance, since=said.since))  # fmt: skip

    def belied(self, now_s: float) -> bool:
        """Whether something at the broker says now that nobody of this name is there; True once for each time.

        The will of a lost connection that a cluster of brokers publishes after the next one is there, the end of
        another agent of this name, or somebody who empties what is retained.
        """
        if not self._belied or now_s - self._contradicted_s < CONTRADICT_S:
            return False
        self._belied, self._contradicted_s = False, now_s
        return True

    def _hear(self, message: Message, now_s: float) -> None:
        said = _said(message)
        if not message.payload:  # somebody has emptied what was retained
            self._rival = False
        elif not (message.retained or said.state in GONE):
            if not self._late(said, now_s):
                raise ConfigurationError(taken(self._agent))
            self._rival = True  # unless it says more, it is our own past, and the name is free when patience ends
            return
        if said.state is not None:
            self._rival = message.retained and said.state in WATCHING and not self._own_past(said)

    def _late(self, said: _Said, now_s: float) -> bool:
        """Whether this may be our own last run's, handed on by a broker that was stalled; not if it goes on.

        It may be that of an agent whose directory ours is a copy of.
        """
        if said.instance is None or said.instance != self._instance.before:
            return False
        self._past_s = now_s if self._past_s is None else self._past_s
        return now_s - self._past_s < BACKLOG_S

    def _own_past(self, said: _Said) -> bool:
        """One without an instance is of a version that drew none."""
        return said.epoch == self._epoch and said.instance in (None, self._instance.before)


def taken(agent: str, who: str = "another agent of this name") -> str:
    """What an agent says that finds another of its name."""
    return f"agent.id {agent!r}: {who} is connected to the broker; give each its own agent.id"


@dataclass(frozen=True)
class _Said:
    """By a status; all None of a health document, or of what nobody understands."""

    state: str | None = None
    epoch: str | None = None
    instance: str | None = None
    since: str | None = None


def _said(message: Message) -> _Said:
    try:
        document = json.loads(message.payload)
        told = [document.get(name) for name in _Said.__dataclass_fields__]
    except (ValueError, AttributeError, RecursionError):
        return _Said()
    return _Said(*(text if isinstance(text, str) else None for text in told))
