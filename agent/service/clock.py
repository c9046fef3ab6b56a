"""The clocks of the process, as an argument: a test sets them, nothing sleeps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Clock:
    """Two clocks: durations are monotonic, dates are wall clock."""

    monotonic_s: Callable[[], float] = time.monotonic
    """Seconds since an arbitrary start; never set back."""
    unix_ns: Callable[[], int] = time.time_ns
    """Nanoseconds since 1970; an operator or NTP may set it."""
