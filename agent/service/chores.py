"""Chores: what the loop does once a turn beside the windows. Each is an object with `tend(now_s)`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from drsn.agent.observability.logs import Throttle, fields
from drsn.agent.service import systemd

if TYPE_CHECKING:
    from drsn.agent.acquisition.ack_tracker import AckTracker
    from drsn.agent.acquisition.inbox import Inbox
    from drsn.agent.delivery.publisher import Publisher
    from drsn.agent.mqtt.certificate_expiry import CertificateExpiry
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.observability.metrics import Metrics
    from drsn.agent.service.agent_id_lease import AgentIdLease
    from drsn.agent.service.clock import Clock
    from drsn.agent.service.committer import Committer
    from drsn.agent.service.health import HealthReport
    from drsn.agent.service.pipeline import Pipeline

log = logging.getLogger(__name__)


class Chore(Protocol):
    """One chore."""

    def tend(self, now_s: float) -> None:
        """Do what is due; `now_s` is monotonic. Called once in each turn of the loop."""


@dataclass(frozen=True)
class Timers:
    """Silent sensors, shelvings that end and commissionings that are complete."""

    pipeline: Pipeline
    ingest: Transport
    committer: Committer
    clock: Clock

    def tend(self, now_s: float) -> None:
        """Note the outcomes of what is due; silence counts only while the broker is connected."""
        engine, connected = self.pipeline.engine, self.ingest.connected
        assert self.pipeline.intake is not None, "the service reads packets"
        synchronised = self.pipeline.intake.clock_synchronised
        self.committer.note(
            engine.tick(now_s, self.clock.unix_ns(), connected=connected, clock_synchronised=synchronised)
        )


@dataclass(frozen=True)
class CertificateCheck:
    """Warnings of certificates that end soon."""

    expiry: CertificateExpiry
    control: Transport
    clock: Clock

    def tend(self, now_s: float) -> None:
        """Look at the certificates, once an hour."""
        self.expiry.tend(now_s, self.clock.unix_ns() / 1e9, self.control.certificate)


@dataclass(frozen=True)
class OverduePackets:
    """Gives up packets that are never done: they would hold up the acknowledgement of all packets behind them."""

    tracker: AckTracker
    inbox: Inbox
    pipeline: Pipeline
    committer: Committer
    ingest: Transport
    metrics: Metrics
    age_s: float
    """A packet that is in flight for longer is overdue."""

    def tend(self, now_s: float) -> None:
        """Close the connection if a packet is overdue; the broker sends it again, and what is behind it."""
        if self.tracker.overdue(now_s, self.age_s):
            self.committer.commit(now=True)  # a packet that waits for a commit alone is done
        if not self.tracker.overdue(now_s, self.age_s):
            return
        given_up = self.tracker.give_up()
        shed = self.inbox.discard_redeliverable(given_up, self.ingest.epoch)
        self.pipeline.rewind(self.committer.committed_cursors())
        self.metrics.reconnects += 1
        log.error("acknowledgements overdue: the agent connects again",
                  extra=fields(packets=len(given_up), shed=shed, after_s=self.age_s))  # fmt: skip
        self.ingest.reconnect()


class HealthPublisher:
    """Publishes the health document at an interval.

    Args:
        report: the document.
        publisher: publishes it.
        every_s: the interval.
    """

    def __init__(self, report: HealthReport, publisher: Publisher, every_s: float) -> None:
        self._report, self._publisher, self._every_s = report, publisher, every_s
        self._due_s = 0.0

    def tend(self, now_s: float) -> None:
        """Publish the document if it is due."""
        if now_s >= self._due_s:
            self._due_s = now_s + self._every_s
            self._publisher.health(self._report.document())


class ShedWarning:
    """Logs that QoS 0 packets are dropped, because packets arrive faster than they are diagnosed.

    Args:
        inbox: counts the packets that it shed.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox, self._logged = inbox, 0
        self._throttle = Throttle()

    def tend(self, now_s: float) -> None:
        """Log the count if it has grown, once a minute."""
        shed = self._inbox.shed
        if shed > self._logged and self._throttle.held_back("shed", now_s) is not None:
            self._logged = shed
            log.error(
                "QoS 0 packets dropped: packets arrive faster than the agent diagnoses them", extra=fields(shed=shed)
            )


class Watchdog:
    """Tells systemd's watchdog that the loop works.

    Args:
        lease: with a connection that nothing keeps alive, systemd is not told, and restarts the service.
        interval_s: from one message to the next; None: the unit has no watchdog.
        clock: for the interval.
    """

    def __init__(self, lease: AgentIdLease, interval_s: float | None, clock: Clock) -> None:
        self._lease, self._interval_s, self._clock = lease, interval_s, clock
        self._due_s = 0.0

    def tend(self, now_s: float) -> None:
        """Send `WATCHDOG=1` if it is due."""
        if self._interval_s is not None and now_s >= self._due_s and self._lease.alive:
            self._due_s = now_s + self._interval_s
            systemd.notify("WATCHDOG=1")

    def beat(self) -> None:
        """The same in the middle of a turn, after a call of the network."""
        self.tend(self._clock.monotonic_s())
