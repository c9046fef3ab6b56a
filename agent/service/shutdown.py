"""The end of the process: an ordered stop, or an end by an error."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.model.errors import DrsnError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.inbox import Inbox
    from drsn.agent.delivery.delivery import Delivery
    from drsn.agent.observability.metrics import Metrics
    from drsn.agent.service.agent_id_lease import AgentIdLease
    from drsn.agent.service.clock import Clock
    from drsn.agent.service.commands import Commands
    from drsn.agent.service.committer import Committer
    from drsn.agent.service.connections import Connections
    from drsn.agent.service.pipeline import Pipeline
    from drsn.agent.service.receiver import Receiver
    from drsn.agent.service.waits import Waits
    from drsn.agent.storage.poison_guard import PoisonGuard

POLL_S = 0.01
"""From one look at the broker's confirmations to the next, while the last documents go out."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shutdown:
    """The order of an end: stop receiving, diagnose, commit, publish, `stopped`, disconnect."""

    inbox: Inbox
    receiver: Receiver
    pipeline: Pipeline
    committer: Committer
    commands: Commands
    delivery: Delivery
    lease: AgentIdLease
    connections: Connections
    poison_guard: PoisonGuard
    metrics: Metrics
    waits: Waits
    clock: Clock

    def drain(self) -> None:
        """Receive nothing more; diagnose and commit what is here."""
        self.inbox.close()
        deadline_s = self.clock.monotonic_s() + self.waits.drain_s
        while self.clock.monotonic_s() < deadline_s and self.receiver.receive(1, 0):
            pass
        self.committer.commit_windows(self.pipeline.flush())
        self.committer.finish()
        self.commands.report_progress()  # the replies to those who asked for a reload; no command is begun any more

    def farewell(self) -> None:
        """Publish the last events and alarms, then `stopped`; if it is not confirmed, the will is published."""
        self._pump_until(lambda: self.delivery.all_confirmed)
        self.delivery.stop()
        confirmed = self._pump_until(lambda: self.delivery.states_confirmed)
        self.connections.stop(with_will=not confirmed)
        self.poison_guard.close_clean()
        log.info("stopped", extra=fields(**self.metrics.totals()))

    def abandon(self, error: BaseException) -> None:
        """End by an error: commit and acknowledge nothing more, and let the broker say `offline`."""
        if isinstance(error, DrsnError):
            self.poison_guard.clear_current()  # the error has another cause than the packet
        self.inbox.close()
        self.connections.stop(with_will=not self.lease.lost)
        log.error(
            "stopped by an error: the broker sends uncommitted packets again", extra=fields(**self.metrics.totals())
        )

    def _pump_until(self, done: Callable[[], bool]) -> bool:
        """Publish until it is done; False: the connection is lost, or the time is over."""
        deadline_s = self.clock.monotonic_s() + self.waits.farewell_s
        while True:
            self.delivery.pump(self.clock.monotonic_s())
            if not self.connections.control.connected or self.clock.monotonic_s() > deadline_s:
                return False
            if done():
                return True
            time.sleep(POLL_S)
