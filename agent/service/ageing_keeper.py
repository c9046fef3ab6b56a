"""Aged baselines: writes how far they have aged every hour, and reads it after a restart.

Without it a baseline would be as old after each restart as on the day when it was learnt, and a machine that has aged
since then would differ from it.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from drsn.agent.storage.ageing_table import AgeingRow, read
from drsn.agent.storage.database import Changes

if TYPE_CHECKING:
    from drsn.agent.monitoring.baseline_monitor import BaselineMonitor
    from drsn.agent.storage.recovery import Recovery

FLUSH_S: Final = 3600.0
"""What is not written yet is lost if the process is killed; an ordered stop writes it. The time constant of ageing is
seven days, so an hour is 0.6 % of it. A row has 1.7 kB: 1,000 sensors write 40 MB a day."""

ROWS_A_TURN: Final = 20
"""Rows that one turn of the loop writes: some ms, in which no window is diagnosed."""


class AgeingKeeper:
    """Stores the drifts of all baselines.

    Args:
        recovery: writes and reads; while the disk fails, the rows wait.
        baselines: give and take the drifts.
    """

    def __init__(self, recovery: Recovery, baselines: BaselineMonitor) -> None:
        self._recovery, self._baselines = recovery, baselines
        self._pending: deque[AgeingRow] = deque()
        self._taken_s: float | None = None
        baselines.stored_drift = self._stored

    def tend(self, now_s: float) -> None:
        """Take the drifts once in `FLUSH_S`, and write them, some rows a turn of the loop."""
        if self._taken_s is None or now_s - self._taken_s >= FLUSH_S:
            if self._taken_s is not None:
                self._take()
            self._taken_s = now_s
        if self._pending:
            self._write(ROWS_A_TURN)

    def flush(self) -> None:
        """Write all drifts."""
        self._take()
        if self._pending:
            self._write(len(self._pending))

    def _take(self) -> None:
        self._pending = deque(AgeingRow(sensor, drift) for sensor, drift in self._baselines.drifts().items())

    def _write(self, rows: int) -> None:
        """Write the oldest rows. While the disk fails they wait for the next turn."""
        if self._recovery.problem is None and self._recovery.has_database:
            written = [self._pending.popleft() for _ in range(min(rows, len(self._pending)))]
            self._recovery.commit(Changes(ageing=written))
            if self._recovery.problem is not None:
                self._pending.extendleft(reversed(written))

    def _stored(self, sensor: str) -> bytes | None:
        return self._recovery.read(lambda database: database.query(partial(read, sensor=sensor)))
