"""Runs a case: the agent's own pipeline, desk and store, a clock that is turned by hand, and no network."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.agent.tools.alarm_tests.expectation import Happened, beside
from drsn.agent.tools.alarm_tests.scripted_windows import FieldError, probabilities, runs_of
from drsn.agent.tools.alarm_tests.simulated_agent import SimulatedAgent
from drsn.agent.tools.alarm_tests.steps import ClockStep, Command, Disconnected, Nothing, Recorded, Restart, Windows
from drsn.agent.tools.alarm_tests.subject import misplaced
from drsn.model.errors import DrsnError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.tools.alarm_tests.case_file import Case, CaseFile
    from drsn.agent.tools.alarm_tests.expectation import Line
    from drsn.agent.tools.alarm_tests.steps import Step

NS = 1_000_000_000


@dataclass(frozen=True)
class Verdict:
    """What became of a case."""

    case: Case
    lines: tuple[Line, ...]
    """Events, expected and happened."""
    complaints: tuple[str, ...]
    """About alarms and commands, each with its step."""
    happened: tuple[Happened, ...]
    lasted_s: float

    @property
    def passed(self) -> bool:
        """All was as expected."""
        good = ("=", "+") if self.case.some else ("=",)
        return not self.complaints and all(line.mark in good for line in self.lines)


def judge(file: CaseFile, case: Case) -> Verdict:
    """Run a case.

    Raises:
        DrsnError: a step can't be done, such as a recording that is not there; it names file, case and step.
    """
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(file, case, Path(folder))
        try:
            complaints = tuple(trial.run())
            machine = trial.machine
            lines = beside(case.expected, machine.happened, case.within_s, some=case.some)
            return Verdict(case, tuple(lines), complaints, tuple(machine.happened), machine.now_ns / NS)
        finally:
            trial.machine.close()


class Trial:
    """One run of one case; `folder` holds the store."""

    def __init__(self, file: CaseFile, case: Case, folder: Path) -> None:
        self.machine = SimulatedAgent(file.subject, folder)
        self._file, self._case = file, case
        self._commands = 0
        self._do: dict[type[Step], Callable[[Any, str], str | None]] = {
            Windows: self._windows,
            Nothing: lambda step, _sensor: self.machine.wait(round(step.nothing_s * NS)),
            Disconnected: lambda step, _sensor: self.machine.wait(round(step.disconnected_s * NS), listening=False),
            Restart: lambda step, _sensor: self.machine.restart(round(step.down_s * NS), round(step.clock_s * NS)),
            ClockStep: lambda step, _sensor: self.machine.set_clock(round(step.clock_s * NS)),
            Command: self._command,
            Recorded: self._recorded,
        }

    def run(self) -> list[str]:
        """Do all steps; what was otherwise than they expect.

        Raises:
            DrsnError: a step can't be done.
        """
        complaints = []
        for number, stage in enumerate(self._case.stages, start=1):
            step, where = stage.step, self._file.where(self._case, number)
            sensor = step.sensor or self._case.sensor
            try:
                do = self._do.get(type(step))
                found = [do(step, sensor)] if do else []
            except FieldError as error:
                raise misplaced(where, error) from None
            except DrsnError as error:
                raise type(error)(f"{where}: {error}") from None
            if stage.alarm is not None:
                alarm = self.machine.alarm(sensor)
                found += [f"no window of sensor {sensor} came yet"] if alarm is None else stage.alarm.differences(alarm)
            place = f"step {number}" if do else "at the end"
            complaints += [f"{place}: {each}" for each in found if each]
        return complaints

    def _windows(self, step: Windows, sensor: str) -> None:
        subject = self._file.subject
        for run in runs_of(step, subject.contract, subject.hop_ns / NS):
            row = probabilities(run.label, step, subject.contract)
            for index in range(run.count):
                fresh = run.gap and index == 0
                self.machine.window(sensor, run, row, rms=step.rms, rpm=step.rpm, fresh=fresh)

    def _command(self, step: Command, sensor: str) -> str | None:
        self._commands += 1
        machine = self.machine
        asked = {
            "request_id": step.request_id or f"case-{self._commands}",
            "by": step.by,
            "sensor": sensor,
            "condition": step.condition,
            "comment": step.comment,
            "duration_s": step.for_s,
            "from_seq": step.from_seq,
            "event_id": self._event_id(step, sensor),
            "expires": None if step.expires_in_s is None else _iso(machine.wall_ns + round(step.expires_in_s * NS)),
        }
        given = {name: value for name, value in asked.items() if value is not None}
        reason = machine.command(step.command, json.dumps(given).encode(), retained=step.retained)
        if reason is None:
            return step.expect_refused and f"{step.command} was done, not refused: {step.expect_refused}"
        if step.expect_refused is None or step.expect_refused not in reason:
            due = "" if step.expect_refused is None else f", not: {step.expect_refused}"
            return f"{step.command} was refused: {reason}{due}"
        return None

    def _event_id(self, step: Command, sensor: str) -> str | None:
        if step.event == "none" or (step.event is None and step.command != "ack"):
            return None
        seq = step.event if isinstance(step.event, int) else self.machine.last_seq(sensor, step.condition)
        return self.machine.event_id(sensor, seq)

    def _recorded(self, step: Recorded, sensor: str) -> None:
        self.machine.play(step, self._file.path.parent, sensor)


def _iso(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns / NS, tz=timezone.utc).isoformat()
