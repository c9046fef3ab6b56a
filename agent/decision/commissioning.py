"""Commissioning: collects healthy windows of a machine until its baseline can be learnt, or there is a reason to stop.

Nothing is stored before the end: an agent that ends meanwhile has learnt nothing, and nothing is half applied. A gap in
the stream does not end it: windows are taken one by one, and a link that loses packets costs time only.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, State
from drsn.agent.decision.baseline import GATE_SHARE, Baseline, HealthyWindow, best_condition, statistics_of
from drsn.agent.decision.diagnosis import SENSOR_FAULT, UNKNOWN
from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.decision.twin_check import require_fit
from drsn.agent.monitoring.baseline_file import BaselineFile
from drsn.agent.monitoring.baseline_model import LEAST_WINDOWS, UnfitError, learn
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.decision.alarm_state import SensorState, Suppressor
    from drsn.agent.decision.diagnosis import Diagnosis
    from drsn.agent.monitoring.baseline_monitor import BaselineMonitor, FeatureRow

PROGRESS_S = 5.0
"""Seconds from one progress report to the next."""

MOST_WINDOWS = 8192
"""Windows that are kept, 2 MB of features. When there are more, every second one is dropped, and only every second one
is kept from then on: days of windows are thinned out evenly."""

GIVE_UP_FACTOR = 5.0
"""A request with its own time is given up after so many times of it."""

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CommissioningRequest:
    """An operator's request to commission a machine."""

    id: str
    by: str
    comment: str | None = None
    gate: bool = False
    """Derive a gate's RMS too."""
    despite_alarm: bool = False
    """The operator has looked: an alarm that stands is a mistake of the model, and no reason to refuse."""
    seconds: float | None = None
    """Signal that is collected; None: as the settings say."""
    imported: BaselineFile | None = None
    """The health baseline of a twin machine, to be checked and used instead of the one that would be learnt."""
    stood: tuple[str, ...] = ()
    """Conditions, but for those of the sensor, whose alarm stood when it began."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a command that takes time."""

    request_id: str
    sensor: str | None
    """None: the command is about the agent."""
    pending: str | None = None
    """How far it is; None: it has ended."""
    reason: str | None = None
    """Why it has failed; None: it has not."""


@dataclass(slots=True)
class Collection:
    """The windows of one sensor so far."""

    request: CommissioningRequest
    settle_ns: int
    """Settling time of the gate."""
    seconds: float
    give_up_after_s: float
    windows: list[tuple[HealthyWindow, FeatureRow]] = field(default_factory=list)
    stride: int = 1
    """One of so many windows is kept."""
    passed: int = 0
    """Windows since the last that was kept."""
    signal_ns: int = 0
    new_ns: int = 0
    """Signal since the last window that was taken: those that are taken do not overlap."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> windows that were left out."""
    deadline_s: float | None = None
    """Monotonic; None: not known before the first tick."""
    progress_s: float = 0.0
    """Monotonic time of the next progress report."""

    def add(self, diagnosis: Diagnosis, suppressed_by: Suppressor | None, row: FeatureRow) -> None:
        """Take the window, or count it as left out."""
        reading = diagnosis.reading
        why = reading.fault or suppressed_by
        if why is None and self.windows and math.isnan(row.rpm) and not math.isnan(self.windows[0][1].rpm):
            why = "no speed"
        if why is not None:
            self.left_out[why] += 1
            return
        self.signal_ns += reading.advance_ns
        self.new_ns += reading.advance_ns
        if self.new_ns >= reading.duration_ns:
            self.new_ns = 0
            self._keep(HealthyWindow(diagnosis.novelty, reading.rms, best_condition(diagnosis)), row)

    @property
    def complete(self) -> bool:
        """There is enough to learn from."""
        return self.signal_ns >= self.seconds * NS and len(self.windows) >= LEAST_WINDOWS

    def progress(self) -> str:
        """The progress as text."""
        others = "".join(f"; {n} windows left out: {why}" for why, n in self.left_out.most_common())
        return f"{min(self.seconds, self.signal_ns / NS):.0f} of {self.seconds:g} s{others}"

    def _keep(self, window: HealthyWindow, row: FeatureRow) -> None:
        self.passed += 1
        if self.passed < self.stride:
            return
        self.passed = 0
        self.windows.append((window, row))
        if len(self.windows) > MOST_WINDOWS:
            self.windows, self.stride = self.windows[::2], 2 * self.stride


class Commissioning:
    """Commissions sensors, any number at the same time, and keeps the baselines of all sensors in use.

    Args:
        bundle_sha256: of the model.
        threshold: novelty above which the model abstains; None: it never does.
        monitor: compares windows with the health baselines, and gives the features of windows.
        seconds: signal that is collected.
        give_up_after_s: longest time for that, in seconds.
    """

    def __init__(
        self,
        bundle_sha256: str,
        threshold: float | None,
        monitor: BaselineMonitor,
        seconds: float = 60.0,
        give_up_after_s: float = 300.0,
    ) -> None:
        self.seconds = seconds
        self.monitor = monitor
        self._progress: list[Progress] = []
        self._bundle_sha256, self._threshold = bundle_sha256, threshold
        self._give_up_after_s = give_up_after_s
        self._collections: dict[str, Collection] = {}

    def begin(self, name: str, sensor: SensorState, request: CommissioningRequest, settle_ns: int) -> None:
        """Collect a sensor's windows from now on.

        Raises:
            RefusedError: it is under way, the machine or its sensor is not well, or the file is of another signal.
        """
        if name in self._collections:
            by = self._collections[name].request.by
            raise RefusedError(f"{name} is already being commissioned, by {by}; `commission --undo` stops it")
        if request.despite_alarm and not (request.comment or "").strip():
            raise RefusedError("despite_alarm: give in `comment` the reason why the machine is healthy")
        if (why := obstacle(sensor, despite_alarm=request.despite_alarm)) is not None:
            raise RefusedError(why)
        imported = request.imported
        if imported is not None and imported.signal != self.monitor.signal:
            raise RefusedError(f"the baseline is of {imported.signal}; the windows here are {self.monitor.signal}")
        seconds, give_up_after_s = self.seconds, self._give_up_after_s
        if request.seconds is not None:
            seconds, give_up_after_s = request.seconds, max(give_up_after_s, GIVE_UP_FACTOR * request.seconds)
        request = replace(request, stood=tuple(standing(sensor)))
        self._collections[name] = Collection(request, settle_ns, seconds, give_up_after_s)
        self.monitor.collect(name, collects=True)

    def use(self, name: str, sensor: SensorState | None) -> str | None:
        """Use the health baseline of a sensor's state from now on, if it has one.

        Returns:
            Why it is not used; None: it is used, or there is none.
        """
        text = None if sensor is None or sensor.commission is None else sensor.commission.health
        if text is None:
            self.monitor.use(name, None)
            return None
        try:
            file = BaselineFile.of_text(text)
        except BadDataError as error:
            self.monitor.use(name, None)
            return str(error)
        return None if self.monitor.use(name, file) else f"it is of {file.signal}; the windows here are another signal"

    def note_alarms(self, name: str, sensor: SensorState) -> None:
        """Stop the ageing of a sensor's baseline while its machine or the sensor has an alarm."""
        self.monitor.freeze(name, frozen=obstacle(sensor) is not None)

    def cancel(self, name: str, by: str) -> bool:
        """End a sensor's commissioning; False: none is under way."""
        if name not in self._collections:
            return False
        self._end(name, f"ended by {by}")
        return True

    def add_window(self, name: str, diagnosis: Diagnosis, suppressed_by: Suppressor | None) -> None:
        """Add a window of a sensor; it is left out if something suppresses the machine's conditions."""
        if name in self._collections and (row := self.monitor.take(name)) is not None:
            self._collections[name].add(diagnosis, suppressed_by, row)

    def tick(self, sensors: Mapping[str, SensorState], now_s: float, now_unix_ns: int) -> list[tuple[str, SensorState]]:
        """End what is to end; return the sensors that are commissioned by now, with their new states.

        Args:
            sensors: name -> its state; every one that is being commissioned is in it.
            now_s: monotonic.
            now_unix_ns: the agent's clock.
        """
        done = []
        for name, collection in list(self._collections.items()):
            if collection.deadline_s is None:
                collection.deadline_s = now_s + collection.give_up_after_s
                collection.progress_s = now_s + PROGRESS_S
            if (why := obstacle(sensors[name], despite_alarm=collection.request.despite_alarm)) is not None:
                self._end(name, why)
            elif collection.complete:
                try:
                    done.append((name, self._commissioned(name, sensors[name], collection, now_unix_ns)))
                    self._end(name, None)
                except UnfitError as error:
                    self._end(name, str(error))
            elif now_s >= collection.deadline_s:
                self._end(name, f"given up after {collection.give_up_after_s:g} s: {collection.progress()}")
            elif now_s >= collection.progress_s:
                collection.progress_s = now_s + PROGRESS_S
                self._progress.append(Progress(collection.request.id, name, pending=collection.progress()))
        return done

    @property
    def under_way(self) -> frozenset[str]:
        """The sensors that are being commissioned."""
        return frozenset(self._collections)

    def take_progress(self) -> list[Progress]:
        """The progress to report, the oldest first; each is handed over once."""
        progress, self._progress = self._progress, []
        return progress

    def _commissioned(self, name: str, sensor: SensorState, collection: Collection, now_unix_ns: int) -> SensorState:
        """The sensor with its baseline, which is in use from now on.

        Raises:
            UnfitError: none can be learnt, or that of the twin does not fit.
        """
        request, rows = collection.request, [row for _, row in collection.windows]
        learnt = statistics_of([window for window, _ in collection.windows], self._threshold)
        features, rpm = np.stack([row.features for row in rows]), np.array([row.rpm for row in rows])
        if request.imported is None:
            odds = np.stack([row.log_odds for row in rows])
            health = learn(features, rpm, odds, self.monitor.conditions)
            learnt_file = BaselineFile(health, self.monitor.signal, self._bundle_sha256, name)
            file = BaselineFile.of_text(learnt_file.to_text())  # as a restart reads it: its numbers are rounded
        else:
            file = request.imported
            require_fit(file, features, rpm, self.monitor, uses_model=file.bundle_sha256 == self._bundle_sha256)
        self.monitor.use(name, file)
        despite = {*request.stood, *standing(sensor)} if request.despite_alarm else ()
        baseline = Baseline(
            learnt,
            self._bundle_sha256,
            GATE_SHARE * learnt.rms if request.gate else None,
            now_unix_ns,
            request.by,
            request.comment,
            len(file.baseline.states),
            file.to_text(),
            tuple(sorted(despite)),
        )
        # The machine has run for a minute, so the gate need not settle.
        gate = replace(sensor.gate, running=True, settled_ns=collection.settle_ns) if request.gate else sensor.gate
        return replace(sensor, commission=baseline, gate=gate)

    def _end(self, name: str, reason: str | None) -> None:
        self._progress.append(Progress(self._collections.pop(name).request.id, name, reason=reason))
        self.monitor.collect(name, collects=False)


def standing(sensor: SensorState) -> list[str]:
    """The conditions of a sensor whose alarm stands, but for those of the sensor itself."""
    return [
        name for name, c in sensor.conditions.items() if name not in SENSOR_CONDITIONS and c.state is not State.NORMAL
    ]


def obstacle(sensor: SensorState, *, despite_alarm: bool = False) -> str | None:
    """Why this sensor's windows must not be learnt as healthy; None: they may.

    Args:
        sensor: its alarms.
        despite_alarm: an alarm of the machine is no reason.
    """
    fault = sensor.conditions.get(SENSOR_FAULT)
    if fault is not None and fault.state.active:
        return f"the sensor is at fault ({fault.label}); look after it first"
    faults = [] if despite_alarm else [name for name in standing(sensor) if name != UNKNOWN]
    faults = [name for name in faults if sensor.conditions[name].state is not State.CLEARED_UNACKED]
    if not faults:
        return None
    gone = ", gone but latched" if sensor.conditions[faults[0]].state.latched else ""
    return (
        f"{faults[0]} stands{gone}: a machine that may be broken is not learnt as healthy. Look after it, then "
        "reset; if you have looked and it is healthy, mark the event with `false-alarm`, then commission it with "
        "--despite-alarm"
    )
