"""The agent of a case from one start to the next stop: alarm engine, commands, journal, and a pipeline for packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.severity import severities_of
from drsn.agent.mqtt.topics import Topics
from drsn.agent.rpc.context import CommandContext
from drsn.agent.rpc.dispatcher import CommandDispatcher
from drsn.agent.schema.render import Identity, Renderer
from drsn.agent.settings.policies import policy_of
from drsn.agent.storage.journal import Journal
from drsn.agent.tools.alarm_tests.case_errors import field_error
from drsn.agent.tools.alarm_tests.recording import pipeline_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.mqtt.message import Message
    from drsn.agent.schema.documents import EventDocument, ReplyDocument
    from drsn.agent.service.clock import Clock
    from drsn.agent.service.pipeline import Pipeline
    from drsn.agent.tools.alarm_tests.case_setup import CaseSetup

EPOCH = "case"
PREFIX = "drsn/v1"


class AgentRun:
    """One run of the agent. Close it.

    Args:
        setup: the settings and the model.
        folder: for the journal; the run starts with the state that it holds.
        clock: the agent's clocks.
    """

    def __init__(self, setup: CaseSetup, folder: Path, clock: Clock) -> None:
        self._setup, self._clock = setup, clock
        self._journal = Journal(folder)
        stored = self._journal.load()
        self._cursors = dict(stored.cursors)
        self._uncommitted: tuple[dict[str, SensorState], list[EventDocument]] = {}, []
        self._pipeline: Pipeline | None = None  # made with the first packet; it loads the network
        agent, contract = setup.settings.agent.id, setup.contract
        self._topics = Topics(PREFIX, agent)
        self.renderer = Renderer(Identity(agent, EPOCH, setup.reference), severities_of(contract))
        policy = policy_of(setup.settings, contract)
        self.engine = AlarmEngine(contract, setup.reference.sha256, policy, stored.sensors)
        context = CommandContext(self.engine, self.renderer, self._journal, self._topics)
        self._dispatcher = CommandDispatcher(context)

    def command_topic(self, verb: str) -> str:
        """Return the topic of a command."""
        return self._topics.command(verb)

    def command(self, message: Message) -> tuple[list[EventDocument], str | None]:
        """Execute and commit a command; return its events, and why it was refused (None: it was not)."""
        self._dispatcher.put(message)
        answer = self._dispatcher.next(message.received_unix_ns)
        assert answer is not None, "it was put there just now"
        events = self.rendered(answer.outcomes)
        self.commit([answer.reply] if answer.reply and answer.kept else [])
        return events, "nobody to answer" if answer.reply is None else answer.reply.reason

    def packet(self, message: Message) -> list[EventDocument]:
        """Feed a packet to the agent's pipeline; return its events.

        Raises:
            ConfigurationError: the packet is refused.
        """
        if self._pipeline is None:
            self._pipeline = pipeline_of(self._setup, self.engine, self._cursors, self._clock)
        packet = InFlight(message)
        try:
            outcomes = [*self._pipeline.process(packet), *self._pipeline.flush()]
        except PacketError as error:
            raise field_error("recording", f"its packets are refused, {error}") from None
        self._cursors.update(packet.cursors)
        return self.rendered(outcomes)

    def rendered(self, outcomes: Iterable[Outcome]) -> list[EventDocument]:
        """Return the events of outcomes; they and the states wait for the next commit."""
        states, waiting = self._uncommitted
        events = []
        for outcome in outcomes:
            states[outcome.name] = outcome.sensor
            events += [self.renderer.event(outcome.name, change) for change in outcome.changes]
        waiting += events
        return events

    def commit(self, replies: Sequence[ReplyDocument] = ()) -> None:
        """Commit many windows at once: only a restart and commands depend on what is stored."""
        states, events = self._uncommitted
        self._journal.commit(states, self._cursors, events, replies)
        self._uncommitted = {}, []

    def close(self) -> None:
        """Close the journal; what is not committed is lost."""
        self._journal.close()
