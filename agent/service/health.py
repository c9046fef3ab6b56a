"""What the agent says of itself: its status, and the counters of its health."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from drsn.agent.schema.documents import HealthDocument, StatusDocument, iso_utc

if TYPE_CHECKING:
    from drsn.agent.service.parts import Parts


def status(parts: Parts, *, stopped: bool) -> StatusDocument:
    """The agent as it stands."""
    reasons = [*parts.reasons, *parts.store.reasons]
    reasons += [f"broker denies the subscription {f}" for f in (*parts.ingest.denied, *parts.control.denied)]
    if parts.outbox.refused is not None:
        reasons.append(f"broker refuses events: {parts.outbox.refused}")
    if parts.publisher.refused is not None:
        reasons.append(f"broker refuses alarms: {parts.publisher.refused}")
    if parts.evidence.problem is not None:
        reasons.append(parts.evidence.problem)
    state = "stopped" if stopped else "degraded" if reasons else "online"
    ingest = "stopped" if stopped else "connected" if parts.ingest.connected else "connecting"
    return StatusDocument(
        agent=parts.identity.agent,
        state=state,
        reasons=tuple(reasons),
        warnings=parts.expiry.warnings,
        ingest=ingest,
        backend=parts.backend.name,
        engine=parts.engine,
        version=parts.version,
        config_sha256=parts.config_sha256,
        bundle=parts.identity.bundle,
        epoch=parts.identity.epoch,
        instance=parts.instance.id,
        since=parts.instance.since,
    )


def health(parts: Parts) -> HealthDocument:
    """Counters, depths and latencies."""
    metrics, inbox = parts.metrics, parts.inbox.counts()
    return HealthDocument(
        agent=parts.identity.agent,
        instance=parts.instance.id,
        at=iso_utc(time.time_ns()),
        uptime_s=round(time.monotonic() - parts.started_s, 1),
        sensors=parts.intake.sensors,
        packets={
            "received": inbox.received,
            "processed": metrics.processed,
            "shed": inbox.shed,
            "rejected": metrics.rejected.total(),
            "duplicate": metrics.duplicate,
            "stale": metrics.stale,
            "in_flight": inbox.waiting + len(parts.receipts),
        },
        rejected=dict(metrics.rejected),
        windows=metrics.windows,
        batches=metrics.batches,
        gaps=parts.intake.gaps,
        lost_samples=parts.intake.lost_samples,
        results=parts.publisher.results,
        events=metrics.events,
        inbox=inbox.waiting,
        reconnects=metrics.reconnects,
        unpublished_events=parts.store.unpublished(),
        lost_events=parts.store.lost,
        commands_dropped=parts.desk.dropped,
        commands_failed=parts.desk.failed,
        latency_ms=metrics.latency.summary_ms(),
        inference_ms=metrics.inference.summary_ms(),
        evidence=parts.evidence.counts(),
    )
