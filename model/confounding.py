"""Find what gives away the label of a recording besides the vibration: its speed, rate, date, gain, offset or level.

If all healthy recordings are of 600 rpm and all faulty ones of 900 rpm, a model can learn the speed. Its accuracy on a
test set of the same recordings is then high, and says nothing about the fault.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from drsn.model.data.recording import Recording

SEPARATES = 0.9
"""A quantity separates a label if this share of the label's recordings are found by the most similar other recording,
and this share of those found are of the label."""

SURE = 0.01
"""Of measured quantities, which differ in each recording: the share of random orders of the labels that may be
separated as well."""

ORDERS = 199
"""Random orders of the labels."""

UNUSUAL_DB = 20.0
"""A fault changes the level. A label that is so much stronger or weaker than all others had another gain or sensor."""

QUANTISED = 0.5
"""A recording with fewer distinct values than this share of its samples (or of 4,096 of them) shows its gain."""

RPM = re.compile(r"(?<![0-9.])([0-9]{2,5}(?:\.[0-9]+)?)[ _-]?rpm", re.IGNORECASE)
DAY = re.compile(r"(?<![0-9])(20[0-9]{2})[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12][0-9]|3[01])(?![0-9])")


@dataclass(frozen=True)
class FileFacts:
    """What is known of one recording besides its label. NaN: not known."""

    name: str
    label: str
    speed_rpm: float
    sample_rate_hz: float
    day: float
    """Days since 0001-01-01: of the date in the name, else of the last change of the file."""
    gain: float
    """Step between neighbouring values of the converter, in the unit of the samples; NaN: none is visible."""
    offset: float
    """Mean of the samples of the first channel."""
    level: float
    """RMS without the mean of the first channel."""


class Quantity(NamedTuple):
    """A known quantity: what it is called, how a range of it reads, and whether it differs in each recording."""

    name: str
    text: Callable[[float, float], str]
    same: float
    """Values that follow each other within this part are one."""
    measured: bool
    cause: str


def _range(unit: str, number: str) -> Callable[[float, float], str]:
    def text(low: float, high: float) -> str:
        first, last = format(low, number), format(high, number)
        return f"{first}{unit}" if first == last else f"{first} to {last}{unit}"

    return text


def _dates(low: float, high: float) -> str:
    first, last = (datetime.fromordinal(int(day)).date().isoformat() for day in (low, high))
    return first if first == last else f"{first} to {last}"


QUANTITIES = {
    "speed_rpm": Quantity("speed", _range(" rpm", ".0f"), 0.01, False, "the speed"),
    "sample_rate_hz": Quantity("sample rate", _range(" Hz", "g"), 0.0, False, "the recorder"),
    "day": Quantity("date", _dates, 0.0, False, "what else changed between these days"),
    "gain": Quantity("gain (step of the converter)", _range("", ".3g"), 1e-3, True, "the recorder"),
    "offset": Quantity("offset (mean)", _range("", ".3g"), 0.0, True, "the sensor or the recorder"),
    "level": Quantity("level (RMS)", _range("", ".3g"), 0.0, True, "the sensor or the recorder"),
}


@dataclass(frozen=True)
class Confounder:
    """A quantity that separates labels."""

    quantity: str
    labels: tuple[str, ...]
    """The labels that it separates from all others."""
    ranges: dict[str, str]
    """Label -> its values, of all labels."""
    accuracy: float
    """Share of all recordings whose label is that of the recording with the nearest value."""
    cause: str
    """What a model can learn in place of the fault."""

    def __str__(self) -> str:
        ranges = "; ".join(f"{label} {text}" for label, text in self.ranges.items())
        return (
            f"the {self.quantity} alone separates {', '.join(self.labels)} from the others ({ranges}): a model can "
            f"learn {self.cause} and not the fault, and the test accuracy is then too high; record every label with "
            "the same values of it"
        )

    def document(self) -> dict[str, Any]:
        """For metrics.json."""
        return {**asdict(self), "labels": list(self.labels), "warning": str(self)}


def facts_of(recording: Recording, path: Path) -> FileFacts:
    """The facts of a recording as it was read from `path`, before it is resampled."""
    first = recording.samples[0].astype(np.float64)
    named = RPM.search(recording.name)
    return FileFacts(
        name=recording.name,
        label=recording.label,
        speed_rpm=recording.rpm or (float(named[1]) if named else np.nan),
        sample_rate_hz=recording.sample_rate_hz,
        day=_day(recording.name, path),
        gain=_step(recording.samples[0]),
        offset=float(first.mean()),
        level=float(first.std()),
    )


def _day(name: str, path: Path) -> float:
    if found := DAY.search(name):
        year, month, day = map(int, found.groups())
        try:
            return float(datetime(year, month, day, tzinfo=timezone.utc).toordinal())
        except ValueError:  # the 31st of a short month is no date
            pass
    try:
        return float(datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).toordinal())
    except OSError:
        return np.nan


def _step(samples: NDArray[np.float32]) -> float:
    values = np.unique(samples)
    if not 2 < len(values) < QUANTISED * min(len(samples), 4096 / QUANTISED):
        return np.nan
    return float(np.median(np.diff(values)))


def confounders(facts: Sequence[FileFacts]) -> tuple[Confounder, ...]:
    """Each quantity that all recordings have and that separates a label."""
    names = sorted({fact.label for fact in facts})
    label = np.array([names.index(fact.label) for fact in facts], np.intp)
    found = (_confounder(key, facts, label, names) for key in QUANTITIES)
    return tuple(one for one in found if one is not None)


def _confounder(
    key: str, facts: Sequence[FileFacts], label: NDArray[np.intp], names: Sequence[str]
) -> Confounder | None:
    values, quantity = np.array([getattr(fact, key) for fact in facts], np.float64), QUANTITIES[key]
    if len(names) < 2 or not np.isfinite(values).all() or len(cluster := _clusters(values, quantity.same)) < 2:
        return None
    guess = _guesses(values, cluster, label, len(names))
    right = guess[np.arange(len(label)), label]
    recall = np.array([right[label == each].mean() for each in range(len(names))])
    precision = np.array(
        [guess[label == each, each].sum() / max(guess[:, each].sum(), 1e-9) for each in range(len(names))]
    )
    told = [number for number in range(len(names)) if min(recall[number], precision[number]) >= SEPARATES]
    if key == "level":
        told = [number for number in told if _unusual(values, label, number)]
    if not told or (quantity.measured and not _sure(values, cluster, label, len(names), float(right.mean()))):
        return None
    ranges = {
        name: quantity.text(float(values[label == number].min()), float(values[label == number].max()))
        for number, name in enumerate(names)
    }
    return Confounder(
        quantity.name, tuple(names[n] for n in told), ranges, round(float(right.mean()), 3), quantity.cause
    )


def _clusters(values: NDArray[np.float64], same: float) -> NDArray[np.intp]:
    """int[n]: number of each value's cluster, rising with the value."""
    order = np.argsort(values, kind="stable")
    cluster = np.empty(len(values), np.intp)
    steps = np.diff(values[order]) > same * np.abs(values[order][:-1])
    cluster[order] = np.concatenate([[0], np.cumsum(steps)])
    return cluster


def _guesses(
    values: NDArray[np.float64], cluster: NDArray[np.intp], label: NDArray[np.intp], labels: int
) -> NDArray[np.float64]:
    """float[n, labels]: labels of the other recordings of the same value or, if there is none, of the nearest value."""
    n, parts = len(values), int(cluster.max()) + 1
    counts = np.zeros((parts, labels))
    np.add.at(counts, (cluster, label), 1)
    own = np.zeros((n, labels))
    own[np.arange(n), label] = 1
    centre = np.array([values[cluster == part].mean() for part in range(parts)])
    gaps = np.diff(centre)
    to_left, to_right = np.append(np.inf, gaps), np.append(gaps, np.inf)
    nearest = np.arange(parts) + np.where(to_left <= to_right, -1, 1)
    alone = counts.sum(axis=1)[cluster] < 2
    others = np.where(alone[:, np.newaxis], counts[np.clip(nearest, 0, parts - 1)][cluster], counts[cluster] - own)
    total: NDArray[np.float64] = others / np.maximum(others.sum(axis=1, keepdims=True), 1)
    return total


def _sure(
    values: NDArray[np.float64], cluster: NDArray[np.intp], label: NDArray[np.intp], labels: int, right: float
) -> bool:
    """True if few random orders of the labels are separated as well."""
    rng = np.random.default_rng(0)
    as_well = 0
    for _ in range(ORDERS):
        order = rng.permutation(label)
        as_well += _guesses(values, cluster, order, labels)[np.arange(len(order)), order].mean() >= right
    return bool((as_well + 1) / (ORDERS + 1) <= SURE)


def _unusual(values: NDArray[np.float64], label: NDArray[np.intp], number: int) -> bool:
    """True if the label's median is 20 dB from the medians of all others."""
    own = np.median(values[label == number])
    others = [np.median(values[label == each]) for each in np.unique(label) if each != number]
    return all(abs(20 * np.log10(max(own, 1e-30) / max(other, 1e-30))) >= UNUSUAL_DB for other in others)
