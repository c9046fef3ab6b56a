"""The lease on the agent.id: the agent connects only while no other agent uses its id at the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from drsn.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.service.lease_acquisition import LeaseAcquisition
    from drsn.agent.service.lease_defence import LeaseDefence


class Preparation(Protocol):
    """What is done before the agent connects, with what the probe connection reads."""

    def complete(self, now_s: float) -> bool:
        """Return whether all has been read; `now_s` is monotonic."""

    def adopt(self) -> None:
        """Do it."""


class AgentIdLease:
    """Requested, then held by the two connections whose client ids are made of the agent.id.

    Args:
        agent: the agent.id.
        acquisition: before: whether the id is free.
        defence: afterwards: whether another agent uses it too.
        probe: the connection that brings the status documents of this id.
        connections: started as soon as the id is free.
        remember: writes down that this run takes the id. Called just before the connections start, and when another
            agent has the id: the status at the broker is then not of our own past, even if our state directory, a copy
            of the other agent's, suggests it.
    """

    def __init__(
        self,
        agent: str,
        acquisition: LeaseAcquisition,
        defence: LeaseDefence,
        probe: Transport,
        connections: tuple[Transport, ...],
        remember: Callable[[], None],
    ) -> None:
        self.held = True
        """False from `request` until the id is free."""
        self.preparation: Preparation | None = None
        """None: nothing is done before the agent connects."""
        self._agent, self._acquisition, self._defence = agent, acquisition, defence
        self._probe, self._connections, self._remember = probe, connections, remember

    def request(self) -> None:
        """Begin to look whether the id is free; returns at once."""
        self.held = False
        self._probe.start()

    def tend(self, now_s: float) -> None:
        """Connect once the id is free; end if another agent or client takes it.

        Raises:
            ConfigurationError: another agent has the id.
            UnavailableError: another client takes our connections again and again, or an agent that has held the id
                for longer is back. The next start finds out which: another agent with this id is an error of the
                configuration, another client is not.
        """
        if not self.held and self._is_ready(now_s):
            self.held = True
            self._remember()
            if self.preparation is not None:
                self.preparation.adopt()
            for connection in self._connections:
                connection.start()
        if self.held:
            self._defence.defend()
        if any(connection.taken_over for connection in self._connections):
            raise UnavailableError(
                f"agent.id {self._agent!r}: another MQTT client repeatedly takes over its connection; "
                "give each client its own id"
            )

    def contradict(self, now_s: float) -> bool:
        """Return whether our status must go out again because the broker's is wrong."""
        return self.held and self._defence.contradict(now_s)

    @property
    def alive(self) -> bool:
        """The threads that keep the connections up are running."""
        return all(each.alive for each in (self._connections if self.held else (self._probe,)))

    @property
    def lost(self) -> bool:
        """Another agent holds the id and publishes its own status; ours must not replace it."""
        return self._defence.lost

    def _is_ready(self, now_s: float) -> bool:
        complete = self.preparation is None or self.preparation.complete(now_s)
        return self._free(now_s) and complete

    def _free(self, now_s: float) -> bool:
        try:
            return self._acquisition.free(self._probe, now_s)
        except ConfigurationError:
            self._remember()
            raise
