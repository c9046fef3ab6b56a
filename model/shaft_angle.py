"""The shaft's angle as a channel of the graph's input, in the order domain (`signal.domain = "order"`).

Order analysis (Randall, "Vibration-based Condition Monitoring", 2nd ed., Wiley 2021, section 3.6) measures frequency in
cycles per revolution of the shaft, where a defect has the same line at each speed. The graph computes orders itself;
it needs the number of revolutions in the window, which is the last value of this channel. The speed is constant in a
window: packets give one speed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def shaft_angle(rpm: ArrayLike, window: int, sample_rate_hz: float) -> NDArray[np.float32]:
    """The angle in revolutions since the start of the window, at the end of each sample.

    Args:
        rpm: float[n], one speed a window; NaN: unknown.
        window: samples of a window.
        sample_rate_hz: of the window.

    Returns:
        float32[n, window]; zeros where the speed is unknown.
    """
    per_sample = np.nan_to_num(np.asarray(rpm, np.float64)) / (60.0 * sample_rate_hz)
    angle: NDArray[np.float32] = np.multiply.outer(
        per_sample.astype(np.float32), np.arange(1, window + 1, dtype=np.float32)
    )
    return angle
