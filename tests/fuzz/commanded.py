"""A small plant for a fuzzer: three sensors, alarms, a journal with a damaged row, every verb.

Nothing is committed: each input finds the same plant. What is answered is kept in memory, the last two of it, so that a
command can come again, and can be pushed out.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import uuid
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

from feature_monitor import FeatureMonitor
from fuzz.grammar import Bytes
from fuzz.seeds import CONTRACT, RECORD

from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.reading import Reading
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.baseline import Baseline, BaselineStatistics
from drsn.agent.decision.commissioning import Commissioning
from drsn.agent.decision.diagnosis import Diagnosis
from drsn.agent.decision.severity import severities_of
from drsn.agent.evidence.json_form import numbers_of
from drsn.agent.evidence.record_files import FOLDER
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import Topics
from drsn.agent.rpc.context import CommandContext
from drsn.agent.rpc.dispatcher import CommandDispatcher
from drsn.agent.rpc.error_log import ErrorLog
from drsn.agent.rpc.verbs import VERBS as OFFERED
from drsn.agent.schema.documents import BundleReference, ReplyDocument
from drsn.agent.schema.evidence import SnapshotDocument, SnapshotWindow, WindowFacts
from drsn.agent.schema.render import EVENT_NAMESPACE, Identity, Renderer
from drsn.agent.service.reload_verb import ReloadVerb
from drsn.agent.settings.policies import policy_of
from drsn.agent.settings.sections import Settings
from drsn.agent.storage.journal import FILE, Journal
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.decision.alarm_state import SensorState

NOW_UNIX_NS = 1_800_000_000_000_000_000
NS = 10**9
TOPICS = Topics("drsn/v1", "a")
SHA256 = "0" * 64
RENDERER = Renderer(Identity("a", "e0", BundleReference(name="b", version="1", sha256=SHA256)), severities_of(CONTRACT))
SETTINGS = Settings(
    agent={"id": "a", "bundle": "b", "state_dir": "s"},
    inputs=[{"topic": "plant/{m}/frame", "sensor": "{m}"}],
    alarms={"raise_after": "1/1", "clear_after": "1/1"},
)
POLICIES = policy_of(SETTINGS, CONTRACT)
LEARNT = BaselineStatistics(350, -1.0, 0.1, 1.0, 0.1, 1.0, allowance=0.4)
VERBS = (*OFFERED, "launch")
NEWEST = SnapshotDocument(
    sensor="a", unit="g", sample_rate_hz=CONTRACT.sample_rate_hz, contract=CONTRACT, bearing=None, rpm=None,
    windows=(
        SnapshotWindow(
            **RECORD.header.windows[-1].model_dump(include=set(WindowFacts.model_fields)),
            **numbers_of(RECORD.arrays, -1),
        ),
    ),
)  # fmt: skip
KEPT = 2
"""Answers."""


@dataclass
class Plant:
    """What does not change."""

    ledger: Journal
    folder: Path
    sensors: dict[str, SensorState] = field(default_factory=dict)


class Kept:
    """The journal of the plant, and the last answers; what a desk asks of a ledger."""

    def __init__(self, ledger: Journal) -> None:
        self.events = ledger.events
        self._replies: dict[str, bytes] = {"damaged": b"nonsense"}

    def reply(self, request_id: str) -> bytes | None:
        return self._replies.get(request_id)

    def keep(self, reply: ReplyDocument) -> None:
        self._replies.pop(reply.request_id, None)
        self._replies[reply.request_id] = reply.model_dump_json().encode()
        while len(self._replies) > KEPT:
            del self._replies[next(iter(self._replies))]


class Line:
    """Where answers go out."""

    connected = True

    def __init__(self) -> None:
        self.sent: list[str] = []

    def publish(self, topic: str, payload: bytes, *, qos: int, correlation: bytes = b"") -> int:
        assert qos == 1
        assert not set(topic) & set("+#\0")
        assert topic.startswith("drsn/v1/")
        assert len(correlation) <= 65_535
        if "/_reply/" in topic:
            told = ReplyDocument.model_validate_json(payload)
            assert len(told.reason or "") < 1000
        self.sent.append(topic)
        return 1


def planted(folder: Path) -> Plant:
    """`a` with a bad ball, `b` well and commissioned, `c` well; of three events one is damaged on the disk."""
    pipeline = AlarmEngine(CONTRACT, SHA256, POLICIES)
    ledger = Journal(folder)
    for sensor, shares in (("a", (0, 0, 1)), ("a", (1, 0, 0)), ("a", (0, 0, 1)), ("b", (1, 0, 0)), ("c", (1, 0, 0))):
        outcome = window(pipeline, sensor, shares)
        ledger.commit({sensor: outcome.sensor}, {}, [RENDERER.event(sensor, change) for change in outcome.changes])
    ledger.mark_published(3)
    ledger.commit({}, {}, [])
    with closing(sqlite3.connect(folder / FILE)) as db, db:
        db.execute("""UPDATE journal SET event = '{"x":1}' WHERE seq = 2""")
    record = folder / FOLDER / "a" / f"{RENDERER.event_id('a', 1)}.npz"
    record.parent.mkdir(parents=True)
    record.write_bytes(b"damaged")
    commission = Baseline(LEARNT, "0" * 64, 0.1, NOW_UNIX_NS, "ana")
    sensors = {**pipeline.sensors, "b": replace(pipeline.sensors["b"], commission=commission)}
    return Plant(ledger, folder, sensors)


def window(pipeline: AlarmEngine, sensor: str, shares: tuple[float, ...]) -> Outcome:
    """One is heard of a sensor."""
    reading = Reading(
        sensor=sensor, end_unix_ns=NOW_UNIX_NS, duration_ns=NS, advance_ns=NS, fresh=False, rms=1.0, peak=3.0, unit="g",
        clock_synced=True,
    )  # fmt: skip
    by_label = dict(zip((label.name for label in CONTRACT.labels), shares, strict=True))
    top = max(by_label, key=by_label.__getitem__)
    return pipeline.feed(Diagnosis(reading, top, top, 1.0, by_label, by_label, -1.0), NOW_UNIX_NS)


def _snapshot(sensor: str) -> SnapshotDocument:
    """The newest window of `a`; the others have none."""
    if sensor != "a":
        raise BadDataError(f"no window of {sensor} since the start of the agent")
    return NEWEST


class Strict(ErrorLog):
    """An unexpected error that the dispatcher has caught is a finding."""

    def write(self, key: object, event: str, error: Exception | None = None, **more: object) -> None:  # noqa: ARG002
        """Raise it."""
        if error is not None:
            raise error


class Commanded:
    """An agent's core, as it was after `planted`."""

    def __init__(self, plant: Plant) -> None:
        commissioning = Commissioning("0" * 64, None, FeatureMonitor(CONTRACT), seconds=4.0, give_up_after_s=8.0)
        self.commissioning = commissioning
        self.pipeline = AlarmEngine(CONTRACT, SHA256, POLICIES, plant.sensors, commissioning)
        self.store, self.line, self.now_s = Kept(plant.ledger), Line(), 0.0
        intake = Intake(CONTRACT, (), 3, {})
        context = CommandContext(
            self.pipeline, RENDERER, self.store, TOPICS, errors=Strict(), state_dir=plant.folder,
            commission_s=commissioning.seconds, snapshot_of=_snapshot, forget_sensor=intake.forget,
        )  # fmt: skip
        context.pending.sources.append(commissioning.take_progress)
        self.desk = CommandDispatcher(context)
        reload = SimpleNamespace(results=deque(), due=False)
        reload.request = lambda name: reload.results.append((name, "no"))
        ReloadVerb(context, reload, self.line)

    def hear(self, message: Message) -> None:
        """A command comes and is done; then half a commissioning passes."""
        acks: list[Sequence[int]] = []
        self.desk.put(replace(message, acknowledge=acks.append))
        self._attend()
        assert len(acks) == 1
        self.now_s += 2.5
        if self.commissioning.under_way:
            window(self.pipeline, "b", (1, 0, 0))
        self.pipeline.tick(self.now_s, NOW_UNIX_NS + int(self.now_s * NS), connected=True)
        self._attend()

    def _attend(self) -> None:
        while (answer := self.desk.next(NOW_UNIX_NS + int(self.now_s * NS))) is not None:
            before = len(self.line.sent)
            if answer.kept and answer.reply is not None:
                self.store.keep(answer.reply)
            self.desk.send(answer, self.line)
            assert len(self.line.sent) == before + len(answer.publish) + (answer.reply is not None)


def message_of(data: bytes) -> Message:
    """`verb`, or `verb response-topic`, then a line's end, then the payload; a verb with `!` in it is retained.

    One that begins with 0xFF is the plan of a command (`_planned`).
    """
    head, _, payload = _planned(Bytes(data[1:])) if data[:1] == b"\xff" else data.partition(b"\n")
    verb, _, response = head.decode("utf-8", "replace").partition(" ")
    verb, mark, _ = verb.partition("!")
    return Message(
        topic=TOPICS.command(verb),
        payload=payload,
        qos=1,
        retained=bool(mark),
        received_s=0.0,
        received_unix_ns=NOW_UNIX_NS,
        response_topic=response,
        correlation=response.encode(),
    )


def _planned(source: Bytes) -> tuple[bytes, bytes, bytes]:
    """A command that could be one: each field is there or not, and of the values that mean something, or any."""
    verb, there = VERBS[source.byte() % len(VERBS)], source.byte()
    said: dict[str, object] = {"request_id": ("r1", "r2", "r3", "damaged")[source.byte() % 4], "by": "ana"}
    ids = [str(uuid.uuid5(EVENT_NAMESPACE, f"a/e0/a/{seq}")) for seq in range(4)]
    made: dict[str, Callable[[], object]] = {
        "sensor": lambda: ("a", "b", "c", "", "../a", "a\0", "\U0001f600" * 64)[source.byte() % 7],
        "condition": lambda: ("ball", "inner_race", "unknown", "silent", "nothing")[source.byte() % 5],
        "event_id": lambda: [*ids, "..", "\0"][source.byte() % 6],
        "from_seq": lambda: int.from_bytes(source.take(1 + source.byte() % 9), "little"),
        "duration_s": lambda: struct.unpack("<d", source.take(8))[0],
        "expires": lambda: f"{source.byte() * 40:04}-12-31T23:59:59.999999-23:59",
        "undo": lambda: bool(source.byte() & 1),
        "comment": lambda: source.rest(source.byte()).decode("utf-8", "surrogateescape"),
    }
    said |= {name: make() for bit, (name, make) in enumerate(made.items()) if there >> bit & 1}
    return verb.encode(), b"\n", json.dumps(said).encode()


def seeds() -> tuple[bytes, ...]:
    """Every verb, done and refused."""
    said = {"request_id": "r1", "by": "ana", "sensor": "a"}
    seen = RENDERER.event_id("a", 3)

    def told(verb: str, **more: object) -> bytes:
        return verb.encode() + b"\n" + json.dumps(said | more).encode()

    aside = [told("shelve", duration_s=60), told("unshelve", request_id="r2"), told("out_of_service", request_id="r3")]
    learn = told("commission", sensor="b", gate=True)
    reused = [learn, *aside[1:], told("commission", sensor="c")]
    ends = [told("commission", sensor=name, request_id=f"u{name}", undo=True) for name in "bc"]
    return (
        told("ack drsn/v1/_reply/scada/7", condition="ball", event_id=seen, comment="seen"),
        b"\xff\xfe".join([told("reset", condition="ball"), told("reset", condition="ball")]),
        b"\xff\xfe".join([*aside, told("in_service", request_id="r4", condition="ball")]),
        told("events", from_seq=2, expires="2030-01-01T00:00:00Z"),
        told("evidence", event_id=RENDERER.event_id("a", 1)),
        b"\xff\xfe".join([told("snapshot"), told("snapshot", sensor="b")]),
        b"\xff\xfe".join([told("forget", sensor="b"), told("forget", request_id="r2")]),
        b"\xff\xfe".join([told("reload", sensor=None), told("reload!", sensor=None)]),
        b"\xff\xfe".join([learn, told("events"), *ends[:1], *ends[:1]]),
        b"\xff\xfe".join([*reused, *ends]),
        told("events", from_seq=2**63),
        b"l" * 2000 + told(""),
        b"\xff\xfe".join(b"\xff" + bytes([verb, 0xFF, verb, *range(40)]) for verb in range(4)),
        b"\xff\xfe".join([learn, told("shelve", request_id="damaged", duration_s=1), told("commission")]),
    )
