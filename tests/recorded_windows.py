"""The recordings of CWRU and HIT-SM, as they were recorded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.mat import variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


def recorded(data_dir: Path) -> Iterator[tuple[str, NDArray[np.float32], int]]:
    """Name, samples and window of each recording, at the rate at which it was taken."""
    for path in sorted((data_dir / "cwru").glob("*.mat")):
        number = int(re.match(r"\d+", path.name).group())
        samples = variables(path)[f"X{number:03d}_DE_time"]
        yield path.name, np.asarray(samples, np.float32).reshape(1, -1), 8192 if number <= 100 else 2048
    for path in sorted((data_dir / "hit_sm").glob("*/*.mat")):
        (samples,) = variables(path).values()
        yield path.name, np.asarray(samples, np.float32).reshape(1, -1), 8192
