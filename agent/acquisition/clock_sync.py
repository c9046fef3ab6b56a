"""Is this machine's clock right? The kernel knows, from whatever keeps it: chrony, systemd-timesyncd, PTP."""

from __future__ import annotations

import ctypes
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UNSYNCHRONISED = 0x40
"""STA_UNSYNC of adjtimex(2)."""

TIME_ERROR = 5

ASK_EVERY_S = 10.0

STEP_S = 1.0
"""The wall clock has been set if it has gone so much more or less than the monotonic one. Slewed by the kernel's most,
500 ppm, it is 5 ms off after ten seconds."""


class Timex(ctypes.Structure):
    """`struct timex` up to its status; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


class ClockSync:
    """The kernel's word, asked for now and then; a kernel that does not say counts as a clock that is not right.

    Whoever sets the clock takes the kernel's word back: then it is asked anew at once.

    Args:
        read: the wall clock, in seconds.
    """

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        self._read = read
        self._ahead_s = math.inf  # of the wall clock before the monotonic one
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._asked_s = -math.inf
        self._synchronised = False

    def synchronised(self, now_s: float) -> bool:
        """Whether something keeps the clock right; `now_s` is monotonic."""
        ahead_s = self._read() - now_s
        if now_s - self._asked_s >= ASK_EVERY_S or abs(ahead_s - self._ahead_s) > STEP_S:
            self._asked_s, self._ahead_s, timex = now_s, ahead_s, Timex()
            result = self._libc.adjtimex(ctypes.byref(timex))
            self._synchronised = 0 <= result < TIME_ERROR and not timex.status & UNSYNCHRONISED
        return self._synchronised
