"""Whether this machine's clock is right. The kernel has that from chrony, systemd-timesyncd or PTP."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

UNSYNCHRONISED = 0x40
"""STA_UNSYNC of adjtimex(2)."""

TIME_ERROR = 5
"""TIME_ERROR of adjtimex(2): the clock is not synchronised."""

ASK_EVERY_S = 10.0

STEP_S = 1.0
"""The wall clock was set if it has gone this much more or less than the monotonic clock since the last question. Slewed
by the kernel's most, 500 ppm, it is 5 ms off after ten seconds."""


class Timex(ctypes.Structure):
    """`struct timex` up to its status; the rest is padding."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


class KernelClock(NamedTuple):
    """The kernel's answer about the wall clock."""

    synchronised: bool | None
    """Whether something keeps the clock right; None: the kernel gives no answer."""
    max_error_us: int
    """Largest error of the clock, in microseconds."""


def ask_kernel(libc: Any = None) -> KernelClock:  # noqa: ANN401 (ctypes has no types for it)
    """Ask whether the clock is synchronised: the one source of `clock_synced`, of `doctor` and of `replay`.

    Args:
        libc: the C library, which has `adjtimex`; None: this process's.
    """
    timex = Timex()
    result = (ctypes.CDLL(None, use_errno=True) if libc is None else libc).adjtimex(ctypes.byref(timex))
    synchronised = None if result < 0 else result < TIME_ERROR and not timex.status & UNSYNCHRONISED
    return KernelClock(synchronised, int(timex.maxerror))


class ClockSync:
    """The kernel's answer, asked for every ten seconds. Without an answer the clock counts as not right.

    Setting the clock cancels the kernel's answer, so after a step of the clock it is asked again at once.

    Args:
        wall_s: reads the wall clock, in seconds.
        libc: the C library, which has `adjtimex`; None: this process's.
    """

    def __init__(self, wall_s: Callable[[], float], libc: Any = None) -> None:  # noqa: ANN401 (ctypes has no types for it)
        self._wall_s = wall_s
        self._libc = ctypes.CDLL(None, use_errno=True) if libc is None else libc
        self._ahead_s = math.inf  # wall clock less monotonic clock at the last question
        self._asked_s = -math.inf
        self._synchronised = False

    def synchronised(self, now_s: float) -> bool:
        """Whether something keeps the clock right; `now_s` is monotonic."""
        ahead_s = self._wall_s() - now_s
        if now_s - self._asked_s >= ASK_EVERY_S or abs(ahead_s - self._ahead_s) > STEP_S:
            self._asked_s, self._ahead_s = now_s, ahead_s
            self._synchronised = bool(ask_kernel(self._libc).synchronised)
        return self._synchronised
