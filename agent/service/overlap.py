"""Overlap: the network runs one batch on a thread of its own while the next batch is received and decoded.

ONNX Runtime and TensorRT release Python's interpreter lock for the time of a call. Only the call runs on the thread:
an array operation of numpy takes the lock again after each step, and would wait 5 ms for it (sys.setswitchinterval).
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING

from drsn.agent.observability.worker_thread import WorkerThread

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from drsn.agent.acquisition.batcher import Batcher
    from drsn.agent.backends.backend import Backend, Outputs


class Overlap:
    """Runs at most one batch at a time.

    Args:
        backend: runs the network.
        spare: filled while the other batcher's windows are in the network; the two take turns.
        on_done: called by the thread when a call has ended.
    """

    def __init__(self, backend: Backend, spare: Batcher, on_done: Callable[[], None] = lambda: None) -> None:
        self._backend, self._spare, self._on_done = backend, spare, on_done
        self._running: tuple[Batcher, Future[tuple[Outputs, float]]] | None = None
        self._calls: SimpleQueue[tuple[NDArray[np.float32], Future[tuple[Outputs, float]]]] = SimpleQueue()
        # A daemon thread: a process that waited for the network at its exit could not be ended.
        self._thread = WorkerThread(target=self._work, name="network")

    @property
    def busy(self) -> bool:
        """A batch was started and is not finished."""
        return self._running is not None

    @property
    def done(self) -> bool:
        """The call of the batch has ended; `finish` does not wait."""
        return self._running is not None and self._running[1].done()

    def start(self, batcher: Batcher) -> Batcher:
        """Run a batch that was measured; the one before it is finished.

        Returns:
            The batcher to fill meanwhile.
        """
        assert self._running is None, "one batch at a time: the outputs of a backend are valid until its next call"
        if not self._thread.is_alive():  # an agent whose batches are never full has no thread
            self._thread.start()
        future: Future[tuple[Outputs, float]] = Future()
        self._running = batcher, future
        self._calls.put((batcher.x, future))
        return self._spare

    def finish(self) -> tuple[Batcher, Outputs, float]:
        """Wait for the batch.

        Returns:
            The batcher, the outputs of the network, and the seconds of the call.

        Raises:
            DrsnError: the backend failed.
        """
        assert self._running is not None, "a batch was started"
        batcher, future = self._running
        outputs, call_s = future.result()
        self._running, self._spare = None, batcher
        return batcher, outputs, call_s

    def _work(self) -> None:
        while True:
            x, future = self._calls.get()
            before_s = time.monotonic()
            try:
                future.set_result((self._backend.infer(x), time.monotonic() - before_s))
            except BaseException as error:  # noqa: BLE001 (`finish` raises it in the main thread)
                future.set_exception(error)
            self._on_done()
