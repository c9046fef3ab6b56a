"""A disk call has a timeout."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from drsn.agent.storage.disk_executor import DiskExecutor
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def executor() -> Iterator[DiskExecutor]:
    made = DiskExecutor()
    yield made
    made.close()


def test_the_result_or_the_error_of_a_call_is_the_caller_s(executor: DiskExecutor):
    assert executor.run(lambda: 3) == 3
    for timeout_s in (None, 10.0):
        executor.timeout_s = timeout_s
        for error in (StorageError("full"), TimeoutError("its own"), SystemExit(3)):
            with pytest.raises(type(error)) as raised:
                executor.run(lambda error=error: (_ for _ in ()).throw(error))
            assert raised.value is error


def test_one_that_is_late_fails_and_with_it_all_others_until_it_is_done(executor: DiskExecutor):
    executor.timeout_s = 0.05
    back, ran = threading.Event(), []
    with pytest.raises(StorageError, match=r"the disk has not answered for 0\.05 s"):
        executor.run(back.wait)
    began_s = time.monotonic()
    with pytest.raises(StorageError, match="the disk still does not answer"):
        executor.run(lambda: ran.append(1))
    assert time.monotonic() - began_s < 0.05, "no second timeout"
    back.set()
    deadline_s = time.monotonic() + 10
    answers: list[int] = []
    while not answers:
        assert time.monotonic() < deadline_s
        with suppress(StorageError):
            answers.append(executor.run(lambda: 4))
    assert ran == [], "a refused call is not executed later"


def test_a_long_one_has_more_time(executor: DiskExecutor):
    executor.timeout_s = 0.05
    assert executor.run(lambda: time.sleep(0.2) or 5, extra_s=10.0) == 5


def test_its_thread_ends_with_it_and_keeps_no_process(executor: DiskExecutor):
    thread = executor.run(threading.current_thread)
    assert thread.daemon
    for _ in range(2):
        executor.close()
    thread.join(10)
    assert not thread.is_alive()
