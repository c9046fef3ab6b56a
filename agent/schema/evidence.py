"""What is told of the windows behind an event, in the file and over MQTT."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, FiniteFloat, JsonValue

from drsn.agent.schema.bearing import AnyBearing
from drsn.model.contract import Frozen, ModelContract

VERSION: Final = 1


class ObservationNote(Frozen):
    """What the monitor of one condition found in a window."""

    nats: FiniteFloat | None = Field(
        description="log-likelihood ratio for the condition; null: it could not evaluate it"
    )
    label: str = Field(description="what changed, or the zone")


class WindowNote(Frozen):
    """One window: what came with it, what was made of it, and where the condition of the event stood after it."""

    t_end_unix_ns: int = Field(description="when its last sample was taken")
    decided_unix_ns: int = Field(description="the agent's clock when it was judged")
    advance: int = Field(gt=0, description="samples in it that no window before it held")
    fresh: bool = Field(description="it did not vote together with the windows before it")
    clock_synced: bool
    clipped: bool = Field(description="a packet in it said that the device clipped")
    rate_error: float = Field(description="measured over declared sample rate, less 1")
    rpm: float | None
    lossless: bool = Field(
        description="counts x scale are the samples bit for bit; else see docs/reference/evidence-file.md"
    )
    rms: float = Field(description="of the AC part")
    peak: float = Field(description="largest distance from the mean")
    fault: str | None = Field(description="of the sensor, found in this window")
    condition: str
    label: str
    confidence: float
    suppressed_by: str | None
    votes: int = Field(description="for what the event decided, after this window")
    evidence: float | None = Field(description="of the sequential rule, in nats, after this window; null: votes")
    bearing_nats: dict[str, FiniteFloat] | None = Field(
        default=None, description="condition: what the bearing detector added to the network's; null: nothing"
    )
    bearing_share: float = Field(default=1.0, ge=0, le=1, description="the part of it that a sum over windows takes")
    observed: dict[Literal["changed", "vibration_level"], ObservationNote] = Field(
        default_factory=dict, description="condition: what its monitor found; absent: no monitor"
    )
    follows: bool = Field(description="the alarms' state before it is the one after the window before it")
    before: dict[str, JsonValue] | None = Field(
        description="the alarms' state before it where it does not follow; null then: nothing was known"
    )


class RecordHeader(Frozen):
    """The part of a record that is no array of numbers."""

    v: Literal[1] = VERSION
    event: dict[str, JsonValue] = Field(description="as it went out: docs/reference/schemas/event.json")
    decided: bool = Field(description="by the last window; false: no window came, or a packet was refused")
    sensor: str
    unit: str | None
    sample_rate_hz: float = Field(gt=0, allow_inf_nan=False)
    contract: ModelContract = Field(description="of the bundle that spoke: labels, window, rate, abstention threshold")
    policy: dict[str, JsonValue] = Field(description="by which the sensor was judged")
    ignored_faults: tuple[str, ...] = Field(description="faults that are none at this sensor")
    bearing: AnyBearing | None = Field(description="its geometry or its orders, where they are configured")
    windows: tuple[WindowNote, ...] = Field(min_length=1, description="oldest first")


class EvidenceWindow(WindowNote):
    """A window with its numbers; sample = count x scale + offset, of each channel."""

    counts: str = Field(description="base64 of little-endian int16[channels, samples], one channel after the other")
    scale: tuple[float, ...] = Field(description="of each channel, unit per count")
    offset: tuple[float, ...] = Field(description="of each channel, in the unit")
    probabilities: tuple[float, ...] = Field(description="of the contract's labels, in their order")
    novelty: float | None = Field(description="null: not finite")
    alpha: tuple[float, ...] | None = Field(description="learned threshold factor of each unit; null: it has none")


class EvidenceDocument(RecordHeader):
    """`<prefix>/<sensor>/evidence/<event_id>`: the windows behind an event, as many of the last as fit."""

    windows: tuple[EvidenceWindow, ...] = Field(min_length=1, description="oldest first")
    left_out: int = Field(ge=0, description="older windows that did not fit the message; the file has them")
