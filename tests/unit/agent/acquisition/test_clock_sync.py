from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from drsn.agent.acquisition.clock_sync import ASK_EVERY_S, TIME_ERROR, UNSYNCHRONISED, ClockSync


@dataclass
class Kernel:
    """Stands in for the C library: the kernel's answer about the clock."""

    status: int = 0
    result: int = 0
    asked: int = 0

    def adjtimex(self, reference) -> int:
        self.asked += 1
        reference._obj.status = self.status
        return self.result


@pytest.mark.parametrize(
    ("status", "result", "right"), [(0, 0, True), (UNSYNCHRONISED, 0, False), (0, TIME_ERROR, False), (0, -1, False)]
)
def test_the_clock_is_right_if_the_kernel_answers_so(status: int, result: int, *, right: bool):
    assert ClockSync(lambda: 1e9, Kernel(status, result)).synchronised(0.0) is right


def test_the_kernel_is_asked_again_after_a_while():
    kernel, now_s = Kernel(), 0.0
    clock = ClockSync(lambda: 1e9 + now_s, kernel)
    for now_s in (100.0, 101.0, 100.0 + ASK_EVERY_S):
        clock.synchronised(now_s)
    assert kernel.asked == 2


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_the_kernel_is_asked_at_once_when_the_clock_was_set(step_s: float):
    kernel, wall_s = Kernel(), 1e9
    clock = ClockSync(lambda: wall_s, kernel)
    assert clock.synchronised(100.0)
    kernel.status, wall_s = UNSYNCHRONISED, wall_s + 0.1 + step_s
    assert not clock.synchronised(100.1)


def test_this_kernel_answers():
    assert ClockSync(time.time).synchronised(0.0) in (True, False)
