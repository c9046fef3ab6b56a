"""Which sensors are being commissioned: gathers healthy windows until there is enough, or a reason to stop.

Nothing of it is stored before it is done: an agent that ends meanwhile has learnt nothing, and nothing is half applied.
A gap in the stream ends nothing; windows are weighed one by one, and a link that loses packets loses time only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from drsn.agent.decision.alarm_state import OWN
from drsn.agent.decision.baseline import GATE_PART, LEAST_WINDOWS, Baseline, Seen, UnfitError, best_condition, learn
from drsn.agent.decision.diagnosis import SENSOR_FAULT, UNKNOWN
from drsn.agent.decision.operator_action import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.decision.alarm_state import SensorState, Suppressor
    from drsn.agent.decision.diagnosis import Diagnosis

PROGRESS_S = 5.0
"""From one word about a commissioning to the next."""

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CommissionRequest:
    """Who wants a machine commissioned."""

    id: str
    by: str
    comment: str | None = None
    gate: bool = False
    """Derive a gate's RMS too."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What there is to say to the one who asked."""

    request_id: str
    sensor: str | None
    """None: it is about the agent."""
    pending: str | None = None
    """How far it is; None: it is over."""
    reason: str | None = None
    """Why it came to nothing."""


@dataclass(slots=True)
class Gathering:
    """The windows of one sensor so far."""

    request: CommissionRequest
    settle_ns: int
    """Of the gate."""
    seen: list[Seen] = field(default_factory=list)
    signal_ns: int = 0
    new_ns: int = 0
    """Signal since the last window that was taken: those that are taken do not overlap."""
    left_out: Counter[str] = field(default_factory=Counter)
    deadline_s: float | None = None
    progress_s: float = 0.0

    def add(self, diagnosis: Diagnosis, suppressed_by: Suppressor | None) -> None:
        """Take the window, or count why not."""
        reading = diagnosis.reading
        if reading.fault is not None or suppressed_by is not None:
            self.left_out[reading.fault or str(suppressed_by)] += 1
            return
        self.signal_ns += reading.advance_ns
        self.new_ns += reading.advance_ns
        if self.new_ns >= reading.duration_ns:
            self.new_ns = 0
            self.seen.append(Seen(diagnosis.novelty, reading.rms, best_condition(diagnosis)))

    def progress(self, seconds: float) -> str:
        """For people."""
        others = "".join(f"; {n} windows left out: {why}" for why, n in self.left_out.most_common())
        return f"{min(seconds, self.signal_ns / NS):.0f} of {seconds:g} s{others}"


class Commissioner:
    """Commissions sensors, any number at once, each once.

    Args:
        bundle_sha256: of the model whose novelty is learnt.
        threshold: its contract's.
        most: the largest allowance; asked once, when the first machine is to be commissioned.
        seconds: of signal that are gathered.
        give_up_after_s: if that takes longer.
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
        self._gathering: dict[str, Gathering] = {}

    def begin(self, name: str, sensor: SensorState, request: CommissionRequest, settle_ns: int) -> None:
        """Gather a sensor's windows from now on.

        Raises:
            RefusedError: it is under way, or the machine or its sensor is not well.
        """
        if name in self._gathering:
            raise RefusedError(f"{name} is being commissioned, for {self._gathering[name].request.by}; undo ends that")
        if (why := obstacle(sensor)) is not None:
            raise RefusedError(why)
        self._gathering[name] = Gathering(request, settle_ns)

    def cancel(self, name: str, by: str) -> bool:
        """End a gathering; False: there is none."""
        if name not in self._gathering:
            return False
        self._end(name, f"ended by {by}")
        return True

    def see(self, name: str, diagnosis: Diagnosis, suppressed_by: Suppressor | None) -> None:
        """A window came; `suppressed_by` is why it says nothing about the machine."""
        if name in self._gathering:
            self._gathering[name].add(diagnosis, suppressed_by)

    def listen(
        self, sensors: Mapping[str, SensorState], now_s: float, now_unix_ns: int
    ) -> list[tuple[str, SensorState]]:
        """End what is to end; the sensors that are commissioned by now, as they then stand.

        Args:
            sensors: name -> its state; every one that is being commissioned is in it.
            now_s: monotonic.
            now_unix_ns: the agent's clock.
        """
        done = []
        for name, gathering in list(self._gathering.items()):
            if gathering.deadline_s is None:
                gathering.deadline_s = now_s + self._give_up_after_s
                gathering.progress_s = now_s + PROGRESS_S
            if (why := obstacle(sensors[name])) is not None:
                self._end(name, why)
            elif gathering.signal_ns >= self.seconds * NS and len(gathering.seen) >= LEAST_WINDOWS:
                try:
                    done.append((name, self._commissioned(sensors[name], gathering, now_unix_ns)))
                    self._end(name, None)
                except UnfitError as error:
                    self._end(name, str(error))
            elif now_s >= gathering.deadline_s:
                self._end(name, f"given up after {self._give_up_after_s:g} s: {gathering.progress(self.seconds)}")
            elif now_s >= gathering.progress_s:
                gathering.progress_s = now_s + PROGRESS_S
                self._progress.append(Progress(gathering.request.id, name, pending=gathering.progress(self.seconds)))
        return done

    @property
    def under_way(self) -> frozenset[str]:
        """The sensors whose windows are being gathered."""
        return frozenset(self._gathering)

    def take_progress(self) -> list[Progress]:
        """What is to be reported to those who asked, the oldest first; each is handed over once."""
        progress, self._progress = self._progress, []
        return progress

    def _commissioned(self, sensor: SensorState, gathering: Gathering, now_unix_ns: int) -> SensorState:
        most = float("inf") if self._threshold is None else self._most()
        learnt = learn(gathering.seen, self._threshold, most)
        request = gathering.request
        gate_rms = GATE_PART * learnt.rms if request.gate else None
        commission = Baseline(learnt, self._bundle_sha256, gate_rms, now_unix_ns, request.by, request.comment)
        # It has run for a minute; the gate need not wait to see that.
        gate = replace(sensor.gate, running=True, settled_ns=gathering.settle_ns) if request.gate else sensor.gate
        return replace(sensor, commission=commission, gate=gate)

    def _end(self, name: str, reason: str | None) -> None:
        self._progress.append(Progress(self._gathering.pop(name).request.id, name, reason=reason))


def obstacle(sensor: SensorState) -> str | None:
    """Why what this sensor brings must not be learnt as healthy; None: it may."""
    for name, condition in sensor.conditions.items():
        if name == SENSOR_FAULT and condition.state.active:
            return f"the sensor is at fault ({condition.label}); look after it first"
        if name not in (UNKNOWN, *OWN) and (condition.state.active or condition.state.latched):
            gone = ", gone but latched" if condition.state.latched else ""
            return (
                f"{name} stands{gone}: a machine that may be broken is not learnt as healthy. Look after it, then reset"
            )
    return None
