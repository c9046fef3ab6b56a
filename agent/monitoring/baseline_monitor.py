"""The monitor of the condition `changed`: compares windows with the health baselines of their machines.

Only sensors that have a baseline, or that are being commissioned, cost anything.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from drsn.agent.acquisition.rounds import rounds_of
from drsn.agent.acquisition.sensor_faults import NO_FAULT
from drsn.agent.monitoring.baseline_features import BaselineFeatures, BaselineSignal
from drsn.agent.monitoring.baseline_labels import label_table
from drsn.agent.monitoring.baseline_stack import BaselineStack
from drsn.agent.monitoring.calibration import Calibration
from drsn.agent.monitoring.findings import NOT_EVALUATED

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from drsn.agent.monitoring.baseline_file import BaselineFile
    from drsn.agent.monitoring.monitors import MonitoredWindows
    from drsn.model.contract import ModelContract

MOST_WAITING: Final = 4096
"""Windows of a sensor that is being commissioned, from their features to their decision: those of one batch."""


class FeatureRow(NamedTuple):
    """What a baseline learns from one window."""

    features: NDArray[np.float32]
    """float32[FEATURES]; the envelope spectrum in orders if `rpm` is a number, else in hertz."""
    rpm: float
    log_odds: NDArray[np.float32]
    """float32[conditions]: as `LogOdds` gives them."""


class BaselineMonitor:
    """Compares the windows of those sensors that have a baseline.

    Args:
        contract: of the model.
        rpm_of: sensor -> the speed of its shaft where packets do not give it; None: not known.
        bundle_sha256: of the model; the log-odds of a baseline that was learnt with another one are not used.
    """

    def __init__(
        self, contract: ModelContract, bundle_sha256: str, rpm_of: Callable[[str], float | None] = lambda _sensor: None
    ) -> None:
        self._rpm_of = rpm_of
        self.features = BaselineFeatures(contract)
        self.calibration = Calibration(contract)
        """Of the model's probabilities, by the baselines in use."""
        self.on_change: Callable[[str], None] = lambda _sensor: None
        """Called with a sensor that has another baseline from now on, or none, or is being commissioned."""
        self.stored_drift: Callable[[str], bytes | None] = lambda _sensor: None
        """Called when a baseline begins to be used: the drift of the sensor that was stored; None: there is none."""
        self._bundle_sha256 = bundle_sha256
        self._names = label_table(self.features)
        self._baselines: dict[str, BaselineFile] = {}
        self._waiting: dict[str, deque[FeatureRow]] = {}
        """Sensor that is being commissioned -> its windows that were not decided yet."""
        self._stack = BaselineStack()
        self._slots: dict[str, int] = {}
        self._frozen: set[str] = set()

    @property
    def signal(self) -> BaselineSignal:
        """A baseline of another signal is not used."""
        return self.features.signal

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of what may change."""
        return self._names[0]

    @property
    def conditions(self) -> tuple[str, ...]:
        """The columns of the log-odds."""
        return self.calibration.log_odds.conditions

    def label_of(self, expert: int, *, by_speed: bool) -> str:
        """The name of what an expert has found."""
        labels, label_of = self._names
        return labels[int(label_of[int(by_speed), expert])]

    def use(self, sensor: str, baseline: BaselineFile | None) -> bool:
        """Use a baseline for a sensor from its next window on; None: none. False: it is of another signal."""
        fits = baseline is not None and baseline.signal == self.signal
        if baseline is not None and fits:
            self._baselines[sensor] = baseline
        else:
            self._baselines.pop(sensor, None)
        same_model = baseline is not None and baseline.bundle_sha256 == self._bundle_sha256
        self.calibration.set(sensor, baseline.baseline.fault_nats if baseline is not None and same_model else {})
        self.on_change(sensor)
        return fits

    def collect(self, sensor: str, *, collects: bool) -> None:
        """Begin or end to keep the features of a sensor's windows for `take`."""
        if collects:
            self._waiting.setdefault(sensor, deque(maxlen=MOST_WAITING))
        else:
            self._waiting.pop(sensor, None)
        self.on_change(sensor)

    def take(self, sensor: str) -> FeatureRow | None:
        """The features of a sensor's oldest window since the last call; None: there are none."""
        waiting = self._waiting.get(sensor)
        return waiting.popleft() if waiting else None

    def freeze(self, sensor: str, *, frozen: bool) -> None:
        """Stop the ageing of a sensor's baseline, because an alarm stands, or let it go on."""
        (self._frozen.add if frozen else self._frozen.discard)(sensor)
        slot = self._slots.get(sensor)
        if slot is not None:
            self._stack.frozen[slot] = frozen

    def unknown_states(self) -> dict[str, int]:
        """Sensor -> windows that lay in no operating state of its baseline since it is in use, if there are any."""
        counts = {sensor: int(self._stack.unknown[slot]) for sensor, slot in self._slots.items()}
        return {sensor: count for sensor, count in counts.items() if count}

    def drifts(self) -> dict[str, bytes]:
        """Sensor -> how far its baseline has aged, of those that have aged."""
        drifts = {sensor: self._stack.drift(slot) for sensor, slot in self._slots.items()}
        return {sensor: drift for sensor, drift in drifts.items() if drift is not None}

    def concerns(self, sensor: str) -> bool:
        """The sensor has a baseline, or is being commissioned."""
        if sensor in self._baselines or sensor in self._waiting:
            return True
        self._slots.pop(sensor, None)
        return False

    def begin(self, slot: int, sensor: str) -> None:
        """Begin with a sensor, or with another baseline of it."""
        for name in [name for name, other in self._slots.items() if other == slot and name != sensor]:
            del self._slots[name]
        self._slots[sensor] = slot
        used, rpm = self._baselines.get(sensor), self._rpm_of(sensor)
        if used is None:
            self._stack.clear(slot)
        else:
            self._stack.set(slot, used.baseline, uses_model=used.bundle_sha256 == self._bundle_sha256)
            self._stack.frozen[slot] = sensor in self._frozen
            if (drift := self.stored_drift(sensor)) is not None:
                self._stack.resume(slot, drift)
        self._stack.rpm[slot] = np.nan if rpm is None else rpm

    def __call__(self, windows: MonitoredWindows) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Compare windows with the baselines of their sensors, as `Observer`."""
        batch, rows, slots = windows.batch, windows.rows, windows.slots
        rpm = np.where(batch.rpm[rows] > 0, batch.rpm[rows], self._stack.rpm[slots])
        if self._waiting:
            self._keep(windows, rpm)
        nats = np.full(len(rows), NOT_EVALUATED, np.float32)
        label = np.zeros(len(rows), np.int8)
        compared = np.flatnonzero(self._stack.present[slots] & (batch.fault[rows] == NO_FAULT))
        rows, slots, rpm = rows[compared], slots[compared], rpm[compared]
        by_speed = self._stack.by_speed[slots]
        x = windows.x if len(compared) == len(nats) else windows.x[compared]
        features = self.features(
            x, batch.rms[rows], np.where(by_speed, rpm, np.nan), windows.outputs.probabilities[rows]
        )
        seconds = np.asarray(batch.advance_ns[rows] * 1e-9, np.float64)
        for part in rounds_of(slots):
            scores = self._stack.score(slots[part], features[part], rpm[part], seconds[part])
            nats[compared[part]] = scores.nats
            label[compared[part]] = self._names[1][by_speed[part].astype(np.intp), scores.expert]
        return nats, label

    def _keep(self, windows: MonitoredWindows, rpm: NDArray[np.float64]) -> None:
        """Keep the features of the sensors that are being commissioned; they are few."""
        batch, probabilities = windows.batch, windows.outputs.probabilities
        for at, row in enumerate(windows.rows.tolist()):
            waiting = self._waiting.get(batch.sensors[row])
            if waiting is not None:
                one, here = slice(at, at + 1), slice(row, row + 1)
                features = self.features(windows.x[one], batch.rms[here], rpm[one], probabilities[here])[0]
                waiting.append(FeatureRow(features, float(rpm[at]), self.calibration.log_odds(probabilities[here])[0]))
