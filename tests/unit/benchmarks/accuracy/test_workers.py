from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from accuracy import workers
from accuracy.grid_cell import cells_of
from accuracy.workers import measured

ORPHAN = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from accuracy.workers import _end_with_the_parent

if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_the_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(600)
"""


def test_one_job_runs_in_this_process(plan, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("accuracy.workers.run_cell", lambda _cell, *, select: {"select": select})
    cells = list(cells_of(plan, select=False))
    assert list(measured(cells, select=True, jobs=1)) == [(cell, {"select": True}) for cell in cells]


@pytest.mark.slow
def test_a_worker_ends_when_its_parent_is_killed(tmp_path: Path):
    script = tmp_path / "orphan.py"
    script.write_text(ORPHAN)
    environment = {**os.environ, "PYTHONPATH": str(Path(workers.__file__).parents[1])}
    with subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = Path("/proc") / parent.stdout.readline().strip()
        assert worker.name.isdigit()
        parent.kill()
        parent.wait()
    deadline_s = time.monotonic() + 20
    while worker.exists() and _state(worker) != "Z":
        assert time.monotonic() < deadline_s, "the worker waits for work for ever"
        time.sleep(0.05)


def _state(process: Path) -> str:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
