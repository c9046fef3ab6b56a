"""From messages to events in memory, with a keeper that watches: for the tests of evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.codecs import Format, Packet, frame
from drsn.agent.acquisition.intake import Input, Intake
from drsn.agent.backends.fake import ToneBackend, tone_of
from drsn.agent.decision.alarm_engine import AlarmEngine, Identity
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.voting import Quorum
from drsn.agent.evidence.record import About, Record, record_of
from drsn.agent.evidence.recorder import Recorder, Snapshot
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import TopicPattern
from drsn.agent.observability.metrics import Metrics
from drsn.agent.schema.bearing import Geometry
from drsn.agent.schema.documents import BundleReference
from drsn.agent.tools.evidence.replay import Line, events_of

if TYPE_CHECKING:
    from drsn.agent.backends.backend import Backend
    from drsn.agent.schema.documents import EventDocument
    from drsn.model.contract import ModelContract

POLICY = Policy.votes(Quorum(3, 4), Quorum(3, 4))
BEARING = Geometry(balls=9, ball_diameter_mm=7.94, pitch_diameter_mm=39.04)
T0_UNIX_NS = 1_800_000_000_000_000_000
SCALE = 1 / 16_384
SAID = ("normal", "ball", "normal", "ball", "ball", "ball")


@dataclass
class Desk:
    """A writer that keeps what it takes, as long as there is room."""

    room: int = 1000
    taken: list[Snapshot] = field(default_factory=list)
    written = failed = bytes = 0
    problem = None

    def take(self, snapshot: Snapshot) -> bool:
        self.taken.append(snapshot)
        return len(self.taken) <= self.room

    def close(self) -> None:
        """Nothing waits."""


def line_of(contract: ModelContract, backend: Backend, max_batch: int, keeper: Recorder | None = None) -> Line:
    who = BundleReference(name="b", version="1", sha256="0" * 64)
    entry = Input(TopicPattern("plant/{point}/frame", "{point}"), "frame", Format(), None, (), 1.0, False, 1 << 20)
    return Line(
        Intake(contract, (entry,), 10, {}, Metrics()),
        Batcher(contract, max_batch, 0.0, keep=keeper and keeper.stage),
        backend,
        Interpreter(contract),
        AlarmEngine(contract, Identity("line4", "e1", who), lambda _sensor: POLICY),
        keeper,
    )


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
    """What came of a run."""

    keeper: Recorder
    desk: Desk
    events: list[EventDocument]
    line: Line


def tell(contract: ModelContract, *labels: str, windows: int = 4, max_batch: int = 3, dtype: str = "i16",
         desk: Desk | None = None, most_bytes: float = math.inf) -> Story:  # fmt: skip
    """Let a sensor say labels, one a window."""
    desk = desk or Desk()
    keeper = Recorder(windows, max_batch, desk, most_bytes)
    line = line_of(contract, ToneBackend(contract, max_batch), max_batch, keeper)
    sent = [message(contract, label, seq, dtype) for seq, label in enumerate(labels)]
    return Story(keeper, desk, list(events_of(sent, line)), line)


def about(contract: ModelContract) -> About:
    return About(contract, POLICY, ("offset",), BEARING)


def record_of_balls(contract: ModelContract, dtype: str = "i16") -> Record:
    """Of an alarm about the balls, with the four windows behind it."""
    story = tell(contract, *SAID, dtype=dtype)
    story.keeper.release()
    (snapshot,) = story.desk.taken
    return record_of(snapshot, about(contract))
