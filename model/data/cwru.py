"""The bearing data of Case Western Reserve University: drive-end sensor, ten labels, four loads.

Official files are named by number; so are their variables, and some files hold a neighbour's variables too, so
the number chooses. The normal files were taken at 48 kHz, the faults at 12 kHz: normal is brought down to 12 kHz
here, or a model would know it by its time scale. Fault files fall steeply at 5.7 kHz and normal does not: a model
must not see above `BANDWIDTH_HZ`, which conditioning sees to (the recipe's `bandwidth_hz`).

https://engineering.case.edu/bearingdatacenter
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.decimation import decimate
from drsn.model.data.mat import variables
from drsn.model.data.recording import Recording
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


SAMPLE_RATE_HZ = 12_000.0
BANDWIDTH_HZ = 5_300.0

LOADS_HP = (0, 1, 2, 3)
RPM = (1797.0, 1772.0, 1750.0, 1730.0)
"""Nominal speed at each load."""

FIRST_FILE = {
    "normal": 97,
    "ball_007": 118,
    "ball_014": 185,
    "ball_021": 222,
    "inner_race_007": 105,
    "inner_race_014": 169,
    "inner_race_021": 209,
    "outer_race_007": 130,
    "outer_race_014": 197,
    "outer_race_021": 234,
}
"""Number of each label's file at 0 hp; those at 1, 2 and 3 hp follow it. Outer race defects are at 6 o'clock."""

LABEL_AND_LOAD = {first + load_hp: (label, load_hp) for label, first in FIRST_FILE.items() for load_hp in LOADS_HP}

DECIMATION = 4
"""Decimation factor of the normal files, which are sampled at 48 kHz; flat to 5.88 kHz."""


def file_numbers(load_hp: int) -> tuple[int, ...]:
    """The ten files of one load, normal first; `file_numbers(3)` is the usual test set."""
    return tuple(first + load_hp for first in FIRST_FILE.values())


def find(folder: Path, number: int) -> Path | None:
    """Path of `<number>.mat`, or of `<number>_partial.mat` where the complete recording is not available."""
    for name in (f"{number}.mat", f"{number}_partial.mat"):
        if (folder / name).is_file():
            return folder / name
    return None


def read_loads(folder: Path, loads_hp: Iterable[int]) -> tuple[Recording, ...]:
    """Read all recordings of the given loads from `folder`.

    Normal files may be missing, for they were lost from many copies; a fault's file may not.

    Raises:
        BadDataError: the folder or a fault's file is missing, or a file can't be read.
    """
    recordings = []
    for number in (number for load_hp in loads_hp for number in file_numbers(load_hp)):
        path = find(folder, number)
        if path is not None:
            recordings.append(read(path))
        elif LABEL_AND_LOAD[number][0] != "normal":
            raise BadDataError(f"CWRU: {folder}/{number}.mat is missing; download it or set DRSN_DATA_DIR")
    return tuple(recordings)


def read(path: Path) -> Recording:
    """Read the drive-end signal of one official file: 12 kHz, in g.

    Raises:
        BadDataError: not one of the forty files, or without its variable.
        UnavailableError: scipy is not installed.
    """
    found = re.match(r"\d+", path.name)
    number = int(found.group()) if found else -1
    if number not in LABEL_AND_LOAD:
        raise BadDataError(f"CWRU: {path} is not one of the ten-label drive-end files; expected such as 105.mat")
    label, load_hp = LABEL_AND_LOAD[number]
    signals = variables(path)
    name = f"X{number:03d}_DE_time"
    if name not in signals:
        raise BadDataError(f"CWRU: {path} holds no {name}; it is damaged or renamed, download it again")
    samples = np.asarray(signals[name], dtype=np.float32).reshape(1, -1)
    return Recording(
        name=path.stem,
        label=label,
        samples=decimate(samples, DECIMATION) if label == "normal" else samples,
        sample_rate_hz=SAMPLE_RATE_HZ,
        group=f"{load_hp} hp",
        rpm=RPM[load_hp],
    )
