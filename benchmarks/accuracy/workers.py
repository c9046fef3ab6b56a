"""Run cells in worker processes of one thread each; the workers end when their parent ends, even if it is killed."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from accuracy.run_cell import run_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from accuracy.grid_cell import GridCell


def measured(cells: Sequence[GridCell], *, select: bool, jobs: int) -> Iterator[tuple[GridCell, dict[str, Any]]]:
    """Yield each cell with its result as it is done, from `jobs` processes; one job runs in this process."""
    if jobs == 1:
        yield from ((cell, run_cell(cell, select=select)) for cell in cells)
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_with_the_parent) as pool:
        running = {pool.submit(run_cell, cell, select=select): cell for cell in cells}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:  # if a result can't be stored, the others are not needed
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_the_parent() -> None:
    """End this worker with its parent; it would wait for work for ever if a signal killed the parent."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
