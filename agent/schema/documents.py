"""The public documents: every MQTT payload but packets. Their JSON Schemas are in docs/reference/schemas/."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from drsn.agent.decision.alarm_state import DocumentState, Suppressor
from drsn.agent.decision.baseline import MAX_COMMISSION_S
from drsn.agent.monitoring.baseline_file import MAX_BYTES as MAX_BASELINE_BYTES
from drsn.agent.schema.evidence import SnapshotDocument
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.schema.not_watched import WhyNotWatched
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
    """The model that decided."""

    name: str
    version: str
    sha256: str


class ConditionDocument(PublicDocument):
    """One condition, and its state."""

    condition: str
    label: str = Field(description="The model's label when the alarm was raised.")
    event_id: str = Field(description="Id of the event that made this state; `ack` needs it.")
    state: DocumentState
    active: bool = Field(description="true: the cause is present now.")
    acked: bool
    latched: bool = Field(default=False, description="true: the cause is gone, but the alarm stays until it is reset.")
    suppressed_by: Suppressor | None = None
    severity: Severity
    since: str = Field(description="End of the window that decided. `silent`: time of the last window.")
    decided_at: str = Field(description="The agent's clock at the decision.")
    clock_synced: bool = Field(
        description="true: the clock of `since` is right. It is the sensor's, as its packet states, or the agent's, as "
        "the kernel states (`drsn-agent doctor` shows it)."
    )
    confidence: float = Field(ge=0, le=1, description="Probability of the condition in the window that decided.")
    votes: int = Field(description="Windows for the condition (raise), or against it (clear).")
    of: int = Field(description="Windows that were counted.")
    evidence: float | None = Field(
        default=None, description="Evidence of the sequential rule (unit: nat). null: votes decided."
    )
    window_label: str = Field(description="The model's label of the window that decided.")
    acked_by: str | None = None
    shelved_until: str | None = None
    by: str | None = Field(
        default=None, description="Operator of this change, as the command gives it. null: the agent decided."
    )
    comment: str | None = Field(default=None, description="Comment of that command.")
    orphaned: bool = Field(
        default=False,
        description="true: the present bundle does not have the condition; `reset` ends it.",
    )
    false_alarm: str | None = Field(
        default=None, description="id of the event that an operator has marked as a false alarm; null: none is marked"
    )


class EventDocument(ConditionDocument):
    """`<prefix>/<sensor>/event`: one change of one condition."""

    v: Literal[1] = VERSION
    agent: str
    epoch: str = Field(description="Id of the journal. With a new one `seq` starts again.")
    sensor: str
    seq: int = Field(ge=1, description="Number of the event of this sensor. A gap means a missed event.")
    bundle: BundleReference


class AlarmDocument(PublicDocument):
    """`<prefix>/<sensor>/alarm`, retained: the whole sensor. Top-level fields repeat the most urgent condition."""

    v: Literal[1] = VERSION
    agent: str
    epoch: str
    sensor: str
    seq: int = Field(ge=0, description="Number of the last event in this document.")
    state: DocumentState | Literal["not_watched"] = Field(
        description="State of the most urgent condition. Without one: `normal`, "
        "or `not_watched` if the sensor is not diagnosed."
    )
    not_watched: WhyNotWatched | None = Field(default=None, description="null: the sensor is diagnosed.")
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
    in_use: bool = Field(description="false: it was learnt with another bundle, and its model part is not used.")
    windows: int
    states: int = Field(default=0, description="Operating states of the baseline. 0: none; commission again.")
    novelty: float = Field(description="Median.")
    novelty_spread: float = Field(description="1.4826 times the median absolute deviation.")
    novelty_allowance: float = Field(description="Novelty that is allowed above the bundle's threshold.")
    rms: float = Field(description="Median.")
    rms_spread: float = Field(description="Spread of its logarithm, computed as for the novelty; 0.1 is about 10 %.")
    normal_share: float = Field(description="Share of windows that the model without the baseline calls normal.")
    gate_rms: float | None = Field(description="RMS from which the machine runs. null: not learnt.")
    despite: tuple[str, ...] = Field(
        default=(),
        description="Conditions with an active alarm meanwhile. `by` and `comment` state why the machine is healthy.",
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
    windows: int = Field(description="Windows since the last result.")
    label: str = Field(description="The most probable label of the most probable condition.")
    condition: str
    confidence: float
    probabilities: dict[str, float] = Field(description="Probability of each label.")
    novelty: float | None = Field(description="null: not a finite number.")
    suppressed_by: Suppressor | None = Field(
        description="Why the window does not count for the machine. null: it counts."
    )
    rms: float = Field(description="RMS of the window without its mean value.")
    peak: float = Field(description="Largest distance from the mean value of the window.")
    unit: str | None
    crest_factor: float | None = Field(default=None, description="peak / rms. null: the window is flat.")
    kurtosis: float | None = Field(default=None, description="3 for Gaussian noise. null: no level is measured.")
    velocity_rms_mm_s: float | None = Field(
        default=None, description="Last measurement, 10 Hz to 1 kHz. null: none (docs/use/level.md)."
    )
    zone: str | None = Field(default=None, description="Zone of ISO 20816-3. null: no velocity, or no limits.")
    bundle: str = Field(description="Name, and the first 12 digits of its sha256.")
    commission: CommissionDocument | None = Field(default=None, description="null: the machine is not commissioned.")


class CommandDocument(PublicDocument):
    """`<prefix>/_agent/<id>/cmd/<verb>`: a command of a person or a program."""

    request_id: str = Field(
        pattern=f"^{REQUEST_ID.pattern}$", description="Unique. The topic of the reply ends with it."
    )
    by: str = Field(
        min_length=1,
        max_length=64,
        description="Who gives the command. It is not checked: protect the topic by the broker's ACL.",
    )
    sensor: str | None = Field(default=None, max_length=64)
    condition: str | None = Field(
        default=None, max_length=64, description="null: all conditions, if the verb allows it."
    )
    event_id: str | None = Field(
        default=None,
        max_length=64,
        description="Id of the event that the operator has seen; `ack` and `false_alarm` need it.",
    )
    comment: str | None = Field(default=None, max_length=500)
    expires: datetime | None = Field(
        default=None, description="Time with offset from UTC. The command is refused from then on."
    )
    duration_s: float | None = Field(
        default=None, gt=0, le=28_800, description="`shelve`, `false_alarm`: for how long."
    )
    from_seq: int = Field(default=1, ge=0, le=MAX_SEQ, description="`events`: number of the first event.")
    undo: bool = Field(default=False, description="`commission`: remove the baseline, or stop the learning.")
    gate: bool = Field(default=False, description="`commission`: also learn `gate.rms`.")
    despite_alarm: bool = Field(
        default=False,
        description="`commission`: learn although an alarm is active; `comment` must state why the machine is healthy.",
    )
    show: bool = Field(default=False, description="`commission`: reply with the baseline and change nothing.")
    seconds: float | None = Field(
        default=None,
        ge=1,
        le=MAX_COMMISSION_S,
        description="`commission`: seconds of signal to learn. null: the setting.",
    )
    baseline: str | None = Field(
        default=None,
        max_length=MAX_BASELINE_BYTES,
        description="`commission`: baseline of an identical machine, to be used here.",
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
    request_id: str = Field(description="Empty: the command could not be read, and had a response topic.")
    verb: str
    ok: bool
    reason: str | None = Field(default=None, description="Why the command was refused.")
    at: str = Field(description="The agent's clock.")
    sensor: str | None = None
    events: tuple[EventDocument, ...] = Field(
        default=(), description="Events that the command caused, or that it asked for."
    )
    more: bool = Field(
        default=False, description="`events`: true: there are later ones; ask again from the last `seq`."
    )
    unreadable: tuple[int, ...] = Field(
        default=(), description="`events`: `seq` of events that are damaged in the journal."
    )
    pending: str | None = Field(
        default=None, description="Progress; another reply follows. null: this is the last reply."
    )
    commission: CommissionDocument | None = Field(
        default=None, description="The baseline that was learnt, shown or removed."
    )
    baseline: str | None = Field(default=None, description="`commission` with `show`: text of the baseline file.")
    unknown_state: int | None = Field(
        default=None, description="`commission` with `show`: windows in no operating state since the start."
    )
    trend: TrendDocument | None = Field(default=None, description="`trend`: the series.")
    snapshot: SnapshotDocument | None = Field(default=None, description="`snapshot`: the newest window of the sensor.")
    evidence: str | None = Field(
        default=None, description="`false_alarm`: id of the event of this alarm whose windows are kept. null: none."
    )


Document = TypeVar("Document", bound=Frozen)


def parsed(kind: type[Document], data: bytes) -> Document | None:
    """A document from the database; None: its row is damaged."""
    try:
        return kind.model_validate_json(data)
    except ValidationError:
        return None
