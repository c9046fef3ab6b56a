"""Whoever sends somebody to the disk waits for so long, and no longer."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from drsn.agent.storage.disk_executor import DiskExecutor
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def errands() -> Iterator[DiskExecutor]:
    made = DiskExecutor()
    yield made
    made.end()


def test_what_comes_of_an_errand_comes_back_whatever_it_is(errands: DiskExecutor):
    assert errands.run(lambda: 3) == 3
    for patience_s in (None, 10.0):
        errands.patience_s = patience_s
        for error in (StorageError("full"), TimeoutError("its own"), SystemExit(3)):
            with pytest.raises(type(error)) as raised:
                errands.run(lambda error=error: (_ for _ in ()).throw(error))
            assert raised.value is error


def test_one_that_is_late_fails_and_with_it_all_others_until_it_is_done(errands: DiskExecutor):
    errands.patience_s = 0.05
    back, ran = threading.Event(), []
    with pytest.raises(StorageError, match=r"the disk has not answered for 0\.05 s"):
        errands.run(back.wait)
    began_s = time.monotonic()
    with pytest.raises(StorageError, match="the disk still does not answer"):
        errands.run(lambda: ran.append(1))
    assert time.monotonic() - began_s < 0.05, "it is not waited for again"
    back.set()
    deadline_s = time.monotonic() + 10
    while not errands._late.done():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)
    assert errands.run(lambda: 4) == 4
    assert ran == [], "what was refused is not done later"


def test_a_long_one_has_more_time(errands: DiskExecutor):
    errands.patience_s = 0.05
    assert errands.run(lambda: time.sleep(0.2) or 5, more_s=10.0) == 5


def test_its_thread_ends_with_it_and_keeps_no_process(errands: DiskExecutor):
    thread = errands.run(threading.current_thread)
    assert thread.daemon
    for _ in range(2):
        errands.end()
    thread.join(10)
    assert not thread.is_alive()
