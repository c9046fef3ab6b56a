"""What the loop works with."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.agent.admission import Admission
    from drsn.agent.batch import Batch
    from drsn.agent.desk.desk import Desk
    from drsn.agent.diagnosis import Interpreter
    from drsn.agent.evidence.keeper import Keeper
    from drsn.agent.in_hand import InHand
    from drsn.agent.inbox import Inbox
    from drsn.agent.intake import Intake
    from drsn.agent.ledger import Ledger
    from drsn.agent.metrics import Metrics
    from drsn.agent.outbox import Outbox
    from drsn.agent.pipeline import Identity, Pipeline
    from drsn.agent.ports import Backend, Transport
    from drsn.agent.publisher import Publisher
    from drsn.agent.receipts import Receipts


@dataclass(frozen=True)
class Started:
    """When the agent did."""

    s: float
    """Monotonic."""
    unix_ns: int


@dataclass(frozen=True)
class Parts:
    """`app` puts it together."""

    inbox: Inbox
    intake: Intake
    receipts: Receipts
    in_hand: InHand
    batch: Batch
    backend: Backend
    interpret: Interpreter
    pipeline: Pipeline
    store: Ledger
    admission: Admission
    probe: Transport
    """Asks whether the name is free; stopped before the other two start."""
    ingest: Transport
    control: Transport
    outbox: Outbox
    publisher: Publisher
    desk: Desk
    evidence: Keeper
    metrics: Metrics
    identity: Identity
    version: str
    config_sha256: str
    health_every_s: float
    engine: str | None = None
    """File of the TensorRT engine that the backend runs."""
    reasons: tuple[str, ...] = ()
    """Why the agent is degraded from its start to its end: it runs, but not on what its machine was prepared for."""
    started: Started = field(default_factory=lambda: Started(time.monotonic(), time.time_ns()))
