"""The public documents: every MQTT payload but packets. Their JSON Schemas are in docs/reference/schemas/."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from drsn.agent.decision.alarm_state import DocumentState, Suppressor
from drsn.agent.decision.baseline import MAX_COMMISSION_S
from drsn.agent.monitoring.baseline_file import MAX_BYTES as MAX_BASELINE_BYTES
from drsn.agent.schema.alarm_summary import AlarmsDocument
from drsn.agent.schema.evidence import EvidenceDocument
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.schema.not_watched import NotWatchedSource, WhyNotWatched
from drsn.agent.schema.trend import TrendDocument
from drsn.model.contract import Frozen, Severity

if TYPE_CHECKING:
    from drsn.agent.decision.baseline import Baseline

VERSION: Final = 1
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}")
MAX_SEQ: Final = 2**63 - 1
"""Largest number of an event; the database has no larger integer."""


class PublicDocument(Frozen, defer_build=True):
    """A document. Its validator is made at its first use: a start does not wait for those of events and commands."""


class BundleReference(Frozen):
    """Which model spoke."""

    name: str
    version: str
    sha256: str


class ConditionDocument(PublicDocument):
    """One condition that is, or has just become, something."""

    condition: str
    label: str = Field(description="the model's label when the alarm was raised")
    event_id: str = Field(description="of the event that made this state; an ack names it")
    state: DocumentState
    active: bool = Field(description="what it is about is there now")
    acked: bool
    latched: bool = Field(default=False, description="it is gone; the alarm stands until it is reset")
    suppressed_by: Suppressor | None = None
    severity: Severity
    since: str = Field(description="time of the deciding window's end; of `silent`, when the last window came")
    decided_at: str = Field(description="the agent's clock when it decided")
    clock_synced: bool = Field(
        description="the clock that `since` is by is right: the sensor's, as its packet tells, or the agent's, as the "
        "kernel tells (`drsn-agent doctor` asks the same)"
    )
    confidence: float = Field(ge=0, le=1, description="P(condition) of the deciding window")
    votes: int = Field(description="windows for (raise) or against (clear) the condition ...")
    of: int = Field(description="... among this many")
    evidence: float | None = Field(
        default=None, description="nats that decided by the sequential rule; null: votes did"
    )
    window_label: str = Field(description="the model's label of the deciding window")
    acked_by: str | None = None
    shelved_until: str | None = None
    by: str | None = Field(default=None, description="who commanded this change, as the command claims; null: decided")
    comment: str | None = Field(default=None, description="of that command")
    orphaned: bool = Field(
        default=False,
        description="the present bundle does not have the condition: no window raises it, `reset` ends it",
    )
    false_alarm: str | None = Field(
        default=None, description="id of the event that an operator has marked as a false alarm; null: none is marked"
    )


class EventDocument(ConditionDocument):
    """`<prefix>/<sensor>/event`: one change of one condition."""

    v: Literal[1] = VERSION
    agent: str
    epoch: str = Field(description="of the agent's store; a new one starts `seq` anew")
    sensor: str
    seq: int = Field(ge=1, description="rises by one an event of this sensor; a gap means a missed event")
    bundle: BundleReference


class AlarmDocument(PublicDocument):
    """`<prefix>/<sensor>/alarm`, retained: the whole sensor. Top-level fields repeat the most urgent condition."""

    v: Literal[1] = VERSION
    agent: str
    epoch: str
    sensor: str
    seq: int = Field(ge=0, description="of the last event that is folded in")
    state: DocumentState | Literal["not_watched"] = Field(
        description="of the most urgent condition; without one `normal`, or `not_watched`: the sensor is not diagnosed"
    )
    not_watched: WhyNotWatched | None = Field(default=None, description="null: windows of the sensor are diagnosed")
    condition: str | None = None
    label: str | None = None
    event_id: str | None = None
    active: bool = False
    acked: bool = False
    latched: bool = False
    suppressed_by: Suppressor | None = None
    severity: Severity | None = None
    since: str | None = None
    decided_at: str | None = None
    clock_synced: bool | None = None
    confidence: float | None = None
    votes: int | None = None
    of: int | None = None
    evidence: float | None = None
    window_label: str | None = None
    acked_by: str | None = None
    shelved_until: str | None = None
    by: str | None = None
    comment: str | None = None
    orphaned: bool = False
    false_alarm: str | None = None
    conditions: tuple[ConditionDocument, ...] = ()
    bundle: BundleReference


class CommissionDocument(PublicDocument):
    """What was learnt of a machine while it was healthy (docs/use/baseline.md)."""

    at: str
    by: str
    comment: str | None
    in_use: bool = Field(description="false: it was learnt for another bundle; what concerns the model does not hold")
    windows: int
    states: int = Field(
        default=0, description="operating states of the health baseline; 0: it has none, learn it again"
    )
    novelty: float = Field(description="median")
    novelty_spread: float = Field(description="1.4826 times the median absolute deviation")
    novelty_allowance: float = Field(description="novelty by which a window may pass the bundle's threshold")
    rms: float = Field(description="median")
    rms_spread: float = Field(description="of its logarithm, as that of the novelty; 0.1 is about 10 %")
    normal_share: float = Field(description="of the windows that the model, as it is shipped, takes for normal")
    gate_rms: float | None = Field(description="the machine runs from here on; null: not asked for")
    despite: tuple[str, ...] = Field(
        default=(),
        description="conditions whose alarm stood meanwhile; `by` and `comment` state why the machine is healthy",
    )

    @classmethod
    def of(cls, baseline: Baseline, bundle_sha256: str) -> CommissionDocument:
        """The document of a baseline, for an agent that runs this bundle."""
        learnt = baseline.learnt
        return cls(
            at=iso_utc(baseline.at_unix_ns),
            by=baseline.by,
            comment=baseline.comment,
            in_use=baseline.bundle_sha256 == bundle_sha256,
            windows=learnt.windows,
            states=baseline.states,
            novelty=round(learnt.novelty, 4),
            novelty_spread=round(learnt.novelty_spread, 4),
            novelty_allowance=round(learnt.allowance, 4),
            rms=learnt.rms,
            rms_spread=round(learnt.rms_spread, 4),
            normal_share=round(learnt.normal_share, 4),
            gate_rms=baseline.gate_rms,
            despite=baseline.despite,
        )


class ResultDocument(PublicDocument):
    """`<prefix>/<sensor>/result`: the latest diagnosis, at most `results_per_s`; no alarm."""

    v: Literal[1] = VERSION
    sensor: str
    t0: str
    t1: str
    windows: int = Field(description="diagnosed since the last result")
    label: str = Field(description="the most probable label of the most probable condition")
    condition: str
    confidence: float
    probabilities: dict[str, float] = Field(description="by label")
    novelty: float | None = Field(description="null: not finite")
    suppressed_by: Suppressor | None = Field(description="why the window says nothing about the machine; null: it does")
    rms: float = Field(description="of the window's AC part")
    peak: float = Field(description="largest distance from the window's mean")
    unit: str | None
    crest_factor: float | None = Field(default=None, description="peak over rms; null: a flat window")
    kurtosis: float | None = Field(default=None, description="3 for Gaussian noise; null: no level is measured")
    velocity_rms_mm_s: float | None = Field(
        default=None, description="10 Hz to 1 kHz, the last measurement; null: none (docs/use/level.md)"
    )
    zone: str | None = Field(
        default=None, description="of ISO 20816-3, by the velocity; null: no velocity or no limits"
    )
    bundle: str = Field(description="name and the first 12 digits of its sha256")
    commission: CommissionDocument | None = Field(default=None, description="null: nobody commissioned the machine")


class CommandDocument(PublicDocument):
    """`<prefix>/_agent/<id>/cmd/<verb>`: what a person, or a program of theirs, asks of the agent."""

    request_id: str = Field(pattern=f"^{REQUEST_ID.pattern}$", description="unique; the answer's topic ends in it")
    by: str = Field(min_length=1, max_length=64, description="who asks; the broker's ACL is what proves it")
    sensor: str | None = Field(default=None, max_length=64)
    condition: str | None = Field(default=None, max_length=64, description="null: all, where the verb allows it")
    event_id: str | None = Field(
        default=None, max_length=64, description="of an event; `ack` and `false_alarm` need it"
    )
    comment: str | None = Field(default=None, max_length=500)
    expires: datetime | None = Field(default=None, description="with its offset; refused from then on")
    duration_s: float | None = Field(default=None, gt=0, le=28_800, description="of `shelve` and `false_alarm`")
    from_seq: int = Field(default=1, ge=0, le=MAX_SEQ, description="of `events`")
    undo: bool = Field(default=False, description="of `commission`: forget what was learnt, or end the learning")
    gate: bool = Field(default=False, description="of `commission`: derive the gate's RMS too")
    despite_alarm: bool = Field(
        default=False,
        description="of `commission`: learn although an alarm stands; `comment` must state why the machine is healthy",
    )
    show: bool = Field(default=False, description="of `commission`: answer with the baseline, change nothing")
    seconds: float | None = Field(
        default=None,
        ge=1,
        le=MAX_COMMISSION_S,
        description="of `commission`: signal to gather; null: as the settings say",
    )
    baseline: str | None = Field(
        default=None,
        max_length=MAX_BASELINE_BYTES,
        description="of `commission`: a file of a twin machine, to be used here",
    )

    @field_validator("expires")
    @classmethod
    def _zoned(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment.utcoffset() is None:
            raise ValueError("has no offset from UTC")
        return moment


class ReplyDocument(PublicDocument):
    """`<prefix>/_reply/<request_id>`: the answer to a command."""

    v: Literal[1] = VERSION
    agent: str
    request_id: str = Field(description="empty: the command could not be read, and came with a response topic")
    verb: str
    ok: bool
    reason: str | None = Field(default=None, description="why it was refused")
    at: str = Field(description="the agent's clock")
    sensor: str | None = None
    events: tuple[EventDocument, ...] = Field(default=(), description="that the command made, or that it asked for")
    more: bool = Field(default=False, description="of `events`: there are later ones; ask from the last `seq` on")
    unreadable: tuple[int, ...] = Field(
        default=(), description="of `events`: `seq` of those left out, for their rows in the journal are damaged"
    )
    pending: str | None = Field(default=None, description="how far it is: other answers follow; null: this is the last")
    commission: CommissionDocument | None = Field(default=None, description="that was made, shown or undone")
    baseline: str | None = Field(
        default=None, description="of `commission` with `show`: the text of the baseline's file"
    )
    unknown_state: int | None = Field(
        default=None, description="of `commission` with `show`: windows in no operating state, since the agent's start"
    )
    trend: TrendDocument | None = Field(default=None, description="of `trend`")
    evidence: str | None = Field(
        default=None, description="of `false_alarm`: id of the event of this alarm whose windows are kept; null: none"
    )


class StatusDocument(PublicDocument):
    """`<prefix>/_agent/<id>/status`, retained; `offline` is the last will."""

    v: Literal[1] = VERSION
    agent: str
    state: Literal["online", "degraded", "stopped", "offline"]
    reasons: tuple[str, ...] = Field(default=(), description="why it is degraded")
    warnings: tuple[str, ...] = Field(
        default=(), description="sources that are not watched; alarms of another bundle or agent; certificates that end"
    )
    not_watched: int = Field(default=0, description="sources of packets that are not diagnosed; health has a list")
    ingest: Literal["connected", "connecting", "stopped"]
    protocol: Literal["5", "3.1.1"] | None = Field(
        default=None,
        description="of MQTT, on the connection that documents go out by; null: not known, in the last will",
    )
    backend: str
    engine: str | None = Field(default=None, description="file of the TensorRT engine that runs; null: none does")
    version: str
    config_sha256: str
    bundle: BundleReference
    epoch: str
    instance: str = Field(description="drawn at each start: two agents of one id have two, also with copied state")
    since: str = Field(description="when it started, by its own clock; empty in the last will")


class HealthDocument(PublicDocument):
    """`<prefix>/_agent/<id>/health`, retained: counters since the start, depths and latencies."""

    v: Literal[1] = VERSION
    agent: str
    instance: str = Field(description="as the status has it")
    at: str = Field(description="the agent's clock; one that is long past is from an agent that is gone")
    uptime_s: float
    sensors: int
    packets: dict[str, int] = Field(
        description="received = processed + shed + rejected + duplicate + stale + in_flight"
    )
    rejected: dict[str, int] = Field(description="by reason")
    not_watched: tuple[NotWatchedSource, ...] = Field(
        default=(), description="sources of packets that are not diagnosed, 50 at most; the status has their number"
    )
    wrong_clocks: int = Field(
        default=0, description="sensors whose `t0` is in the future or long past; their alarms have the agent's time"
    )
    windows: int
    unknown_operating_state: int = Field(
        default=0, description="windows in none of the operating states of the machine's baseline, of all sensors"
    )
    batches: int
    gaps: int
    lost_samples: int
    results: int
    events: int
    inbox: int
    reconnects: int = Field(description="cut by the agent because acknowledgements were overdue")
    unpublished_events: int
    lost_events: int = Field(description="that neither disk nor broker took; a subscriber sees a hole in `seq`")
    commands_dropped: int = Field(description="that found no room to wait: docs/trust/security.md says how many may")
    commands_failed: int = Field(description="answered `internal error`, or damaged: the log says more")
    latency_ms: dict[str, float] = Field(
        description="packet received to votes committed: p50, p95, p99, max; a change of an alarm waits for no other"
    )
    inference_ms: dict[str, float]
    evidence: dict[str, int] = Field(
        description="records written, failed (disk), dropped (no room to wait, or for the windows); bytes on the disk, "
        "0 before the first; memory_bytes of the windows now, and of how many sensors they have no room (crowded_out)"
    )


DOCUMENTS: tuple[type[Frozen], ...] = (
    AlarmDocument,
    AlarmsDocument,
    EventDocument,
    ResultDocument,
    StatusDocument,
    HealthDocument,
    CommandDocument,
    ReplyDocument,
    EvidenceDocument,
)


Document = TypeVar("Document", bound=Frozen)


def parsed(kind: type[Document], data: bytes) -> Document | None:
    """A document from the database; None: its row is damaged."""
    try:
        return kind.model_validate_json(data)
    except ValidationError:
        return None


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of every document, by the topic's last level."""
    return {
        document.__name__.removesuffix("Document").lower(): document.model_json_schema(mode="serialization")
        for document in DOCUMENTS
    }
