"""What is measured on one window, beside what the network finds in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One window of one sensor: its time, its level, and the fault of the sensor if it shows one."""

    sensor: str
    end_unix_ns: int
    duration_ns: int
    fresh: bool
    """It must not vote together with the windows before it."""
    rms: float
    """RMS of the AC part, in `unit`."""
    peak: float
    """Largest distance from the mean, in `unit`."""
    unit: str | None
    clock_synced: bool
    advance_ns: int
    """Duration of the samples that no earlier window held."""
    rpm: float | None = None
    """Shaft speed as the packet gives it."""
    fault: str | None = None
    """Fault of the sensor that this window shows (`sensor_faults.FAULTS`)."""
    velocity_rms_mm_s: float | None = None
    """RMS velocity of the sensor by its last measurement; None: it is not measured, or not yet."""
    kurtosis: float | None = None
    """3 for Gaussian noise; None: not measured."""

    @property
    def crest_factor(self) -> float | None:
        """Peak over RMS; None: the window is flat."""
        return self.peak / self.rms if self.rms else None
