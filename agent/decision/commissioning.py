"""Commissioning: collects healthy windows of a machine until its baseline can be learnt, or there is a reason to stop.

Nothing is stored before the end: an agent that ends meanwhile has learnt nothing, and nothing is half applied. A gap in
the stream does not end it: windows are taken one by one, and a link that loses packets costs time only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS
from drsn.agent.decision.baseline import (
    GATE_SHARE,
    LEAST_WINDOWS,
    Baseline,
    HealthyWindow,
    UnfitError,
    best_condition,
    learn,
)
from drsn.agent.decision.diagnosis import SENSOR_FAULT, UNKNOWN
from drsn.agent.decision.operator_action import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.decision.alarm_state import SensorState, Suppressor
    from drsn.agent.decision.diagnosis import Diagnosis

PROGRESS_S = 5.0
"""Seconds from one progress report to the next."""

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CommissioningRequest:
    """An operator's request to commission a machine."""

    id: str
    by: str
    comment: str | None = None
    gate: bool = False
    """Derive a gate's RMS too."""


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
    windows: list[HealthyWindow] = field(default_factory=list)
    signal_ns: int = 0
    new_ns: int = 0
    """Signal since the last window that was taken: those that are taken do not overlap."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> windows that were left out."""
    deadline_s: float | None = None
    """Monotonic; None: not known before the first tick."""
    progress_s: float = 0.0
    """Monotonic time of the next progress report."""

    def add(self, diagnosis: Diagnosis, suppressed_by: Suppressor | None) -> None:
        """Take the window, or count it as left out."""
        reading = diagnosis.reading
        if reading.fault is not None or suppressed_by is not None:
            self.left_out[reading.fault or str(suppressed_by)] += 1
            return
        self.signal_ns += reading.advance_ns
        self.new_ns += reading.advance_ns
        if self.new_ns >= reading.duration_ns:
            self.new_ns = 0
            self.windows.append(HealthyWindow(diagnosis.novelty, reading.rms, best_condition(diagnosis)))

    def progress(self, seconds: float) -> str:
        """The progress as text, of the seconds of signal that are needed."""
        others = "".join(f"; {n} windows left out: {why}" for why, n in self.left_out.most_common())
        return f"{min(seconds, self.signal_ns / NS):.0f} of {seconds:g} s{others}"


class Commissioning:
    """Commissions sensors, any number at the same time.

    Args:
        bundle_sha256: of the model whose novelty is learnt.
        threshold: novelty above which the model abstains; None: it never does.
        most: gives the largest allowance of novelty; called when a baseline is learnt.
        seconds: signal that is collected.
        give_up_after_s: longest time for that, in seconds.
    """

    def __init__(
        self,
        bundle_sha256: str,
        threshold: float | None,
        most: Callable[[], float],
        seconds: float = 60.0,
        give_up_after_s: float = 300.0,
    ) -> None:
        self.seconds = seconds
        self._progress: list[Progress] = []
        self._bundle_sha256, self._threshold, self._most = bundle_sha256, threshold, most
        self._give_up_after_s = give_up_after_s
        self._collections: dict[str, Collection] = {}

    def begin(self, name: str, sensor: SensorState, request: CommissioningRequest, settle_ns: int) -> None:
        """Collect a sensor's windows from now on.

        Raises:
            RefusedError: it is under way, or the machine or its sensor is not well.
        """
        if name in self._collections:
            by = self._collections[name].request.by
            raise RefusedError(f"{name} is being commissioned, for {by}; undo ends that")
        if (why := obstacle(sensor)) is not None:
            raise RefusedError(why)
        self._collections[name] = Collection(request, settle_ns)

    def cancel(self, name: str, by: str) -> bool:
        """End a sensor's commissioning; False: none is under way."""
        if name not in self._collections:
            return False
        self._end(name, f"ended by {by}")
        return True

    def add_window(self, name: str, diagnosis: Diagnosis, suppressed_by: Suppressor | None) -> None:
        """Add a window of a sensor; it is left out if something suppresses the machine's conditions."""
        if name in self._collections:
            self._collections[name].add(diagnosis, suppressed_by)

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
                collection.deadline_s = now_s + self._give_up_after_s
                collection.progress_s = now_s + PROGRESS_S
            if (why := obstacle(sensors[name])) is not None:
                self._end(name, why)
            elif collection.signal_ns >= self.seconds * NS and len(collection.windows) >= LEAST_WINDOWS:
                try:
                    done.append((name, self._commissioned(sensors[name], collection, now_unix_ns)))
                    self._end(name, None)
                except UnfitError as error:
                    self._end(name, str(error))
            elif now_s >= collection.deadline_s:
                self._end(name, f"given up after {self._give_up_after_s:g} s: {collection.progress(self.seconds)}")
            elif now_s >= collection.progress_s:
                collection.progress_s = now_s + PROGRESS_S
                self._progress.append(Progress(collection.request.id, name, pending=collection.progress(self.seconds)))
        return done

    @property
    def under_way(self) -> frozenset[str]:
        """The sensors that are being commissioned."""
        return frozenset(self._collections)

    def take_progress(self) -> list[Progress]:
        """The progress to report, the oldest first; each is handed over once."""
        progress, self._progress = self._progress, []
        return progress

    def _commissioned(self, sensor: SensorState, collection: Collection, now_unix_ns: int) -> SensorState:
        most = float("inf") if self._threshold is None else self._most()
        learnt = learn(collection.windows, self._threshold, most)
        request = collection.request
        gate_rms = GATE_SHARE * learnt.rms if request.gate else None
        baseline = Baseline(learnt, self._bundle_sha256, gate_rms, now_unix_ns, request.by, request.comment)
        # The machine has run for a minute, so the gate need not settle.
        gate = replace(sensor.gate, running=True, settled_ns=collection.settle_ns) if request.gate else sensor.gate
        return replace(sensor, commission=baseline, gate=gate)

    def _end(self, name: str, reason: str | None) -> None:
        self._progress.append(Progress(self._collections.pop(name).request.id, name, reason=reason))


def obstacle(sensor: SensorState) -> str | None:
    """Why this sensor's windows must not be learnt as healthy; None: they may."""
    for name, condition in sensor.conditions.items():
        if name == SENSOR_FAULT and condition.state.active:
            return f"the sensor is at fault ({condition.label}); look after it first"
        if name not in (UNKNOWN, *SENSOR_CONDITIONS) and (condition.state.active or condition.state.latched):
            gone = ", gone but latched" if condition.state.latched else ""
            return (
                f"{name} stands{gone}: a machine that may be broken is not learnt as healthy. Look after it, then reset"
            )
    return None
