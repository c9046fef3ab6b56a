"""The agent of a case over all its restarts, with a clock that the steps move on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.reading import Reading
from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.mqtt.message import Message
from drsn.agent.service.clock import Clock
from drsn.agent.settings.policies import ignored_faults
from drsn.agent.tools.alarm_tests.agent_run import AgentRun
from drsn.agent.tools.alarm_tests.expectation import TimedEvent
from drsn.agent.tools.alarm_tests.recording import frames_of, recording_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from drsn.agent.schema.documents import AlarmDocument, EventDocument
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

FLAGS = ("latched", "suppressed_by")


class CaseClock:
    """The clocks of a case: nothing sleeps."""

    def __init__(self) -> None:
        self.now_ns = 0
        """Monotonic time since the case began."""
        self.offset_ns = 0
        """Of the agent's wall clock from the true time."""

    @property
    def true_ns(self) -> int:
        """The time of the sensors' clocks, in ns since 1970."""
        return START_UNIX_NS + self.now_ns

    @property
    def wall_ns(self) -> int:
        """The time of the agent's wall clock, in ns since 1970."""
        return self.true_ns + self.offset_ns

    @property
    def now_s(self) -> float:
        """Monotonic time since the case began, in seconds."""
        return self.now_ns / NS


class SimulatedAgent:
    """One agent, from its first start on. Close it.

    Args:
        setup: the settings and the model.
        folder: for its journal.
    """

    def __init__(self, setup: CaseSetup, folder: Path) -> None:
        self.clock = CaseClock()
        self.events: list[TimedEvent] = []
        self._setup, self._folder = setup, folder
        self._interpret = Interpreter(setup.contract)
        self._ignored_faults = ignored_faults(setup.settings)
        self._last_event: dict[tuple[str, str], EventDocument] = {}
        self._run = self._started()
        self._tick(connected=True)

    def close(self) -> None:
        """Close the journal."""
        self._run.close()

    def wait(self, duration_ns: int, *, connected: bool = True) -> None:
        """Let time pass, as in the agent's loop; `connected`: to the broker."""
        end_ns = self.clock.now_ns + duration_ns
        while self.clock.now_ns < end_ns:
            self.clock.now_ns = min(end_ns, self.clock.now_ns + TICK_NS)
            self._tick(connected=connected)

    def set_clock(self, by_ns: int) -> None:
        """Set the agent's wall clock."""
        self.clock.offset_ns += by_ns
        self.wait(1)

    def restart(self, down_ns: int, clock_ns: int) -> None:
        """Stop, and start again with the journal's state; the wall clock is set by `clock_ns` meanwhile."""
        self._run.commit()
        self._run.close()
        self.clock.now_ns += down_ns
        self.clock.offset_ns += clock_ns
        self._run = self._started()
        self._tick(connected=True)

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
        engine, now_unix_ns = self._run.engine, self.clock.wall_ns
        if run.fault in REFUSED_FAULTS:
            refused = engine.refuse(sensor, run.fault, now_unix_ns)
            self._note(self._run.rendered([] if refused is None else [refused]))
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
        (diagnosis,) = self._interpret([reading], outputs)
        self._note(self._run.rendered([engine.feed(diagnosis, now_unix_ns)]))

    def play(self, step: PlayRecording, folder: Path, sensor: str) -> None:
        """Play a recording to its end.

        Raises:
            ConfigurationError: its packets are refused.
            DrsnError: it can't be read.
        """
        recording, start_ns = recording_of(step, folder), self.clock.now_ns
        for frame in frames_of(step, recording, sensor, self._setup, self.clock.true_ns):
            self.wait(start_ns + round(frame.due_s * NS) - self.clock.now_ns)
            message = Message(frame.topic, frame.payload, 1, False, frame.due_s, self.clock.wall_ns)
            self._note(self._run.packet(message))

    def command(self, verb: str, payload: bytes, *, retained: bool) -> str | None:
        """Execute a command; return why it was refused, None if it was not."""
        topic = self._run.command_topic(verb)
        message = Message(topic, payload, 1, retained, self.clock.now_s, self.clock.wall_ns)
        events, refusal = self._run.command(message)
        self._note(events)
        return refusal

    def alarm(self, sensor: str) -> AlarmDocument | None:
        """Return the retained alarm; None: the agent has had no window of this sensor."""
        state = self._run.engine.sensors.get(sensor)
        return None if state is None else self._run.renderer.alarm(sensor, state)

    def last_seq(self, sensor: str, condition: str | None) -> int:
        """Return `seq` of the last event of a condition; 0: there was none."""
        event = self._last_event.get((sensor, condition or ""))
        return 0 if event is None else event.seq

    def event_id(self, sensor: str, seq: int) -> str:
        """Return the id that the agent gives to an event."""
        return self._run.renderer.event_id(sensor, seq)

    def _started(self) -> AgentRun:
        clock = self.clock
        return AgentRun(self._setup, self._folder, Clock(lambda: clock.now_s, lambda: clock.wall_ns))

    def _tick(self, *, connected: bool) -> None:
        outcomes = self._run.engine.tick(self.clock.now_s, self.clock.wall_ns, connected=connected)
        self._note(self._run.rendered(outcomes))

    def _note(self, events: Iterable[EventDocument]) -> None:
        """Append events, and the flags in which each differs from the one before of its condition."""
        for event in events:
            before = self._last_event.get((event.sensor, event.condition))
            self._last_event[event.sensor, event.condition] = event
            changed = [f for f in FLAGS if before is not None and getattr(before, f) != getattr(event, f)]
            self.events.append(TimedEvent(self.clock.now_s, event, tuple(changed)))
