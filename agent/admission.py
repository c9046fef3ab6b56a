"""Before an agent takes its name at the broker: does another one carry it? Then the second does not start.

A broker lets the second connection of a client id throw out the first (MQTT 5, 3.1.4-3), and two agents of one name
would do that to each other for ever. So a probe with a name of its own looks first at the agent's retained status.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from typing import TYPE_CHECKING

from drsn.agent.logs import fields
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.agent.message import Message
    from drsn.agent.ports import Transport

QUIET_S = 0.5
"""The broker sends what it retains at once; after a pause this long there is nothing."""

LEAST_PATIENCE_S = 25.0

WATCHING = ("online", "degraded")

log = logging.getLogger(__name__)


class Admission:
    """Asked in each turn of the loop whether the agent may connect.

    A retained `online` proves little: the broker may have missed the end of an agent whose machine was replaced. A
    message that comes while nobody of this name should be there is proof. `connection` is given by `probe`.

    Args:
        agent: the id.
        epoch: of our store; a status of the same epoch is our own, of before.
        health_every_s: as the other one is likely to have it: it is waited for two and a half times.
    """

    def __init__(self, agent: str, epoch: str, health_every_s: float) -> None:
        self._agent, self._epoch = agent, epoch
        self._patience_s = max(LEAST_PATIENCE_S, 2.5 * health_every_s)
        self._heard: deque[Message] = deque()
        self._connected = 0  # epoch of the connection that is listened to
        self._since_s = 0.0
        self._rival = False

    def put(self, message: Message) -> None:
        """A message has come; called by the network's thread."""
        if len(self._heard) < 64:
            self._heard.append(message)
        message.ack()

    def free(self, probe: Transport, now_s: float) -> bool:
        """Whether the name is free, as far as the broker's word goes.

        Raises:
            ConfigurationError: another agent lives by it.
        """
        if not probe.connected:
            return False
        if probe.epoch != self._connected:
            self._connected, self._since_s, self._rival = probe.epoch, now_s, False
        while self._heard:
            self._hear(self._heard.popleft())
        if not self._rival:
            return now_s - self._since_s >= QUIET_S
        if now_s - self._since_s < self._patience_s:
            return False
        log.warning("a status of another agent of this name stands, but nothing comes from it: taking its place",
                    extra=fields(agent=self._agent))  # fmt: skip
        return True

    def _hear(self, message: Message) -> None:
        state, epoch = _said(message)
        if not message.retained and state != "offline":
            raise ConfigurationError(taken(self._agent))
        if state is not None:
            self._rival = message.retained and state in WATCHING and epoch != self._epoch


def taken(agent: str) -> str:
    """What an agent says that finds another of its name."""
    return f"agent.id {agent!r}: another agent of this name is connected to the broker; give each its own agent.id"


def _said(message: Message) -> tuple[str | None, str | None]:
    """State and epoch of a status; None of a health document, or of what nobody understands."""
    try:
        document = json.loads(message.payload)
        return document.get("state"), document.get("epoch")
    except (ValueError, AttributeError, RecursionError):
        return None, None
