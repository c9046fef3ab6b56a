from __future__ import annotations

import threading

import numpy as np

from drsn.agent.backends.backend import Outputs
from drsn.agent.backends.locked import LockedBackend


class SlowBackend:
    """Reuses its arrays, and notes how many calls are in it at once."""

    name = "slow"

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.closed = False
        self._pause = threading.Event()
        self._outputs = Outputs(np.zeros((1, 2), np.float32), np.zeros(1, np.float32), np.zeros((1, 3), np.float32))

    def infer(self, x: np.ndarray) -> Outputs:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self._pause.wait(0.01)
        for array in (self._outputs.probabilities, self._outputs.novelty, self._outputs.alpha):
            array[...] = x.flat[0]
        self.inside -= 1
        return self._outputs

    def close(self) -> None:
        assert not self.inside
        self.closed = True


def test_one_call_at_a_time_and_each_caller_keeps_its_outputs():
    slow = SlowBackend()
    backend = LockedBackend(slow)
    found: dict[int, Outputs] = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: backend.infer(np.full((1, 1, 4), n, np.float32))}))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (slow.most, backend.name) == (1, "slow")
    for n, outputs in found.items():
        assert {outputs.probabilities[0, 0], outputs.novelty[0], outputs.alpha[0, 0]} == {n}
    backend.close()
    assert slow.closed
