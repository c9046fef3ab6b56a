"""The agent's name at the broker: asked for, taken when it is free, given up when another one has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.service.agent_id_lease import Admission


class Name:
    """Held by the two connections that bear it.

    Args:
        agent: the id.
        admission: who may have it.
        probe: what admission hears comes by it.
        bearers: they start when it is free: their client ids are made of it.
        remember: called just before they start, and when another one has it: what stands at the broker is then not of
            our own past, even if our directory, a copy of the other one's, says so.
    """

    def __init__(
        self,
        agent: str,
        admission: Admission,
        probe: Transport,
        bearers: tuple[Transport, ...],
        remember: Callable[[], None],
    ) -> None:
        self.held = True
        """Not since `ask`, until it is free."""
        self._agent, self._admission, self._probe, self._bearers = agent, admission, probe, bearers
        self._remember = remember

    def ask(self) -> None:
        """Begin to look whether it is free; returns at once."""
        self.held = False
        self._probe.start()

    def keep(self, now_s: float) -> None:
        """Connect once nobody else has it, and end if somebody takes it: two would throw each other out for ever.

        Raises:
            ConfigurationError: another agent has it.
            UnavailableError: another client takes it, or an agent that has been there longer is back. Who that was is
                asked at the next start: another agent of this name stops us for good, a stranger does not.
        """
        if not self.held and self._free(now_s):
            self.held = True
            self._remember()
            for bearer in self._bearers:
                bearer.start()
        if self.held:
            self._admission.defend()
        if any(bearer.taken_over for bearer in self._bearers):
            raise UnavailableError(f"agent.id {self._agent!r}: another client takes its connection again and again")

    def _free(self, now_s: float) -> bool:
        try:
            return self._admission.free(self._probe, now_s)
        except ConfigurationError:
            self._remember()
            raise

    def belied(self, now_s: float) -> bool:
        """Whether the status has to be said once more, for something at the broker says that we are gone."""
        return self.held and self._admission.belied(now_s)

    @property
    def alive(self) -> bool:
        """Whether something still works at keeping those connected that are to be."""
        return all(each.alive for each in (self._bearers if self.held else (self._probe,)))

    @property
    def lost(self) -> bool:
        """To another agent, which says how it is: we must not."""
        return self._admission.yielded
