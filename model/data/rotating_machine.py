"""Vibration of a random rotating machine, with or without a bearing defect, from physics; numpy only, seeded.

The simulation randomises everything that differs from one real machine to the next (domain randomisation, Tobin et al.,
IROS 2017): bearing, speed, structure, what else vibrates, and the sensor chain. A network that is trained on it must
classify by what all machines share: the rhythm of the strikes and its modulation (Randall and Antoni, "Rolling element
bearing diagnostics - A tutorial", MSSP 25(2), 2011, sections 2 and 3).

All sources are built as spectra or as series at the sample rate, and each passes a structure of its own: some modes and
a direct path. The total is what an accelerometer gives, in no particular unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from drsn.model.bearing import Bearing, zone_load

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FAULTS = ("ball", "inner_race", "outer_race")

OVERSAMPLING = 8
"""Strikes lie on a grid of 1/8 of a sample: an error of 5 degrees of phase at a quarter of the sample rate."""

MARGIN_S = 0.1
"""Simulated before the start, and cut off: the ringing of the end wraps around into it."""


@dataclass(frozen=True)
class Ranges:
    """What is drawn, as (lowest, highest)."""

    rpm: tuple[float, float] = (300.0, 12_000.0)
    severity_db: tuple[float, float] = (-4.0, 18.0)
    """RMS of the defect's vibration over that of everything else, within the bandwidth."""


@dataclass(frozen=True)
class Shaft:
    """The speed: mean, slow drift and ripple."""

    hz: float
    drift: float
    """Relative change from the start to the end."""
    ripple: float
    """Relative amplitude of a wander at `ripple_hz`."""
    ripple_hz: float

    def turns(self, time_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Angle of the shaft in turns at each time, from a random one."""
        phase = rng.uniform(0, 2 * np.pi)
        w = 2 * np.pi * self.ripple_hz
        wander = self.ripple * np.sin(w * time_s + phase) / w
        drift = 0.5 * self.drift * time_s**2 / max(float(time_s[-1]), 1e-9)
        turns: NDArray[np.float64] = self.hz * (time_s + wander + drift) + rng.uniform()
        return turns


class Grid:
    """Sample times and frequencies of one simulation.

    Args:
        n_samples: of the result.
        sample_rate_hz: of the result.
    """

    def __init__(self, n_samples: int, sample_rate_hz: float) -> None:
        self.rate_hz = sample_rate_hz
        self.margin = round(MARGIN_S * sample_rate_hz)
        self.size = _smooth_length(n_samples + self.margin)
        self.n_samples = n_samples
        self.time_s = np.arange(self.size) / sample_rate_hz
        self.frequency_hz = np.fft.rfftfreq(self.size, 1 / sample_rate_hz)

    def series(self, spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        """The series of a spectrum."""
        return np.fft.irfft(spectrum, n=self.size)

    def noise(self, rng: np.random.Generator) -> NDArray[np.complex128]:
        """The spectrum of white Gaussian noise of RMS 1."""
        parts = rng.standard_normal((2, self.frequency_hz.size))
        spectrum: NDArray[np.complex128] = (parts[0] + 1j * parts[1]) * np.sqrt(self.size / 2)
        return spectrum

    def impulses(self, at: NDArray[np.float64], force: NDArray[np.float64]) -> NDArray[np.complex128]:
        """The spectrum of impulses at times in samples, on the finer grid; those outside are left out."""
        fine = np.round(at * OVERSAMPLING).astype(np.intp)
        inside = (fine >= 0) & (fine < self.size * OVERSAMPLING)
        train = np.bincount(fine[inside], force[inside], minlength=self.size * OVERSAMPLING)
        return np.fft.rfft(train)[: self.frequency_hz.size]

    def of_series(self, series: NDArray[np.float64]) -> NDArray[np.complex128]:
        """The spectrum of a series."""
        return np.fft.rfft(series)


class Scene(NamedTuple):
    """What all sources of one simulation share."""

    grid: Grid
    shaft: Shaft
    turns: NDArray[np.float64]
    """Angle of the shaft in turns: float64[grid.size]."""


def _smooth_length(length: int) -> int:
    """The next length without a prime factor above 5, for which an FFT is fast."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def simulate(
    fault: str | None, ranges: Ranges, n_samples: int, sample_rate_hz: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], float]:
    """Draw a machine and simulate it.

    Args:
        fault: one of `FAULTS`; None: the bearing is healthy.
        ranges: what is drawn.
        n_samples: length.
        sample_rate_hz: of the result.
        rng: the same state gives the same samples.

    Returns:
        float32[n_samples], RMS 1 about its mean, and the speed in revolutions per minute.
    """
    grid = Grid(n_samples, sample_rate_hz)
    shaft = random_shaft(ranges, rng)
    turns = shaft.turns(grid.time_s, rng)
    x = _unit_rms(background(Scene(grid, shaft, turns), rng))
    if fault is not None:
        ratio = 10 ** (rng.uniform(*ranges.severity_db) / 20)
        x = x + ratio * _unit_rms(grid.series(defect(grid, fault, turns, rng)))
    x = sensor_chain(grid, x, rng)[grid.margin : grid.margin + n_samples]
    return _unit_rms(x - x.mean()).astype(np.float32), 60 * shaft.hz


def random_shaft(ranges: Ranges, rng: np.random.Generator) -> Shaft:
    """Draw a speed, uniform in its logarithm, and how steady it is."""
    hz = float(np.exp(rng.uniform(*np.log(ranges.rpm)))) / 60
    steady = rng.uniform() < 0.5
    spread = 0.001 if steady else 0.01
    return Shaft(hz, rng.normal(0, spread), abs(rng.normal(0, spread)), rng.uniform(0.3, 8.0))


def random_bearing(rng: np.random.Generator) -> Bearing:
    """Draw a geometry within those of the common series."""
    ratio = rng.uniform(0.11, 0.32)
    most = int(np.pi / (1.08 * np.arcsin(ratio)))  # that fit on the circle, with room for the cage
    fewest = max(6, int(0.55 * most))
    angle = 0.0 if rng.uniform() < 0.6 else rng.uniform(5.0, 40.0)
    return Bearing(int(rng.integers(fewest, most + 1)), ratio, 1.0, angle)


def random_structure(grid: Grid, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Draw the frequency response of a path: 1 to 7 modes and a direct path; its largest gain is 1."""
    f, top = grid.frequency_hz, 0.48 * grid.rate_hz
    response = np.zeros(f.size, np.complex128)
    for _ in range(int(rng.integers(1, 8))):
        mode = float(np.exp(rng.uniform(np.log(0.04 * top), np.log(1.15 * top))))
        damping, r = np.exp(rng.uniform(np.log(0.008), np.log(0.12))), f / mode
        response += rng.exponential() * np.exp(2j * np.pi * rng.uniform()) * r / (1 - r**2 + 2j * damping * r)
    direct = rng.exponential(0.3) if rng.uniform() < 0.7 else 0.0
    response += direct * (f / top) ** rng.uniform(0.0, 1.0)
    return response / max(float(np.abs(response).max()), 1e-12)


def background(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Everything but a bearing defect: each part is there with a probability, at a random level."""
    total = np.zeros(scene.grid.size)
    for probability, level_db, make in SOURCES:
        if rng.uniform() < probability:
            total += 10 ** (rng.normal(level_db, LEVEL_SPREAD_DB) / 20) * _unit_rms(make(scene, rng))
    return total


def _unit_rms(x: NDArray[np.float64]) -> NDArray[np.float64]:
    rms = float(np.sqrt(np.mean(np.square(x))))
    return x / rms if rms > 0 else x


def _rolling_noise(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of rolling, flow or friction through the structure."""
    return scene.grid.series(scene.grid.noise(rng) * random_structure(scene.grid, rng))


def _sensor_noise(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise with a power density that rises or falls with frequency: white, pink, or between."""
    f = np.maximum(scene.grid.frequency_hz, scene.grid.frequency_hz[1])
    return scene.grid.series(scene.grid.noise(rng) * f ** rng.uniform(-0.6, 0.2))


def _harmonics(
    angle: NDArray[np.float64], orders: NDArray[np.float64], amplitudes: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    total = np.zeros_like(angle)
    for order, amplitude in zip(orders, amplitudes, strict=True):
        total += amplitude * np.sin(2 * np.pi * (order * angle + rng.uniform()))
    return total


def _shaft_harmonics(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Imbalance (1), misalignment (1 to 3) and their harmonics (ISO 13373-1, annex)."""
    orders = np.arange(1, int(rng.integers(2, 12)), dtype=np.float64)
    return _harmonics(scene.turns, orders, rng.exponential(1.0, orders.size) * orders ** rng.uniform(-2.0, 0.3), rng)


def _gear_mesh(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mesh harmonics with amplitude and phase modulated once per turn of either wheel (Randall, 1982)."""
    most = min(0.45 * scene.grid.rate_hz / scene.shaft.hz, 90.0)
    if most < 9:
        return np.zeros(scene.grid.size)
    teeth = float(rng.integers(8, int(most)))
    other = teeth / rng.integers(8, 120)  # turns of the other wheel per turn of the shaft
    total = np.zeros(scene.grid.size)
    for order in range(1, int(rng.integers(2, 5))):
        depth, bend = rng.uniform(0, 0.8, 2), rng.uniform(0, 0.05, 2)
        phase = rng.uniform(0, 2 * np.pi, 4)
        a, b = 2 * np.pi * scene.turns, 2 * np.pi * other * scene.turns
        gain = (1 + depth[0] * np.sin(a + phase[0])) * (1 + depth[1] * np.sin(b + phase[1]))
        angle = (
            order * 2 * np.pi * (teeth * scene.turns + bend[0] * np.sin(a + phase[2]) + bend[1] * np.sin(b + phase[3]))
        )
        total += rng.exponential(1.0) / order * gain * np.sin(angle)
    return total


def _modulated_noise(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Flow noise modulated at the shaft's and the blades' rate: fans, pumps, cavitation (Carlton, 2012, chapter 9)."""
    blades = float(rng.integers(2, 14))
    gain = np.ones(scene.grid.size)
    for order, depth in ((1.0, 0.6), (2.0, 0.3), (blades, 0.8), (2 * blades, 0.3)):
        gain += depth * rng.uniform() * np.sin(2 * np.pi * (order * scene.turns + rng.uniform()))
    return np.maximum(gain, 0.0) * scene.grid.series(scene.grid.noise(rng) * random_structure(scene.grid, rng))


def _electrical(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Twice the line frequency and its harmonics, and now and then the carrier of a frequency converter."""
    line_hz = float(rng.choice([50.0, 60.0])) * rng.uniform(0.995, 1.005)
    orders = np.array([1.0, 2.0, 4.0, 6.0, 12.0])
    total = _harmonics(scene.grid.time_s * line_hz, orders, rng.exponential(1.0, 5) * (0.3, 1.0, 0.5, 0.4, 0.3), rng)
    if rng.uniform() < 0.4:
        carrier_hz = rng.uniform(0.15, 0.45) * scene.grid.rate_hz
        around = carrier_hz + line_hz * np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
        total += _harmonics(scene.grid.time_s, around, rng.exponential(0.5, 5), rng)
    return total


def _stray_impacts(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Impacts of neighbours without a rhythm: a Poisson process."""
    count = 1 + rng.poisson(rng.uniform(1.0, 40.0) * scene.grid.size / scene.grid.rate_hz)
    train = scene.grid.impulses(
        rng.uniform(0, scene.grid.size, count), rng.exponential(1.0, count) * rng.choice([-1, 1], count)
    )
    return scene.grid.series(train * random_structure(scene.grid, rng))


def _looseness(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Impacts once, twice or half as often as the shaft turns: loose parts, couplings, pistons."""
    order = float(rng.choice([0.5, 1.0, 1.0, 2.0, 3.0]))
    at_turns, force = _train(scene.turns, order, 0.002, rng)
    return scene.grid.series(
        scene.grid.impulses(_sample_of(at_turns, scene.turns), force) * random_structure(scene.grid, rng)
    )


def _belt(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Harmonics of a belt, which goes round slower than the shaft."""
    orders = rng.uniform(0.15, 0.8) * np.arange(1, int(rng.integers(3, 10)), dtype=np.float64)
    return _harmonics(scene.turns, orders, rng.exponential(1.0, orders.size), rng)


def _foreign_tones(scene: Scene, rng: np.random.Generator) -> NDArray[np.float64]:
    """Tones of other machines, some of them beating."""
    tones_hz = np.exp(rng.uniform(np.log(5.0), np.log(0.45 * scene.grid.rate_hz), int(rng.integers(1, 6))))
    return _harmonics(scene.grid.time_s, tones_hz, rng.exponential(1.0, tones_hz.size), rng)


SOURCES: tuple[tuple[float, float, Callable[[Scene, np.random.Generator], NDArray[np.float64]]], ...] = (
    (1.0, 0.0, _rolling_noise),
    (1.0, -3.0, _sensor_noise),
    (0.8, -3.0, _shaft_harmonics),
    (0.35, -3.0, _gear_mesh),
    (0.35, -5.0, _modulated_noise),
    (0.25, -8.0, _electrical),
    (0.25, -6.0, _stray_impacts),
    (0.2, -6.0, _looseness),
    (0.15, -6.0, _belt),
    (0.2, -6.0, _foreign_tones),
)
"""Probability, median level in dB, and the source."""

LEVEL_SPREAD_DB = 7.0
"""Standard deviation of a source's level."""


def _train(
    turns: NDArray[np.float64], order: float, slip: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angles in turns, and forces, of impacts `order` times a turn; `slip` is the relative scatter of the gaps."""
    count = int((turns[-1] - turns[0]) * order * 1.1) + 4
    gaps = (1 + slip * rng.standard_normal(count)) / order
    at_turns = turns[0] + np.cumsum(gaps) - gaps[0] * rng.uniform()
    force = np.maximum(0.1, 1 + rng.uniform(0.02, 0.3) * rng.standard_normal(count))
    return at_turns, force


def _sample_of(at_turns: NDArray[np.float64], turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles to times in samples; beyond the end: outside of the grid."""
    at = np.interp(at_turns, turns, np.arange(turns.size, dtype=np.float64), right=np.inf)
    return np.where(np.isfinite(at), at, 2.0 * turns.size)


def defect(grid: Grid, fault: str, turns: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.complex128]:
    """The spectrum of the vibration of a defect: strikes of a point defect, or modulated noise of a worn stretch."""
    bearing = random_bearing(rng)
    order = {
        "outer_race": bearing.outer_race_order,
        "inner_race": bearing.inner_race_order,
        "ball": 2 * bearing.ball_spin_order,
    }[fault]
    slip = np.exp(rng.uniform(np.log(0.001), np.log(0.02)))
    order *= 1 - abs(rng.normal(0, 0.008))  # the cage slips
    at_turns, force = _train(turns, order, slip, rng)
    force *= modulation(bearing, fault, at_turns, rng)
    at = _sample_of(at_turns, turns)
    gap = grid.size / max((turns[-1] - turns[0]) * order, 1.0)  # in samples
    structure = random_structure(grid, rng)
    if rng.uniform() < 0.15:  # distributed: noise in the rhythm of the passages
        distance = np.minimum(np.arange(grid.size), grid.size - np.arange(grid.size))
        bump = np.exp(-0.5 * np.square(distance / max(rng.uniform(0.05, 0.3) * gap, 1.0)))
        gain = grid.series(grid.impulses(at, np.abs(force)) * np.fft.rfft(bump))
        return np.fft.rfft(gain * grid.series(grid.noise(rng) * structure))
    train = grid.impulses(at, force)
    if rng.uniform() < 0.3:  # a wide defect answers at its entry and its exit (Sawalhi and Randall, MSSP 2011)
        exits = at + rng.uniform(0.02, 0.25) * gap
        train = train * rng.uniform(0.2, 1.0) + grid.impulses(exits, force) * rng.choice([-1, 1])
    return train * structure


def modulation(
    bearing: Bearing, fault: str, at_turns: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Relative force of each strike: how the defect passes the load zone, and the path from it to the sensor."""
    centre, extent = rng.uniform(), rng.uniform(0.25, 0.9)
    if fault == "outer_race":
        # The load turns with an unbalanced shaft; mostly it stays.
        depth = rng.uniform(0.0, 0.35) if rng.uniform() < 0.5 else 0.0
        return 1 + depth * np.cos(2 * np.pi * (at_turns - centre))
    floor = rng.uniform(0.0, 0.25)
    if fault == "inner_race":
        return floor + (1 - floor) * zone_load(at_turns - centre, extent)
    force = floor + (1 - floor) * zone_load(bearing.cage_order * at_turns - centre, extent)
    force[1::2] *= rng.uniform(0.1, 1.0)  # the outer race lies nearer to the sensor than the inner
    return force


def sensor_chain(grid: Grid, x: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Mounting resonance or band edge, impulsive interference, clipping, and the converter's steps."""
    f, top = grid.frequency_hz, grid.rate_hz / 2
    response = np.ones(f.size, np.complex128)
    if rng.uniform() < 0.3:  # low-pass of the chain
        response /= 1 + 1j * (f / (top * rng.uniform(0.25, 1.0))) ** int(rng.integers(1, 5))
    elif rng.uniform() < 0.4:  # mounting
        r = f / (top * rng.uniform(0.5, 1.4))
        response /= 1 - r**2 + 2j * rng.uniform(0.03, 0.2) * r
    y = _unit_rms(grid.series(np.fft.rfft(x) * response))
    if rng.uniform() < 0.1:  # electromagnetic interference: single samples
        hit = rng.uniform(size=y.size) < np.exp(rng.uniform(np.log(2e-4), np.log(5e-3)))
        y = y + hit * rng.standard_normal(y.size) * np.exp(rng.uniform(np.log(3.0), np.log(20.0)))
    if rng.uniform() < 0.04:
        limit = float(np.abs(y).max()) * rng.uniform(0.5, 0.95)
        y = np.clip(y, -limit, limit)
    if rng.uniform() < 0.3:
        step = float(np.abs(y).max()) / 2.0 ** rng.integers(6, 12)
        y = np.round(y / step) * step
    return y
