"""HIT-SM bearings: seven labels at three speeds on each of two rigs, `<folder>/<rig>/<CLASS>_<rpm>.mat`.

Recorded at 51.2 kHz, brought to 12.8 kHz here: at 600 rpm a window of 2,048 samples then holds 1.6 revolutions
instead of 0.4. The recording chain follows the class (RMS by a factor of 50 to 100, and where the power lies), so
windows are normalised and a result across rigs says little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.decimation import decimate
from drsn.model.data.mat import variables
from drsn.model.data.recording import Recording
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

RECORDED_HZ = 51_200.0
DECIMATION = 4
SAMPLE_RATE_HZ = RECORDED_HZ / DECIMATION

RIGS = ("spectraquest", "self_built")
SPEEDS_RPM = (600, 900, 1200)
FILES = {
    "normal": "Normal",
    "inner_race_2": "IR2",
    "inner_race_5": "IR5",
    "inner_race_8": "IR8",
    "outer_race_2": "OR2",
    "outer_race_5": "OR5",
    "outer_race_8": "OR8",
}
"""Label -> how its files begin; the number is the defect's size in tenths of a millimetre."""


def read_speeds(folder: Path, rig: str, speeds_rpm: Iterable[int]) -> tuple[Recording, ...]:
    """The seven recordings of one rig at each speed, at 12.8 kHz.

    Raises:
        BadDataError: a file is missing or damaged.
        UnavailableError: scipy is not installed.
    """
    return tuple(read(folder, rig, label, rpm) for rpm in speeds_rpm for label in FILES)


def read(folder: Path, rig: str, label: str, rpm: int) -> Recording:
    """One recording, at 12.8 kHz, in the sensor's own unit.

    Raises:
        BadDataError: the file is missing, damaged, or does not hold one signal.
        UnavailableError: scipy is not installed.
    """
    path = folder / rig / f"{FILES[label]}_{rpm}.mat"
    signals = list(variables(path).values())  # each file has one variable, and each its own name for it
    if len(signals) != 1 or signals[0].size < RECORDED_HZ:
        raise BadDataError(f"HIT-SM: {path} does not hold one signal of a second or more; download it again")
    samples = np.asarray(signals[0], dtype=np.float32).reshape(1, -1)
    return Recording(
        name=f"{rig}-{path.stem}",
        label=label,
        samples=decimate(samples, DECIMATION),
        sample_rate_hz=SAMPLE_RATE_HZ,
        group=f"{rig} {rpm} rpm",
        rpm=float(rpm),
    )
