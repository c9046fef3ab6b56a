"""The real agent with another backend: one that counts the network's CPU time, or one that answers at once.

Arguments: --config FILE --counter FILE [--answer-ms T] [--stacks FILE]. The counter is a file of 8 bytes, a float64:
CPU seconds that all calls of the network took so far. With --answer-ms a batch of any size is answered after that time,
as a GPU would: the thread sleeps without the interpreter's lock, and every window is normal. With --stacks, samples of
the main thread's stack are written there at the end.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import signal
import struct
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.backends.backend import Outputs
from drsn.agent.backends.selection import Chosen, choose
from drsn.agent.mqtt.connection import Connection
from drsn.agent.observability import logs
from drsn.agent.service.bootstrap import assemble, backend_options
from drsn.agent.service.waits import Waits
from drsn.agent.settings.loader import load
from drsn.agent.storage.journal import Journal
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from types import FrameType

    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Backend
    from drsn.model.contract import ModelContract

PR_SET_TIMERSLACK = 29
"""prctl(2): a sleep ends up to 50 us late, unless a thread asks for better."""


class CountingBackend:
    """Writes the CPU time of all calls to the counter."""

    def __init__(self, backend: Backend, counter: mmap.mmap) -> None:
        self._backend, self._counter, self._cpu_s = backend, counter, 0.0
        self.name = backend.name

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        """Call the network."""
        before_s = time.thread_time()
        outputs = self._backend.infer(x)
        self._cpu_s += time.thread_time() - before_s
        struct.pack_into("d", self._counter, 0, self._cpu_s)
        return outputs

    def close(self) -> None:
        """Close the network."""
        self._backend.close()


class StackSampler:
    """Samples the main thread's stack in steady CPU time, and weights each sample with the time since the last one."""

    def __init__(self) -> None:
        self._stacks: defaultdict[str, float] = defaultdict(float)
        self._began_s = self._last_s = 0.0
        self._began_main_s, self._began_windows = 0.0, 0

    def start(self, windows: int) -> None:
        """Begin; `windows` so far."""
        self._began_s, self._began_windows = time.process_time(), windows
        self._began_main_s = self._last_s = time.thread_time()
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        now_s, names = time.thread_time(), []
        while frame is not None:
            names.append(f"{frame.f_globals.get('__name__')}:{frame.f_code.co_name}")
            frame = frame.f_back
        self._stacks[";".join(reversed(names))] += now_s - self._last_s
        self._last_s = now_s

    def write(self, path: Path, windows: int) -> None:
        """End; write microseconds for each window by stack, of all threads, and of the main thread."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        a_window = 1e6 / max(1, windows - self._began_windows)
        document = {
            "cpu_us": (time.process_time() - self._began_s) * a_window,
            "main_us": (time.thread_time() - self._began_main_s) * a_window,
            "stacks": {stack: seconds * a_window for stack, seconds in self._stacks.items()},
        }
        path.write_text(json.dumps(document), encoding="utf-8")


class InstantBackend:
    """Answers after a fixed time that every window is normal."""

    name = "instant"

    def __init__(self, contract: ModelContract, max_batch: int, answer_s: float) -> None:
        healthy = next(n for n, label in enumerate(contract.labels) if label.healthy)
        probabilities = np.full((max_batch, len(contract.labels)), 0.001, np.float32)
        probabilities[:, healthy] = 1 - 0.001 * (len(contract.labels) - 1)
        novelty = np.full(max_batch, (contract.abstention_threshold or 0) - 5, np.float32)
        self._answers = [Outputs(probabilities[:n], novelty[:n], None) for n in range(max_batch + 1)]
        self._answer_s = answer_s
        self._thread = threading.local()

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        """Sleep, and return the same outputs."""
        if not hasattr(self._thread, "precise"):
            self._thread.precise = ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
        time.sleep(self._answer_s)
        return self._answers[len(x)]

    def close(self) -> None:
        """Nothing to free."""


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--counter", type=Path, required=True)
    parser.add_argument("--answer-ms", type=float)
    parser.add_argument("--stacks", type=Path)
    arguments = parser.parse_args()
    configuration = load(arguments.config)
    settings = configuration.settings
    logs.configure(settings.agent.log_level)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    bundle = open_bundle(configuration.bundle_path)
    with arguments.counter.open("r+b") as file, mmap.mmap(file.fileno(), 8) as counter:
        if arguments.answer_ms is not None:
            answer_s = arguments.answer_ms / 1e3
            chosen = Chosen(InstantBackend(bundle.contract, settings.inference.max_batch, answer_s))
        else:
            chosen = Chosen(CountingBackend(choose(bundle, backend_options(settings)).backend, counter))
        journal = Journal(settings.agent.state_dir)
        waits = Waits(overlap=arguments.stacks is None)  # the sampler sees the main thread alone
        agent, loop = assemble(configuration, bundle, chosen, journal, Connection, waits=waits)
        sampler, metrics = StackSampler(), agent.pipeline.metrics
        if arguments.stacks is not None:
            sampler.start(metrics.windows)
        try:
            loop.run(stop)
        finally:
            if arguments.stacks is not None:
                sampler.write(arguments.stacks, metrics.windows)
            agent.recorder.close()
            journal.close()


if __name__ == "__main__":
    main()
