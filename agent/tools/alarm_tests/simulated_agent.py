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
from drsn.agent.settings.policies import ignored_faults, policy_of
from drsn.agent.storage.journal import Journal
from drsn.agent.tools.alarm_tests.case_errors import field_error
from drsn.agent.tools.alarm_tests.expectation import TimedEvent
from drsn.agent.tools.alarm_tests.recording import frames_of, pipeline_of, recording_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.schema.documents import AlarmDocument, EventDocument, ReplyDocument
    from drsn.agent.service.pipeline import Pipeline
    from drsn.agent.tools.alarm_tests.case_setup import CaseSetup
    from drsn.agent.tools.alarm_tests.scripted_windows import WindowRun
    from drsn.agent.tools.alarm_tests.steps import PlayRecording

NS = 1_000_000_000
START_UNIX_NS = 1_767_225_600 * NS
"""2026-01-01T00:00:00Z."""

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
        self.now_ns = 0
        """Monotonic time since the case began."""
        self.events: list[TimedEvent] = []
        self._clock_offset_ns = 0  # of the agent's wall clock from the true time
        self._setup, self._folder = setup, folder
        self._interpret = Interpreter(setup.contract)
        self._ignored_faults = ignored_faults(setup.settings)
        self._uncommitted: tuple[dict[str, SensorState], list[EventDocument]] = {}, []
        self._last_event: dict[tuple[str, str], EventDocument] = {}
        self._pipeline: Pipeline | None = None  # made with the first recording; it loads the network
        self._start()

    @property
    def true_ns(self) -> int:
        """The time of the sensors' clocks, in ns since 1970."""
        return START_UNIX_NS + self.now_ns

    @property
    def wall_ns(self) -> int:
        """The time of the agent's wall clock, in ns since 1970."""
        return self.true_ns + self._clock_offset_ns

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def wait(self, duration_ns: int, *, connected: bool = True) -> None:
        """Let time pass, as in the agent's loop; `connected`: to the broker."""
        end_ns = self.now_ns + duration_ns
        while self.now_ns < end_ns:
            self.now_ns = min(end_ns, self.now_ns + TICK_NS)
            self._note(self._engine.tick(self.now_ns / NS, self.wall_ns, connected=connected))

    def set_clock(self, by_ns: int) -> None:
        """Set the agent's wall clock."""
        self._clock_offset_ns += by_ns
        self.wait(1)

    def restart(self, down_ns: int, clock_ns: int) -> None:
        """Stop, and start again with the journal's state; the wall clock is set by `clock_ns` meanwhile."""
        self._commit()
        self._journal.close()
        self._pipeline = None
        self.now_ns += down_ns
        self._clock_offset_ns += clock_ns
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
            refused = self._engine.refuse(sensor, run.fault, self.wall_ns)
            self._note([] if refused is None else [refused])
            return
        reading = Reading(
            sensor=sensor,
            end_unix_ns=self.true_ns,
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
            self._pipeline = pipeline_of(self._setup, self._engine, self._cursors, lambda _diagnosis: self.wall_ns)
        start_ns = self.now_ns
        for frame in frames_of(step, recording, sensor, self._setup, self.true_ns):
            self.wait(start_ns + round(frame.due_s * NS) - self.now_ns)
            packet = InFlight(Message(frame.topic, frame.payload, 1, False, frame.due_s, self.wall_ns))
            try:
                self._note([*self._pipeline.process(packet), *self._pipeline.flush()])
            except PacketError as error:
                raise field_error("recording", f"its packets are refused, {error}") from None
            self._cursors.update(packet.cursors)

    def command(self, verb: str, payload: bytes, *, retained: bool) -> str | None:
        """Execute a command; return why it was refused, None if it was not."""
        topic = self._topics.command(verb)
        self._dispatcher.put(Message(topic, payload, 1, retained, self.now_ns / NS, self.wall_ns))
        answer = self._dispatcher.next(self.wall_ns)
        assert answer is not None, "it was put there just now"
        self._note(answer.outcomes)
        self._commit([answer.reply] if answer.reply and answer.kept else [])
        return "nobody to answer" if answer.reply is None else answer.reply.reason

    def alarm(self, sensor: str) -> AlarmDocument | None:
        """Return the retained alarm; None: the agent has had no window of this sensor."""
        state = self._engine.sensors.get(sensor)
        return None if state is None else self._renderer.alarm(sensor, state)

    def last_seq(self, sensor: str, condition: str | None) -> int:
        """Return `seq` of the last event of a condition; 0: there was none."""
        event = self._last_event.get((sensor, condition or ""))
        return 0 if event is None else event.seq

    def event_id(self, sensor: str, seq: int) -> str:
        """Return the id that the agent gives to an event."""
        return self._renderer.event_id(sensor, seq)

    def _start(self) -> None:
        setup = self._setup
        self._journal = Journal(self._folder)
        stored = self._journal.load()
        self._cursors = dict(stored.cursors)
        agent = setup.settings.agent.id
        self._topics = Topics(PREFIX, agent)
        policy = policy_of(setup.settings, setup.contract)
        self._renderer = Renderer(Identity(agent, EPOCH, setup.reference), severities_of(setup.contract))
        self._engine = AlarmEngine(setup.contract, setup.reference.sha256, policy, stored.sensors)
        self._dispatcher = CommandDispatcher(CommandContext(self._engine, self._renderer, self._journal, self._topics))
        self._note(self._engine.tick(self.now_ns / NS, self.wall_ns, connected=True))

    def _feed(self, diagnosis: Diagnosis) -> None:
        self._note([self._engine.feed(diagnosis, self.wall_ns)])

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        states, events = self._uncommitted
        for outcome in outcomes:
            states[outcome.name] = outcome.sensor
            rendered = [self._renderer.event(outcome.name, change) for change in outcome.changes]
            events += rendered
            self.events += [TimedEvent(self.now_ns / NS, event, self._changed(event)) for event in rendered]

    def _changed(self, event: EventDocument) -> tuple[str, ...]:
        before = self._last_event.get((event.sensor, event.condition))
        self._last_event[event.sensor, event.condition] = event
        flags = ("latched", "suppressed_by")
        return tuple(name for name in flags if before is not None and getattr(before, name) != getattr(event, name))

    def _commit(self, replies: Sequence[ReplyDocument] = ()) -> None:
        """Commit many windows at once: only a restart and commands depend on what is stored."""
        states, events = self._uncommitted
        self._journal.commit(states, self._cursors, events, replies)
        self._uncommitted = {}, []
