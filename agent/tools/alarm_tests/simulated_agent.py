"""The agent of a case: its core with a store in a folder, and time as the case wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.severity import severities_of
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import Topics
from drsn.agent.rpc.dispatcher import CommandDispatcher
from drsn.agent.schema.render import Identity, Renderer
from drsn.agent.settings.policies import ignored_faults, policy_of
from drsn.agent.storage.journal import Journal
from drsn.agent.tools.alarm_tests.expectation import Happened
from drsn.agent.tools.alarm_tests.recording import Listener, recording_of
from drsn.agent.tools.alarm_tests.scripted_windows import diagnosis_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.schema.documents import AlarmDocument, EventDocument, ReplyDocument
    from drsn.agent.tools.alarm_tests.scripted_windows import Said
    from drsn.agent.tools.alarm_tests.steps import Recorded
    from drsn.agent.tools.alarm_tests.subject import Subject

NS = 1_000_000_000
START_UNIX_NS = 1_767_225_600 * NS
"""2026-01-01T00:00:00Z."""

TICK_NS = NS // 2
"""The agent's loop turns at least as often (drsn.agent.service.loop)."""

REFUSED_FAULTS = ("non_finite",)
"""Of the sensor: such a packet is refused, so that it makes no window."""

EPOCH = "case"
PREFIX = "drsn/v1"


class SimulatedAgent:
    """One agent, from its first start on; `folder` holds its store. Close it."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        self.now_ns = 0
        """Since the case began; monotonic."""
        self.happened: list[Happened] = []
        self._set_ns = 0  # how far the wall clock was set away from the true time
        self._subject, self._folder = subject, folder
        self._interpret = Interpreter(subject.contract)
        self._ignored = ignored_faults(subject.settings)
        self._states: dict[str, SensorState] = {}  # not committed yet
        self._events: list[EventDocument] = []
        self._last: dict[tuple[str, str], EventDocument] = {}
        self._listener: Listener | None = None
        self._start()

    @property
    def true_ns(self) -> int:
        """What the sensors' clocks say, in ns since 1970."""
        return START_UNIX_NS + self.now_ns

    @property
    def wall_ns(self) -> int:
        """What the agent's clock says, in ns since 1970."""
        return self.true_ns + self._set_ns

    def close(self) -> None:
        """Let the store go."""
        self._store.close()

    def wait(self, duration_ns: int, *, listening: bool = True) -> None:
        """Let time pass, as the agent's loop does."""
        end_ns = self.now_ns + duration_ns
        while self.now_ns < end_ns:
            self.now_ns = min(end_ns, self.now_ns + TICK_NS)
            self._note(self._pipeline.listen(self.now_ns / NS, self.wall_ns, listening=listening))

    def set_clock(self, by_ns: int) -> None:
        """Set the agent's wall clock."""
        self._set_ns += by_ns
        self.wait(1)

    def restart(self, down_ns: int, set_ns: int) -> None:
        """End, and start again with what is stored; the wall clock is set by `set_ns` meanwhile."""
        self._commit()
        self._store.close()
        self._listener = None
        self.now_ns += down_ns
        self._set_ns += set_ns
        self._start()

    def window(
        self, sensor: str, said: Said, row: NDArray[np.float32], *, rms: float, rpm: float | None, fresh: bool
    ) -> None:
        """A window of this sensor comes, as long after what came before as one takes.

        Args:
            sensor: its id.
            said: of the run that it belongs to.
            row: P of each label, float32[labels].
            rms: in g.
            rpm: as its packet says.
            fresh: samples were lost before it.
        """
        self.wait(self._subject.hop_ns)
        if said.fault in REFUSED_FAULTS:
            refused = self._pipeline.refuse(sensor, said.fault, self.wall_ns)
            self._note([] if refused is None else [refused])
            return
        reading = Reading(
            sensor=sensor,
            end_unix_ns=self.true_ns,
            duration_ns=self._subject.window_ns,
            advance_ns=self._subject.hop_ns,
            fresh=fresh,
            rms=rms,
            peak=3 * rms,
            unit="g",
            clock_synced=True,
            rpm=rpm,
            fault=None if said.fault in self._ignored(sensor) else said.fault,
        )
        self._feed(diagnosis_of(said, reading, self._interpret, row))

    def play(self, step: Recorded, folder: Path, sensor: str) -> None:
        """Play a recording to its end.

        Raises:
            FieldError: its packets are refused.
            DrsnError: it can't be read.
        """
        recording = recording_of(step, folder)
        if self._listener is None:
            self._listener = Listener(self._subject, self._cursors)
        start_ns = self.now_ns
        for frame in self._listener.frames(step, recording, sensor, self.true_ns):
            self.wait(start_ns + round(frame.due_s * NS) - self.now_ns)
            for diagnosis in self._listener.hear(frame, self.wall_ns):
                self._feed(diagnosis)

    def command(self, verb: str, payload: bytes, *, retained: bool) -> str | None:
        """Have a command done; why it was refused, None: it was not."""
        topic = self._topics.command(verb)
        self._desk.put(Message(topic, payload, 1, retained, self.now_ns / NS, self.wall_ns))
        answer = self._desk.next(self.wall_ns)
        assert answer is not None, "it was put there just now"
        self._note(answer.outcomes)
        self._commit([answer.reply] if answer.reply and answer.kept else [])
        return "nobody to answer" if answer.reply is None else answer.reply.reason

    def alarm(self, sensor: str) -> AlarmDocument | None:
        """As it is retained; None: nothing is known of this sensor."""
        state = self._pipeline.sensors.get(sensor)
        return None if state is None else self._renderer.alarm(sensor, state)

    def last_seq(self, sensor: str, condition: str | None) -> int:
        """Of the last event of a condition; 0: there was none."""
        event = self._last.get((sensor, condition or ""))
        return 0 if event is None else event.seq

    def event_id(self, sensor: str, seq: int) -> str:
        """As the agent names an event."""
        return self._renderer.event_id(sensor, seq)

    def _start(self) -> None:
        subject = self._subject
        self._store = Journal(self._folder)
        remembered = self._store.load()
        self._cursors = remembered.cursors
        who = subject.settings.agent.id
        self._topics = Topics(PREFIX, who)
        self._renderer = Renderer(Identity(who, EPOCH, subject.reference), severities_of(subject.contract))
        policy = policy_of(subject.settings, subject.contract)
        self._pipeline = AlarmEngine(subject.contract, subject.reference.sha256, policy, remembered.sensors)
        self._desk = CommandDispatcher(self._pipeline, self._renderer, self._store, self._topics)
        self._note(self._pipeline.listen(self.now_ns / NS, self.wall_ns, listening=True))

    def _feed(self, diagnosis: Diagnosis) -> None:
        self._note([self._pipeline.feed(diagnosis, self.wall_ns)])

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._states[outcome.name] = outcome.sensor
            events = [self._renderer.event(outcome.name, change) for change in outcome.changes]
            self._events += events
            self.happened += [Happened(self.now_ns / NS, event, self._changed(event)) for event in events]

    def _changed(self, event: EventDocument) -> tuple[str, ...]:
        before = self._last.get((event.sensor, event.condition))
        self._last[event.sensor, event.condition] = event
        flags = ("latched", "suppressed_by")
        return tuple(name for name in flags if before is not None and getattr(before, name) != getattr(event, name))

    def _commit(self, replies: Sequence[ReplyDocument] = ()) -> None:
        """Once for many windows: what is on disk matters to a restart and to commands alone."""
        cursors = {} if self._listener is None else self._listener.cursors
        self._store.commit(self._states, cursors, self._events, replies)
        self._states, self._events = {}, []
