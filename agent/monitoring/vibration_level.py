"""The monitor of the vibration level: RMS velocity and kurtosis of each window, and the zone of ISO 20816-3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from drsn.agent.acquisition.notice import WARNING, Notice, Notices
from drsn.agent.acquisition.rounds import rounds_of
from drsn.agent.acquisition.sensor_faults import NO_FAULT
from drsn.agent.monitoring.findings import NOT_EVALUATED
from drsn.agent.monitoring.impulsiveness import kurtosis_of
from drsn.agent.monitoring.velocity_meter import FRAMES_BYTES, NewSamples, VelocityMeter
from drsn.agent.monitoring.vibration_zones import ZONES, ZoneName, zones_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from drsn.agent.acquisition.window_batch import WindowBatch
    from drsn.agent.monitoring.monitors import MonitoredWindows, NativeWindows

VOTE_NATS: Final = 10.0
"""Log-likelihood ratio of a window in a zone that counts as too high. Votes decide, so only its sign matters."""

MEASUREMENTS: Final = 3
"""A sensor is in the lowest zone of so many last measurements: one shock does not make its zone worse."""

_NO_ZONE = 127
_FIRST_SLOTS = 64  # doubled when they are used up


@dataclass(frozen=True, slots=True)
class LevelSetup:
    """How the level of a sensor is measured and evaluated."""

    limits_mm_s: tuple[float, float, float]
    """Boundaries of the zones A/B, B/C and C/D, in mm/s RMS."""
    low_hz: float = 10.0
    """Lower end of the band."""
    raise_from: ZoneName = "zone_c"
    """The lowest zone that counts as too high."""


class VibrationLevel:
    """Measures the level of the sensors that have limits, and finds which of them vibrate too much.

    Args:
        setup_of: sensor id -> its setup; None: its level is not evaluated.
        notices: takes a warning for a sensor whose velocity cannot be measured.
        most_bytes: memory for frames of all sensors.
    """

    labels: tuple[str, ...] = ZONES

    def __init__(
        self, setup_of: Callable[[str], LevelSetup | None], notices: Notices, most_bytes: int = FRAMES_BYTES
    ) -> None:
        self._setup_of, self._notices = setup_of, notices
        self._meter = VelocityMeter(most_bytes)
        # By slot:
        self._limits_mm_s = np.zeros((_FIRST_SLOTS, len(ZONES) - 1))
        self._raise_from = np.zeros(_FIRST_SLOTS, np.int8)
        self._zones = np.zeros((_FIRST_SLOTS, MEASUREMENTS), np.int8)  # of the last measurements, the newest first
        self._noted = np.zeros(_FIRST_SLOTS, np.bool_)

    def concerns(self, sensor: str) -> bool:
        """Whether the sensor has limits."""
        return self._setup_of(sensor) is not None

    def begin(self, slot: int, sensor: str) -> None:
        """Begin with a sensor that has limits, or begin again."""
        setup = self._setup_of(sensor)
        assert setup is not None, "the sensor has limits"
        if slot >= len(self._zones):
            more = max(len(self._zones), slot + 1)
            self._limits_mm_s, self._raise_from, self._zones, self._noted = (
                np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)])
                for array in (self._limits_mm_s, self._raise_from, self._zones, self._noted)
            )
        self._limits_mm_s[slot], self._raise_from[slot] = setup.limits_mm_s, ZONES.index(setup.raise_from)
        self._zones[slot], self._noted[slot] = _NO_ZONE, False
        self._meter.begin(slot, setup.low_hz)

    def __call__(self, windows: MonitoredWindows) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Measure windows into the columns of the batch, and evaluate their velocity.

        Returns:
            float32[windows]: above 0 in a zone that counts as too high, `NOT_EVALUATED` without a velocity;
            int8[windows]: the zone, as an index of `labels`.
        """
        nats = np.empty(len(windows.rows), np.float32)
        zone = np.zeros(len(windows.rows), np.int8)
        batch = windows.batch
        for part in windows.native():
            batch.kurtosis[windows.rows[part.at]] = kurtosis_of(part.samples)
            for chosen in rounds_of(windows.slots[part.at]):
                at = part.at[chosen]
                rows, slots = windows.rows[at], windows.slots[at]
                velocity, new = self._meter.measure(_new_samples(batch, rows, slots, part, chosen))
                batch.velocity_rms_mm_s[rows] = velocity
                self._enter(slots[new], velocity[new])
                known = np.isfinite(velocity)
                zone[at] = np.where(known, self._zones[slots].min(axis=1), 0)
                too_high = zone[at] >= self._raise_from[slots]
                nats[at] = np.where(known, np.where(too_high, VOTE_NATS, -VOTE_NATS), NOT_EVALUATED)
        self._note(windows)
        return nats, zone

    def _enter(self, slots: NDArray[np.intp], velocity: NDArray[np.float64]) -> None:
        """Take a measurement of each of some sensors."""
        zones = self._zones[slots]
        before = np.where(zones[:, 0] == _NO_ZONE, 0, zones[:, 0]).astype(np.int8)
        zones[:, 1:] = zones[:, :-1].copy()
        zones[:, 0] = zones_of(velocity, self._limits_mm_s[slots], before)
        self._zones[slots] = zones

    def _note(self, windows: MonitoredWindows) -> None:
        """Warn once of each sensor whose velocity cannot be measured."""
        unmeasured = ~(self._meter.has_frame(windows.slots) | self._noted[windows.slots])
        for at in np.flatnonzero(unmeasured).tolist():
            row, slot = int(windows.rows[at]), int(windows.slots[at])
            if self._noted[slot]:
                continue
            self._noted[slot] = True
            sensor, unit = windows.batch.sensors[row], windows.batch.units[row]
            event = "no velocity: the unit of the packets is unknown (docs/use/level.md)"
            if self._meter.knows(unit):
                event = "no velocity: there is no memory for the signal (docs/use/level.md)"
            self._notices.add(Notice(WARNING, event, ("velocity", sensor), {"sensor": sensor, "unit": unit}))


def _new_samples(
    batch: WindowBatch, rows: NDArray[np.intp], slots: NDArray[np.intp], part: NativeWindows, chosen: NDArray[np.intp]
) -> NewSamples:
    samples = part.samples if len(chosen) == len(part.at) else part.samples[chosen]
    return NewSamples(
        slots,
        samples,
        part.sample_rate_hz,
        np.rint(batch.advance_ns[rows] * (part.sample_rate_hz / 1e9)).astype(np.int64),
        [batch.units[row] for row in rows.tolist()],
        batch.joined[rows],
        batch.fresh[rows],
        batch.fault[rows] == NO_FAULT,
    )
