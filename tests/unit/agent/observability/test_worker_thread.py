from __future__ import annotations

import signal

from drsn.agent.observability.worker_thread import WorkerThread


def test_it_blocks_the_abort_and_runs_its_target_with_its_arguments():
    found = []
    thread = WorkerThread(
        target=lambda *given: found.extend([given, signal.pthread_sigmask(signal.SIG_BLOCK, ())]),
        name="w",
        args=(1, 2),
    )
    thread.start()
    thread.join(5)
    given, blocked = found
    assert (given, thread.name, thread.daemon) == ((1, 2), "w", True)
    assert signal.SIGABRT in blocked
    assert signal.SIGABRT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
