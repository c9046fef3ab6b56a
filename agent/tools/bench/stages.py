"""Which stage of a window's way takes the CPU time: samples of the main thread's stack, by module."""

from __future__ import annotations

import signal
import time
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from typing_extensions import Self

STAGES = {
    "drsn.agent.acquisition.codecs": "decode",
    "drsn.agent.acquisition.sensor_faults": "sensor faults",
    "drsn.agent.acquisition.fault_screen": "sensor faults",
    "drsn.agent.acquisition": "route, ring and batch",
    "drsn.model.conditioning": "conditioning",
    "drsn.agent.backends": "network",
    "drsn.agent.decision": "decision",
    "drsn.agent.evidence": "evidence",
    "drsn.agent.storage": "commit",
    "drsn.agent.service.committer": "commit",
    "drsn.agent.delivery": "publish",
    "drsn.agent.schema": "publish",
    "drsn.agent.mqtt": "publish",
    "drsn": "loop",
}
"""Module -> the stage that its time belongs to, in the order of a window's way. The longest name that fits counts."""

ORDER = tuple(dict.fromkeys(STAGES.values()))
"""The stages, in the order of a window's way."""

INTERVAL_S = 0.001
"""CPU time between two samples; most kernels make 4 ms of it."""


class StageSampler:
    """Attributes the CPU time of the process to stages, while it is entered; on the main thread only.

    A signal comes in steady CPU time. What was used since the last one belongs to the innermost function of this
    package, so a long call of a library counts in full. The cost of a sample is a few microseconds.
    """

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = dict.fromkeys(ORDER, 0.0)
        """Stage -> CPU seconds."""
        self._last_s = 0.0

    def __enter__(self) -> Self:
        self._last_s = time.process_time()
        self._handler = signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._handler)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        now_s = time.process_time()
        self.cpu_s[stage_of(frame)] += now_s - self._last_s
        self._last_s = now_s


def stage_of(frame: FrameType | None) -> str:
    """Return the stage of the innermost frame that has one."""
    while frame is not None:
        stage = stage_of_module(frame.f_globals.get("__name__", ""))
        if stage is not None:
            return stage
        frame = frame.f_back
    return "loop"


@cache
def stage_of_module(module: str) -> str | None:
    """Return the stage of a module; None: it is not of this package, so its time belongs to its caller."""
    while module:
        if module in STAGES:
            return STAGES[module]
        module = module.rpartition(".")[0]
    return None
