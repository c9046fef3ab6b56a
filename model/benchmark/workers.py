"""Runs cells in processes of one thread each; they end when the one that started them does, however it ends."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from drsn.model.benchmark.contest import run_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drsn.model.benchmark.cell import Cell


def measured(cells: Sequence[Cell], *, select: bool, jobs: int) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Each cell as it is done, in so many processes; with one job in this one."""
    if jobs == 1:
        yield from ((cell, run_cell(cell, select=select)) for cell in cells)
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_with_the_parent) as pool:
        running = {pool.submit(run_cell, cell, select=select): cell for cell in cells}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:  # who can't keep a result wants no more of them
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_the_parent() -> None:
    """A worker that lost its parent to a signal would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
