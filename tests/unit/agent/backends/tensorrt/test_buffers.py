from __future__ import annotations

import gc
import weakref
from contextlib import ExitStack

import numpy as np
import pytest
from fake_cuda import Gpu

from drsn.agent.backends.tensorrt.buffers import Buffers
from drsn.agent.backends.tensorrt.engine import Tensor
from drsn.model.errors import UnavailableError

X, LOGITS = Tensor("x", (1, 16), 4, wanted=True), Tensor("logits", (4,), 4, wanted=False)
ANSWERS = (Tensor("probabilities", (4,), 4, wanted=True), Tensor("novelty", (), 4, wanted=True))


def test_only_what_the_agent_reads_has_memory_on_the_host_and_all_is_freed():
    gpu = Gpu()
    with ExitStack() as stack:
        buffers = Buffers(gpu.cuda(), (X, *ANSWERS, LOGITS), 8, stack)
        assert (len(gpu.device_memory), len(gpu.host_memory)) == (4, 3)
        assert set(buffers.addresses) == {"x", "probabilities", "novelty", "logits"}
    assert gpu.held == 0


def test_no_array_is_left_when_the_memory_is_freed():
    gpu, stack = Gpu(), ExitStack()
    buffers = Buffers(gpu.cuda(), (X, *ANSWERS), 8, stack)
    left = weakref.ref(buffers.outputs(8).novelty.base)
    stack.close()
    gc.collect()
    assert left() is None


def test_the_rows_of_a_batch_are_copied_in_and_out_and_the_others_begin_as_zeros():
    gpu = Gpu()
    cuda = gpu.cuda()
    with ExitStack() as stack:
        buffers, stream = Buffers(cuda, (X, *ANSWERS), 8, stack), cuda.stream()
        buffers.fill(np.ones((2, 1, 16), np.float32))
        buffers.upload(4, stream)
        cuda.synchronise(stream)
        sent = np.frombuffer(gpu.buffer(buffers.addresses["x"], 4 * 64), np.float32, 64)
        assert sent.tolist() == [1.0] * 32 + [0.0] * 32
        gpu.buffer(buffers.addresses["novelty"], 8)[:8] = np.array([3, 4], np.float32).tobytes()
        buffers.download(2, stream)
        cuda.synchronise(stream)
        outputs = buffers.outputs(2)
        assert (outputs.novelty.tolist(), outputs.probabilities.shape, outputs.alpha) == ([3, 4], (2, 4), None)


def test_a_failed_allocation_leaves_nothing():
    gpu = Gpu(broken={"cudaHostAlloc": 2})
    with pytest.raises(UnavailableError, match="cudaErrorMemoryAllocation"), ExitStack() as stack:
        Buffers(gpu.cuda(), (X, *ANSWERS), 8, stack)
    assert gpu.held == 0
