"""The documents of the agent about itself: its status and its health."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from drsn.agent.observability.logs import fields
from drsn.agent.schema.agent_state import HealthDocument, StatusDocument
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.schema.not_watched import IN_HEALTH, NotWatchedSource, warning_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.acquisition.ack_tracker import AckTracker
    from drsn.agent.acquisition.inbox import Inbox
    from drsn.agent.acquisition.intake import Intake
    from drsn.agent.acquisition.source_watch import SourceWatch
    from drsn.agent.delivery.outbox import Outbox
    from drsn.agent.delivery.publisher import Publisher
    from drsn.agent.evidence.recorder import Recorder
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.observability.metrics import Metrics
    from drsn.agent.rpc.dispatcher import CommandDispatcher
    from drsn.agent.schema.render import Identity
    from drsn.agent.service.clock import Clock
    from drsn.agent.service.run_id import RunId
    from drsn.agent.storage.journal import Journal


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AgentInfo:
    """What does not change from the start of the agent to its end."""

    identity: Identity
    run: RunId
    version: str
    config_sha256: str
    backend: str
    """Name of the backend that runs the network."""
    engine: str | None = None
    """File of the TensorRT engine that the backend runs."""
    shard: str | None = None
    """`agent.shard`."""
    reasons: tuple[str, ...] = ()
    """Why the agent is degraded from its start to its end."""

    def status(self, state: str, ingest: str, **more: Any) -> StatusDocument:  # noqa: ANN401 (fields of the document)
        """A status document of this agent."""
        return StatusDocument(
            agent=self.identity.agent,
            state=state,
            ingest=ingest,
            backend=self.backend,
            engine=self.engine,
            shard=self.shard,
            version=self.version,
            config_sha256=self.config_sha256,
            bundle=self.identity.bundle,
            epoch=self.identity.epoch,
            instance=self.run.id,
            **{"since": self.run.since, **more},
        )

    def log_ready(self, sensors: int) -> None:
        """Log that the agent is ready, and why it is degraded; `sensors`: remembered from earlier runs."""
        for reason in self.reasons:
            log.error("degraded", extra=fields(backend=self.backend, reason=reason))
        log.info("ready", extra=fields(sensors_remembered=sensors, backend=self.backend))

    def last_will(self) -> StatusDocument:
        """What the broker publishes when the agent's connection is lost."""
        return self.status("offline", "stopped", since="")


class Warner(Protocol):
    """A part with warnings for the status."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line each; the same object as long as nothing has changed."""


@dataclass
class StatusReport:
    """The status: `online`, or `degraded` with the reasons of every part."""

    info: AgentInfo
    journal: Journal
    ingest: Transport
    control: Transport
    outbox: Outbox
    publisher: Publisher
    recorder: Recorder
    warners: Sequence[Warner]
    watch: SourceWatch
    _last: tuple[object, StatusDocument] | None = None  # what it was made of, and the document

    def document(self, stopped: bool = False) -> StatusDocument:  # noqa: FBT001, FBT002 (a callable's argument)
        """The agent as it is now; the same object as the last one as long as nothing has changed."""
        reasons = (*self.info.reasons, *self._reasons())
        state = "stopped" if stopped else "degraded" if reasons else "online"
        ingest = "stopped" if stopped else "connected" if self.ingest.connected else "connecting"
        protocol, not_watched, count = self.control.protocol, self.watch.not_watched(), self.watch.count
        more = tuple([warning for each in self.warners for warning in each.warnings])
        parts = (state, ingest, protocol, reasons, more, not_watched, count)
        if self._last is None or self._last[0] != parts:
            warnings = (*warning_of(not_watched, count), *more)
            document = self.info.status(
                state, ingest, protocol=protocol, reasons=reasons, warnings=warnings, not_watched=count
            )
            self._last = parts, document
        return self._last[1]

    def _reasons(self) -> list[str]:
        reasons = list(self.journal.reasons)
        reasons += [f"broker denies the subscription {f}" for f in (*self.ingest.denied, *self.control.denied)]
        if self.outbox.refused is not None:
            reasons.append(f"broker refuses events: {self.outbox.refused}")
        if self.publisher.refused is not None:
            reasons.append(f"broker refuses alarms: {self.publisher.refused}")
        if self.recorder.problem is not None:
            reasons.append(self.recorder.problem)
        return reasons


@dataclass(frozen=True)
class HealthReport:
    """The health: counters, depths and latencies."""

    info: AgentInfo
    inbox: Inbox
    intake: Intake
    tracker: AckTracker
    publisher: Publisher
    journal: Journal
    dispatcher: CommandDispatcher
    recorder: Recorder
    metrics: Metrics
    clock: Clock
    started_s: float = field(default_factory=time.monotonic)
    """Monotonic."""

    def document(self) -> HealthDocument:
        """Counters, depths and latencies as they are now; every packet is counted in exactly one place."""
        metrics, inbox = self.metrics, self.inbox.counts()
        return HealthDocument(
            agent=self.info.identity.agent,
            instance=self.info.run.id,
            at=iso_utc(self.clock.unix_ns()),
            uptime_s=round(self.clock.monotonic_s() - self.started_s, 1),
            sensors=self.intake.sensors,
            packets={
                "received": inbox.received,
                "processed": metrics.processed,
                "shed": inbox.shed,
                "rejected": metrics.rejected.total(),
                "duplicate": metrics.duplicate,
                "stale": metrics.stale,
                "other_shard": metrics.other_shard,
                "in_flight": inbox.waiting + len(self.tracker),
            },
            rejected=dict(metrics.rejected),
            not_watched=NotWatchedSource.of_all(self.intake.watch.not_watched()[:IN_HEALTH]),
            wrong_clocks=len(self.intake.wrong_clocks.sensors),
            windows=metrics.windows,
            unknown_operating_state=sum(self.dispatcher.context.unknown_states().values()),
            batches=metrics.batches,
            gaps=self.intake.gaps,
            lost_samples=self.intake.lost_samples,
            results=self.publisher.results,
            events=metrics.events,
            inbox=inbox.waiting,
            reconnects=metrics.reconnects,
            unpublished_events=self.journal.unpublished(),
            lost_events=self.journal.lost,
            commands_dropped=self.dispatcher.dropped,
            commands_failed=self.dispatcher.failed,
            latency_ms=metrics.latency.summary_ms(),
            inference_ms=metrics.inference.summary_ms(),
            evidence=self.recorder.counts(),
        )
