"""Listens to a broker for some seconds, and keeps a bounded number of messages of each topic."""

from __future__ import annotations

import os
import queue
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.tools.init.rate_estimate import Arrivals
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.mqtt.message import Message

CONNECT_S: Final = 10.0
STEP_S: Final = 0.25
MAX_OF_TOPIC: Final = 100
MAX_TOPICS: Final = 2000
MAX_KEPT_BYTES: Final = 64 << 20
BUSY_PER_S: Final = 1000
"""Messages a second from which a broker is busy, so that a narrower topic spares it."""


@dataclass
class Traffic:
    """What came."""

    messages: list[Message] = field(default_factory=list)
    """That are kept, in the order of their receipt; none is retained."""
    arrivals: dict[str, Arrivals] = field(default_factory=dict)
    """Topic -> all its messages, kept or not."""
    retained: set[str] = field(default_factory=set)
    """Topics of retained messages: they are old, and no agent reads them."""
    kept_bytes: int = 0
    seconds: float = 0.0
    denied: tuple[str, ...] = ()
    """Filters that the broker refused."""

    @property
    def count(self) -> int:
        """Messages of all topics."""
        return sum(each.count for each in self.arrivals.values())

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.count / self.seconds if self.seconds else 0.0

    def add(self, message: Message) -> None:
        """Count a message, and keep it while there is room for its topic."""
        if message.retained:
            self.retained.add(message.topic)
            return
        arrivals = self.arrivals.get(message.topic)
        if arrivals is not None:
            arrivals.add(message.received_s)
        elif len(self.arrivals) < MAX_TOPICS:
            arrivals = self.arrivals[message.topic] = Arrivals(message.received_s, message.received_s)
        if arrivals is not None and arrivals.count <= MAX_OF_TOPIC and self.kept_bytes < MAX_KEPT_BYTES:
            self.messages.append(message)
            self.kept_bytes += len(message.payload)


def listen(
    broker: BrokerAddress, topic: str, own_prefix: str, seconds: float, step: Callable[[Traffic], None]
) -> Traffic:
    """Return what came within some seconds.

    Args:
        broker: its address.
        topic: a filter, such as `#`.
        own_prefix: topics below it are the agents' own, and are left out.
        seconds: to listen.
        step: called a few times a second.

    Raises:
        UnavailableError: the broker does not let us in.
    """
    waiting: queue.SimpleQueue[Message] = queue.SimpleQueue()
    options = ConnectionOptions(name="init", client_id=f"drsn-init-{os.getpid()}", filters=(topic,))
    connection = Connection(broker, options, on_message=waiting.put)
    connection.start()
    traffic = Traffic()
    try:
        _await(connection, broker)
        started_s = time.monotonic()
        next_s = started_s + STEP_S
        while (now_s := time.monotonic()) < started_s + seconds:
            if now_s >= next_s:
                next_s += STEP_S
                traffic.seconds = now_s - started_s
                step(traffic)
            try:
                message = waiting.get(timeout=min(STEP_S, started_s + seconds - now_s))
            except queue.Empty:
                continue
            message.ack()
            if not message.topic.startswith(f"{own_prefix}/"):
                traffic.add(message)
        traffic.seconds, traffic.denied = time.monotonic() - started_s, connection.denied
    finally:
        connection.stop()
    return traffic


def _await(connection: Connection, broker: BrokerAddress) -> None:
    deadline_s = time.monotonic() + CONNECT_S
    while not connection.connected:
        if time.monotonic() > deadline_s:
            why = connection.last_error or "no answer"
            raise UnavailableError(
                f"broker {broker.host}:{broker.port}: {why}; look at the host, the port and the login in --broker"
            )
        time.sleep(0.02)
