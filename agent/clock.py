"""Is this machine's clock right? The kernel knows, from whatever keeps it: chrony, systemd-timesyncd, PTP."""

from __future__ import annotations

import ctypes
import math

UNSYNCHRONISED = 0x40
"""STA_UNSYNC of adjtimex(2)."""

TIME_ERROR = 5

ASK_EVERY_S = 10.0


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


class Clock:
    """The kernel's word, asked for now and then; a kernel that does not say counts as a clock that is not right."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._asked_s = -math.inf
        self._synchronised = False

    def synchronised(self, now_s: float) -> bool:
        """Whether something keeps the clock right; `now_s` is monotonic."""
        if now_s - self._asked_s >= ASK_EVERY_S:
            self._asked_s, timex = now_s, Timex()
            result = self._libc.adjtimex(ctypes.byref(timex))
            self._synchronised = 0 <= result < TIME_ERROR and not timex.status & UNSYNCHRONISED
        return self._synchronised
