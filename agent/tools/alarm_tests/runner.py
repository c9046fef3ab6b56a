"""Runs a case on a simulated agent and compares its events with the expected ones."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.agent.tools.alarm_tests.case_errors import located
from drsn.agent.tools.alarm_tests.comparison import compare
from drsn.agent.tools.alarm_tests.scripted_windows import probabilities, runs_of
from drsn.agent.tools.alarm_tests.simulated_agent import SimulatedAgent
from drsn.agent.tools.alarm_tests.steps import (
    ClockStep,
    Command,
    Disconnected,
    Pause,
    PlayRecording,
    Restart,
    ScriptedWindows,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.tools.alarm_tests.case_file import Case, CaseFile
    from drsn.agent.tools.alarm_tests.comparison import ComparedEvent
    from drsn.agent.tools.alarm_tests.expectation import TimedEvent
    from drsn.agent.tools.alarm_tests.steps import Step

NS = 1_000_000_000


@dataclass(frozen=True)
class CaseResult:
    """The result of a case."""

    case: Case
    lines: tuple[ComparedEvent, ...]
    """Expected and actual events side by side."""
    problems: tuple[str, ...]
    """Differences of alarms and answers to commands, each with its step."""
    events: tuple[TimedEvent, ...]
    lasted_s: float

    @property
    def passed(self) -> bool:
        """Everything was as expected."""
        allowed = ("=", "+") if self.case.some else ("=",)
        return not self.problems and all(line.mark in allowed for line in self.lines)


def run_case(file: CaseFile, case: Case) -> CaseResult:
    """Run a case.

    Raises:
        DrsnError: a step can't be done, for example a recording is missing; the message gives file, case and step.
    """
    with tempfile.TemporaryDirectory() as folder:
        agent = SimulatedAgent(file.setup, Path(folder))
        try:
            problems = tuple(StepRunner(file, case, agent).run())
            lines = compare(case.expected, agent.timeline.events, case.within_s, some=case.some)
            return CaseResult(case, tuple(lines), problems, tuple(agent.timeline.events), agent.clock.now_ns / NS)
        finally:
            agent.close()


class StepRunner:
    """Does the steps of one case, once."""

    def __init__(self, file: CaseFile, case: Case, agent: SimulatedAgent) -> None:
        self._file, self._case, self._agent = file, case, agent
        self._commands = 0
        self._do: dict[type[Step], Callable[[Any, str], str | None]] = {
            ScriptedWindows: self._windows,
            Pause: lambda step, _sensor: agent.wait(round(step.nothing_s * NS)),
            Disconnected: lambda step, _sensor: agent.wait(round(step.disconnected_s * NS), connected=False),
            Restart: lambda step, _sensor: agent.restart(round(step.down_s * NS), round(step.clock_s * NS)),
            ClockStep: lambda step, _sensor: agent.set_clock(round(step.clock_s * NS)),
            Command: self._command,
            PlayRecording: lambda step, sensor: agent.play(step, file.path.parent, sensor),
        }

    def run(self) -> list[str]:
        """Do all steps; return what differs from their expectations.

        Raises:
            DrsnError: a step can't be done.
        """
        problems = []
        for number, checked in enumerate(self._case.steps, start=1):
            step, sensor = checked.step, checked.step.sensor or self._case.sensor
            do = self._do.get(type(step))
            with located(self._file.place(self._case, number)):
                found = [do(step, sensor)] if do else []
            if checked.alarm is not None:
                alarm = self._agent.alarm(sensor)
                none_yet = [f"no window of sensor {sensor} came yet"]
                found += none_yet if alarm is None else checked.alarm.differences(alarm)
            place = f"step {number}" if do else "at the end"
            problems += [f"{place}: {each}" for each in found if each]
        return problems

    def _windows(self, step: ScriptedWindows, sensor: str) -> None:
        setup = self._file.setup
        for run in runs_of(step, setup.contract, setup.hop_ns / NS):
            row = probabilities(run.label, step, setup.contract)
            for index in range(run.count):
                fresh = run.gap and index == 0
                self._agent.window(sensor, run, row, rms=step.rms, rpm=step.rpm, fresh=fresh)

    def _command(self, step: Command, sensor: str) -> str | None:
        self._commands += 1
        agent = self._agent
        asked = {
            "request_id": step.request_id or f"case-{self._commands}",
            "by": step.by,
            "sensor": sensor,
            "condition": step.condition,
            "comment": step.comment,
            "duration_s": step.for_s,
            "from_seq": step.from_seq,
            "event_id": self._event_id(step, sensor),
            "expires": None if step.expires_in_s is None else _iso(agent.clock.wall_ns + round(step.expires_in_s * NS)),
        }
        given = {name: value for name, value in asked.items() if value is not None}
        reason = agent.command(step.command, json.dumps(given).encode(), retained=step.retained)
        if reason is None:
            return step.expect_refused and f"{step.command} was done, not refused: {step.expect_refused}"
        if step.expect_refused is None or step.expect_refused not in reason:
            expected = "" if step.expect_refused is None else f", not: {step.expect_refused}"
            return f"{step.command} was refused: {reason}{expected}"
        return None

    def _event_id(self, step: Command, sensor: str) -> str | None:
        if step.event == "none" or (step.event is None and step.command not in ("ack", "false_alarm")):
            return None
        seq = step.event if isinstance(step.event, int) else self._agent.timeline.last_seq(sensor, step.condition)
        return self._agent.event_id(sensor, seq)


def _iso(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns / NS, tz=timezone.utc).isoformat()
