"""What the loop works with."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.acquisition.ack_tracker import AckTracker
    from drsn.agent.acquisition.batcher import Batcher
    from drsn.agent.acquisition.inbox import Inbox
    from drsn.agent.acquisition.intake import Intake
    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.alarm_engine import AlarmEngine, Identity
    from drsn.agent.decision.diagnosis import Interpreter
    from drsn.agent.delivery.outbox import Outbox
    from drsn.agent.delivery.publisher import Publisher
    from drsn.agent.evidence.recorder import Recorder
    from drsn.agent.mqtt.certificate_expiry import CertificateExpiry
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.observability.metrics import Metrics
    from drsn.agent.rpc.dispatcher import CommandDispatcher
    from drsn.agent.service.name import Name
    from drsn.agent.service.run_id import Instance
    from drsn.agent.storage.group_commit import GroupCommit
    from drsn.agent.storage.journal import Journal
    from drsn.agent.storage.poison_guard import PoisonGuard


@dataclass(frozen=True)
class Parts:
    """`app` puts it together."""

    inbox: Inbox
    intake: Intake
    receipts: AckTracker
    group: GroupCommit
    in_hand: PoisonGuard
    batch: Batcher
    backend: Backend
    interpret: Interpreter
    pipeline: AlarmEngine
    store: Journal
    name: Name
    probe: Transport
    """Hears whether the name is free, and from then on whether it stays ours."""
    ingest: Transport
    control: Transport
    outbox: Outbox
    publisher: Publisher
    desk: CommandDispatcher
    evidence: Recorder
    expiry: CertificateExpiry
    metrics: Metrics
    identity: Identity
    instance: Instance
    version: str
    config_sha256: str
    health_every_s: float
    engine: str | None = None
    """File of the TensorRT engine that the backend runs."""
    reasons: tuple[str, ...] = ()
    """Why the agent is degraded from its start to its end: it runs, but not on what its machine was prepared for."""
    started_s: float = field(default_factory=time.monotonic)
    """Monotonic."""
