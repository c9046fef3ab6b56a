"""From messages to events in memory, with a recorder: for the tests of evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.codecs import Packet, PayloadFormat, frame
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.router import Input
from drsn.agent.backends.fake import ToneBackend, tone_of
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.severity import severities_of
from drsn.agent.decision.voting import Quorum
from drsn.agent.evidence.record import Record, SensorSetup, record_of
from drsn.agent.evidence.recorder import Recorder
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import TopicPattern
from drsn.agent.schema.bearing import Geometry
from drsn.agent.schema.documents import BundleReference
from drsn.agent.schema.render import Identity, Renderer
from drsn.agent.service.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.evidence.capture import Capture
    from drsn.agent.schema.documents import EventDocument
    from drsn.model.contract import ModelContract

POLICY = Policy.votes(Quorum(3, 4), Quorum(3, 4))
BEARING = Geometry(balls=9, ball_diameter_mm=7.94, pitch_diameter_mm=39.04)
T0_UNIX_NS = 1_800_000_000_000_000_000
SCALE = 1 / 16_384
SAID = ("normal", "ball", "normal", "ball", "ball", "ball")


@dataclass
class FakeWriter:
    """A writer that keeps its captures in memory, and refuses those above `max_captures`."""

    max_captures: int = 1000
    taken: list[Capture] = field(default_factory=list)
    written = failed = bytes = 0
    problem = None

    def take(self, capture: Capture) -> bool:
        self.taken.append(capture)
        return len(self.taken) <= self.max_captures

    def close(self) -> None:
        """Nothing waits."""


def renderer_of(contract: ModelContract, agent: str = "line4") -> Renderer:
    bundle = BundleReference(name="b", version="1", sha256="0" * 64)
    return Renderer(Identity(agent, "e1", bundle), severities_of(contract))


def line_of(
    contract: ModelContract, backend: Backend, max_batch: int, recorder: Recorder | None = None, max_sensors: int = 10
) -> Pipeline:
    pattern = TopicPattern("plant/{point}/frame", "{point}")
    entry = Input(pattern, "frame", PayloadFormat(), None, (), 1.0, False, 1 << 20)
    return Pipeline(
        Intake(contract, (entry,), max_sensors, {}),
        Batcher(contract, max_batch, 0.0),
        backend,
        Interpreter(contract),
        AlarmEngine(contract, "0" * 64, lambda _sensor: POLICY),
        recorder=recorder,
        decided_at=lambda batch: batch.end_unix_ns[: batch.size].tolist(),
    )


def events_of(messages: Iterable[Message], pipeline: Pipeline) -> list[EventDocument]:
    """The events of these messages; a window is decided at the time of its last sample, whatever the clock says."""
    decisions: list[Decisions] = []
    for each in messages:
        decisions += pipeline.process(InFlight(each))
    decisions += pipeline.flush()
    outcomes = [outcome for each in decisions for _, outcome in each.outcomes]
    render = renderer_of(pipeline.batcher._contract).event
    return [render(outcome.name, change) for outcome in outcomes for change in outcome.changes]


def message(contract: ModelContract, label: str, seq: int, dtype: str = "i16", sensor: str = "press4") -> Message:
    """A window of a tone that the backend calls by this label."""
    samples = tone_of(contract, label, contract.window, contract.sample_rate_hz)
    t0_unix_ns = T0_UNIX_NS + round(seq * contract.window * 1e9 / contract.sample_rate_hz)
    packet = Packet(samples * 1.1, t0_unix_ns=t0_unix_ns, sample_rate_hz=contract.sample_rate_hz, seq=seq, boot_id=1,
                    rpm=1750.0, unit="g", clock_synced=True)  # fmt: skip
    payload = frame.encode(packet, dtype, SCALE if dtype == "i16" else 1.0)
    return Message(f"plant/{sensor}/frame", payload, 1, False, 0.0, t0_unix_ns)


@dataclass
class Story:
    """The results of a run."""

    recorder: Recorder
    writer: FakeWriter
    events: list[EventDocument]
    line: Pipeline


def tell(contract: ModelContract, *labels: str, windows: int = 4, max_batch: int = 3, dtype: str = "i16",
         writer: FakeWriter | None = None, max_bytes: float = math.inf, **limits: int) -> Story:  # fmt: skip
    """Run windows of one sensor that the backend calls by these labels."""
    writer = writer or FakeWriter()
    recorder = Recorder(windows, writer, renderer_of(contract).event, max_bytes, **limits)
    line = line_of(contract, ToneBackend(contract, max_batch), max_batch, recorder)
    sent = [message(contract, label, seq, dtype) for seq, label in enumerate(labels)]
    return Story(recorder, writer, events_of(sent, line), line)


def sensor_setup(contract: ModelContract) -> SensorSetup:
    return SensorSetup(contract, POLICY, ("offset",), BEARING)


def record_of_balls(contract: ModelContract, dtype: str = "i16") -> Record:
    """Of an alarm about the balls, with the four windows behind it."""
    story = tell(contract, *SAID, dtype=dtype)
    story.recorder.release()
    (capture,) = story.writer.taken
    return record_of(capture, sensor_setup(contract))
