"""Windows of a sensor: those behind an event, in the file and over MQTT, and the newest one on request."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, FiniteFloat, JsonValue

from drsn.agent.schema.bearing import AnyBearing
from drsn.model.contract import Frozen, ModelContract

VERSION: Final = 1


class ObservationNote(Frozen):
    """What the monitor of one condition found in a window."""

    nats: FiniteFloat | None = Field(
        description="Log-likelihood ratio for the condition (unit: nat). null: not evaluated."
    )
    label: str = Field(description="What changed, or the zone.")


class WindowFacts(Frozen):
    """One window: its data and its diagnosis."""

    t_end_unix_ns: int = Field(description="Time of its last sample.")
    decided_unix_ns: int = Field(description="The agent's clock at the decision.")
    advance: int = Field(gt=0, description="Samples of it that no earlier window contains.")
    fresh: bool = Field(description="true: its votes were not counted together with those of earlier windows.")
    clock_synced: bool
    clipped: bool = Field(description="true: a packet in it reports clipping.")
    rate_error: float = Field(description="Measured sample rate divided by the declared one, minus 1.")
    rpm: float | None
    lossless: bool = Field(
        description="true: counts x scale are exactly the samples; false: docs/reference/evidence-file.md."
    )
    rms: float = Field(description="RMS without the mean value.")
    peak: float = Field(description="Largest distance from the mean value.")
    fault: str | None = Field(description="Sensor fault of this window.")
    condition: str
    label: str
    confidence: float
    suppressed_by: str | None
    bearing_nats: dict[str, FiniteFloat] | None = Field(
        default=None, description="By condition: evidence that the bearing detector added (unit: nat). null: none."
    )
    bearing_share: float = Field(default=1.0, ge=0, le=1, description="Share of it that is added up over windows.")
    observed: dict[Literal["changed", "vibration_level"], ObservationNote] = Field(
        default_factory=dict, description="By condition: result of its monitor. Without a monitor it is absent."
    )


class WindowNote(WindowFacts):
    """One window of a record: besides its facts, the condition of the event after it."""

    votes: int = Field(description="Votes for the decision of the event, after this window.")
    evidence: float | None = Field(
        description="Evidence of the sequential rule after this window (unit: nat). null: the rule is votes."
    )
    follows: bool = Field(description="true: the alarm state before it is the one after the previous window.")
    before: dict[str, JsonValue] | None = Field(
        description="If `follows` is false: the alarm state before it, or null if there was none."
    )


class WindowsHeader(Frozen, defer_build=True):
    """What windows have in common: their sensor, and what a reader needs to understand their numbers."""

    v: Literal[1] = VERSION
    sensor: str
    unit: str | None
    sample_rate_hz: float = Field(gt=0, allow_inf_nan=False)
    contract: ModelContract = Field(
        description="Contract of the bundle: labels, window, sample rate, abstention threshold."
    )
    bearing: AnyBearing | None = Field(description="Geometry or orders of the bearing, if they are configured.")


class RecordHeader(WindowsHeader):
    """The part of a record that is no array of numbers."""

    event: dict[str, JsonValue] = Field(description="The event: docs/reference/schemas/event.json.")
    decided: bool = Field(description="true: the last window decided. false: no window came, or a packet was refused.")
    policy: dict[str, JsonValue] = Field(description="Alarm settings of the sensor.")
    ignored_faults: tuple[str, ...] = Field(description="Sensor faults that are not checked at this sensor.")
    windows: tuple[WindowNote, ...] = Field(min_length=1, description="Oldest first.")


class WindowNumbers(Frozen):
    """The numbers of a window; sample = count x scale + offset, of each channel."""

    counts: str = Field(description="base64 of little-endian int16[channels, samples], one channel after the other.")
    scale: tuple[float, ...] = Field(description="Unit per count, of each channel.")
    offset: tuple[float, ...] = Field(description="Offset of each channel, in the unit.")
    probabilities: tuple[float, ...] = Field(description="Probabilities of the labels, in the order of the contract.")
    novelty: float | None = Field(description="null: not a finite number.")
    alpha: tuple[float, ...] | None = Field(
        description="Learned threshold factor of each unit. null: the network has none."
    )


class EvidenceWindow(WindowNumbers, WindowNote):
    """A window of a record, with its numbers."""


class SnapshotWindow(WindowNumbers, WindowFacts):
    """A window without an event, with its numbers."""


class SnapshotDocument(WindowsHeader):
    """In the reply to `snapshot`: the newest window of a sensor, in the form of `evidence`, without an event."""

    rpm: float | None = Field(description="Configured speed of the shaft, for windows whose packets do not give it.")
    windows: tuple[SnapshotWindow, ...] = Field(min_length=1, max_length=1)


class EvidenceDocument(RecordHeader):
    """`<prefix>/<sensor>/evidence/<event_id>`: the windows behind an event, as many of the last as fit."""

    windows: tuple[EvidenceWindow, ...] = Field(min_length=1, description="Oldest first.")
    left_out: int = Field(ge=0, description="Older windows that did not fit into the message; the file has them.")
