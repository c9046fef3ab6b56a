"""`drsn-agent clean`: removes what an agent that is gone, or has another name now, has left at the broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from drsn.agent.mqtt.connect_error import CONNECT_S
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.sensor_id import legal_sensor
from drsn.agent.settings.broker_options import broker_of, prefix_of
from drsn.agent.tools.operator.client import Client
from drsn.agent.tools.operator.table import LIVE
from drsn.model.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    import argparse

    from drsn.agent.mqtt.broker_address import BrokerAddress

ANSWER_S: Final = 5.0
SIGN_OF_LIFE_S: Final = 25.0
"""An agent whose retained status is `online` is gone if it answers no command and publishes nothing for this time: two
and a half intervals of the health document."""

NAMED: Final = 3
"""Topics that an error names."""


class Remains:
    """The retained documents of one agent.

    Args:
        arguments: of the command.
        answer_s: wait for the answer of an agent whose retained status is `online`.
        sign_of_life_s: then wait for something that it publishes.

    Raises:
        UsageError: no agent can have this id.
        UnavailableError: no connection.
    """

    def __init__(
        self, arguments: argparse.Namespace, answer_s: float = ANSWER_S, sign_of_life_s: float = SIGN_OF_LIFE_S
    ) -> None:
        self.agent: str = arguments.agent
        if not legal_sensor(self.agent):
            raise UsageError(f"--agent {self.agent[:64]!r}: no agent has such an id")
        self._broker: BrokerAddress = broker_of(arguments)
        self.prefix = prefix_of(arguments)
        self.online = False
        """The agent works: it answers, or publishes."""
        self.states: dict[str, str] = {}
        """Topic -> state of the document, empty where it has none."""
        self._waits_s = answer_s, sign_of_life_s
        self._read()

    def remove(self) -> None:
        """Remove every document, and the session with packets that wait for the agent.

        Raises:
            UnavailableError: the broker has not removed all of them.
        """
        with self._client() as client:
            client.remove(tuple(self.states), CONNECT_S)
        before, self.states = self.states, {}
        self._read(tuple(before))
        if self.states:
            named = ", ".join(list(self.states)[:NAMED])
            raise UnavailableError(
                f"{len(self.states)} of {len(before)} documents are still there ({named}): the account may lack the "
                "right to publish on these topics"
            )
        self._end_session()

    def _read(self, topics: tuple[str, ...] = ()) -> None:
        with self._client(topics) as client:
            retained, below = client.retained, f"{self.prefix}/_agent/{self.agent}/"
            status = retained.statuses.get(self.agent, {}).get("state", "")
            self.online = status in LIVE and _is_alive(client, self.agent, *self._waits_s)
        for sensor, alarm in sorted(retained.alarms.items()):
            if alarm["agent"] == self.agent:
                self.states[f"{self.prefix}/{sensor}/alarm"] = str(alarm.get("state", ""))
        for topic in sorted(retained.topics):
            if topic.startswith(below):
                self.states[topic] = status if topic == f"{below}status" else ""

    def _client(self, topics: tuple[str, ...] = ()) -> Client:
        return Client(self._broker, self.prefix, agent=self.agent, topics=topics)

    def _end_session(self) -> None:
        """Connect once under the client id of the packets, without a session: the broker drops what waits there."""
        options = ConnectionOptions(name="clean", client_id=f"drsn-{self.agent}-ingest", persistent=False)
        connection = Connection(self._broker, options)
        connection.start()
        deadline_s = time.monotonic() + CONNECT_S
        while not connection.connected and time.monotonic() < deadline_s:
            time.sleep(0.02)
        connection.stop()


def _is_alive(client: Client, agent: str, answer_s: float, sign_of_life_s: float) -> bool:
    """Whether an agent whose retained status is `online` works."""
    try:
        next(client.call(agent, "events", {"sensor": "_", "by": "clean"}, answer_s))
    except UnavailableError:
        return client.sign_of_life(agent, sign_of_life_s)
    return True
