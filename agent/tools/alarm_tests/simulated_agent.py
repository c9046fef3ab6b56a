"""The agent of a case: its alarm engine, commands and journal, with a clock that the steps move on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.acquisition.reading import Reading
from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.severity import severities_of
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import Topics
from drsn.agent.rpc.context import CommandContext
from drsn.agent.rpc.dispatcher import CommandDispatcher
from drsn.agent.schema.render import Identity, Renderer
from drsn.agent.service.committer import changed_states
from drsn.agent.settings.policies import ignored_faults, policy_of
from drsn.agent.storage.journal import Journal
from drsn.agent.tools.alarm_tests.case_errors import field_error
from drsn.agent.tools.alarm_tests.recording import frames_of, pipeline_of, recording_of
from drsn.agent.tools.alarm_tests.simulated_clock import NS, SimulatedClock
from drsn.agent.tools.alarm_tests.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.schema.documents import AlarmDocument, EventDocument, ReplyDocument
    from drsn.agent.service.pipeline import Pipeline
    from drsn.agent.tools.alarm_tests.case_setup import CaseSetup
    from drsn.agent.tools.alarm_tests.scripted_windows import WindowRun
    from drsn.agent.tools.alarm_tests.steps import PlayRecording

TICK_NS = NS // 2
"""The agent's loop wakes at least as often (drsn.agent.service.loop)."""

REFUSED_FAULTS = ("non_finite",)
"""Sensor faults for which the agent refuses the packet, so that there is no window."""

EPOCH = "case"
PREFIX = "drsn/v1"


class SimulatedAgent:
    """One agent, from its first start on. Close it.

    Args:
        setup: the settings and the model.
        folder: for its journal.
    """

    def __init__(self, setup: CaseSetup, folder: Path) -> None:
        self.clock, self.timeline = SimulatedClock(), Timeline()
        self._setup, self._folder = setup, folder
        self._interpret = Interpreter(setup.contract)
        self._ignored_faults = ignored_faults(setup.settings)
        self._uncommitted: tuple[list[Outcome], list[EventDocument]] = [], []
        self._pipeline: Pipeline | None = None  # made with the first recording; it loads the network
        self._start()

    def close(self) -> None:
        """Close the journal."""
        self._context.journal.close()

    def wait(self, duration_ns: int, *, connected: bool = True) -> None:
        """Let time pass, as in the agent's loop; `connected`: to the broker."""
        clock, end_ns = self.clock, self.clock.now_ns + duration_ns
        while clock.now_ns < end_ns:
            clock.now_ns = min(end_ns, clock.now_ns + TICK_NS)
            self._note(self._context.engine.tick(clock.now_s, clock.wall_ns, connected=connected))

    def set_clock(self, by_ns: int) -> None:
        """Set the agent's wall clock."""
        self.clock.offset_ns += by_ns
        self.wait(1)

    def restart(self, down_ns: int, clock_ns: int) -> None:
        """Stop, and start again with the journal's state; the wall clock is set by `clock_ns` meanwhile."""
        self._commit()
        self._context.journal.close()
        self._pipeline = None
        self.clock.now_ns += down_ns
        self.clock.offset_ns += clock_ns
        self._start()

    def window(
        self, sensor: str, run: WindowRun, row: NDArray[np.float32], *, rms: float, rpm: float | None, fresh: bool
    ) -> None:
        """Feed one window, one hop after what came before.

        Args:
            sensor: its id.
            run: the run that the window belongs to.
            row: probability of each label, float32[labels].
            rms: in g.
            rpm: from its packet.
            fresh: samples were lost before it.
        """
        self.wait(self._setup.hop_ns)
        if run.fault in REFUSED_FAULTS:
            refused = self._context.engine.refuse(sensor, run.fault, self.clock.wall_ns)
            self._note([] if refused is None else [refused])
            return
        reading = Reading(
            sensor=sensor,
            end_unix_ns=self.clock.true_ns,
            duration_ns=self._setup.window_ns,
            advance_ns=self._setup.hop_ns,
            fresh=fresh,
            rms=rms,
            peak=3 * rms,
            unit="g",
            clock_synced=True,
            rpm=rpm,
            fault=None if run.fault in self._ignored_faults(sensor) else run.fault,
        )
        outputs = Outputs(row[None], np.array([run.novelty], np.float32), None)
        self._feed(self._interpret([reading], outputs)[0])

    def play(self, step: PlayRecording, folder: Path, sensor: str) -> None:
        """Play a recording to its end.

        Raises:
            ConfigurationError: its packets are refused.
            DrsnError: it can't be read.
        """
        recording = recording_of(step, folder)
        if self._pipeline is None:
            self._pipeline = pipeline_of(
                self._setup, self._context.engine, self._cursors, lambda batch: [self.clock.wall_ns] * batch.size
            )
        start_ns = self.clock.now_ns
        for frame in frames_of(step, recording, sensor, self._setup, self.clock.true_ns):
            self.wait(start_ns + round(frame.due_s * NS) - self.clock.now_ns)
            packet = InFlight(Message(frame.topic, frame.payload, 1, False, frame.due_s, self.clock.wall_ns))
            try:
                decisions = [*self._pipeline.process(packet), *self._pipeline.flush()]
            except PacketError as error:
                raise field_error("recording", f"its packets are refused, {error}") from None
            self._note([outcome for each in decisions for _, outcome in each.outcomes])
            self._cursors.update(packet.cursors)

    def command(self, verb: str, payload: bytes, *, retained: bool) -> str | None:
        """Execute a command; return why it was refused, None if it was not."""
        self._commit()  # a command finds the events before it in the journal
        topic = self._context.topics.command(verb)
        self._dispatcher.put(Message(topic, payload, 1, retained, self.clock.now_s, self.clock.wall_ns))
        answer = self._dispatcher.next(self.clock.wall_ns)
        assert answer is not None, "it was put there just now"
        self._note(answer.outcomes)
        self._commit([answer.reply] if answer.reply and answer.kept else [])
        return "no client to answer" if answer.reply is None else answer.reply.reason

    def alarm(self, sensor: str) -> AlarmDocument | None:
        """Return the retained alarm; None: the agent has had no window of this sensor."""
        state = self._context.engine.sensors.get(sensor)
        return None if state is None else self._context.renderer.alarm(sensor, state)

    def event_id(self, sensor: str, seq: int) -> str:
        """Return the id that the agent gives to an event."""
        return self._context.renderer.event_id(sensor, seq)

    def _start(self) -> None:
        setup, journal = self._setup, Journal(self._folder)
        stored, agent = journal.load(), setup.settings.agent.id
        self._cursors = dict(stored.cursors)
        policy = policy_of(setup.settings, setup.contract)
        renderer = Renderer(Identity(agent, EPOCH, setup.reference), severities_of(setup.contract))
        engine = AlarmEngine(setup.contract, setup.reference.sha256, policy, stored.sensors)
        self._context = CommandContext(engine, renderer, journal, Topics(PREFIX, agent))
        self._dispatcher = CommandDispatcher(self._context)
        self._note(engine.tick(self.clock.now_s, self.clock.wall_ns, connected=True))

    def _feed(self, diagnosis: Diagnosis) -> None:
        self._note([self._context.engine.feed(diagnosis, self.clock.wall_ns)])

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        noted, events = self._uncommitted
        for outcome in outcomes:
            noted.append(outcome)
            rendered = [self._context.renderer.event(outcome.name, change) for change in outcome.changes]
            events += rendered
            for event in rendered:
                self.timeline.add(self.clock.now_s, event)

    def _commit(self, replies: Sequence[ReplyDocument] = ()) -> None:
        """Commit many windows at once: only a restart and commands depend on what is stored."""
        outcomes, events = self._uncommitted
        states, counters = changed_states(self._context.engine, outcomes)
        self._context.journal.commit(states, self._cursors, events, replies, counters)
        self._uncommitted = [], []
