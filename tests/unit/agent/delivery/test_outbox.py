from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.decision.alarm_state import State
from drsn.agent.delivery.outbox import IN_FLIGHT, RETRY_AFTER_S, Outbox
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.mqtt.topics import Topics
from drsn.agent.schema.documents import BundleReference, EventDocument
from drsn.agent.storage.journal import Journal
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drsn.agent.mqtt.message import Confirmation

EVENTS = 40
BUNDLE = BundleReference(name="b", version="1", sha256="0" * 64)


def event(seq: int, sensor: str = "a") -> EventDocument:
    return EventDocument(
        agent="x", epoch="e", sensor=sensor, seq=seq, bundle=BUNDLE, condition="ball", label="ball", event_id=str(seq),
        state=State.ACTIVE_UNACKED, active=True, acked=False, severity=Severity.MAJOR, since="", decided_at="",
        clock_synced=True, confidence=1, votes=1, of=1, window_label="ball",
    )  # fmt: skip


class Slow(StubConnection):
    """Confirms a publish when `confirm` is called, as a slow network does."""

    def confirm(self, count: int) -> None:
        for _ in range(count):
            self.confirmations.append(self.held.pop(0))

    def publish(self, topic: str, payload: bytes, **options: object) -> int | None:
        mid = super().publish(topic, payload, **options)
        if mid is not None:
            self.held.append(self.confirmations.pop())
        return mid

    def start(self) -> None:
        self.held: list[Confirmation] = []
        super().start()


def pump(outbox: Outbox, connection: Slow, now_s: float) -> None:
    """As the loop calls it."""
    while connection.confirmations:
        outbox.note(connection.confirmations.popleft(), now_s)
    outbox.pump(now_s)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path)
    opened.commit({}, {}, [event(seq) for seq in range(1, EVENTS + 1)])
    yield opened
    opened.close()


@pytest.fixture
def broker() -> StubBroker:
    return StubBroker()


@pytest.fixture
def connection(broker: StubBroker) -> Slow:
    made = Slow(broker, ConnectionOptions("control", "control"))
    made.start()
    return made


@pytest.fixture
def outbox(journal: Journal, connection: Slow) -> Outbox:
    return Outbox(journal, connection, Topics("p", "x"))


def test_so_many_are_under_way_and_no_more(outbox, connection, broker):
    pump(outbox, connection, 0.0)
    pump(outbox, connection, 0.0)
    assert len(broker.log) == IN_FLIGHT


@pytest.mark.promise(
    "An event goes out until the broker confirms it; the journal's cursor moves only then.",
    where="delivery/outbox",
    topic="alarms",
)
def test_the_cursor_moves_with_the_broker_s_word_alone_and_never_over_a_hole(outbox, connection, journal):
    pump(outbox, connection, 0.0)
    assert journal.published_id == 0
    first = connection.held.pop(0)
    connection.confirm(3)
    pump(outbox, connection, 0.0)
    assert journal.published_id == 0, "the first is still open"
    connection.confirmations.append(first)
    pump(outbox, connection, 0.0)
    assert journal.published_id == 4


def test_events_go_out_at_qos_1(outbox, connection, monkeypatch):
    """QoS 0 has no confirmation by the broker: paho confirms when the packet is written to the socket."""
    asked, publish = [], connection.publish
    monkeypatch.setattr(connection, "publish", lambda *a, **said: [asked.append(said), publish(*a, **said)][1])
    pump(outbox, connection, 0.0)
    assert asked == [{"qos": 1}] * IN_FLIGHT


def test_after_a_lost_connection_the_unconfirmed_go_out_again_in_order(outbox, connection, broker, journal):
    pump(outbox, connection, 0.0)
    connection.confirm(2)
    pump(outbox, connection, 0.0)
    stale = connection.held[0]
    connection.lose()
    broker.log.clear()
    pump(outbox, connection, 1.0)
    connection.start()
    connection.confirmations.append(stale)  # a late confirmation of the old connection is ignored
    while journal.unpublished():
        pump(outbox, connection, 2.0)
        connection.confirm(len(connection.held))
    assert [EventDocument.model_validate_json(p).seq for _, p in broker.log] == list(range(3, EVENTS + 1))


def test_a_confirmation_of_the_last_connection_is_ignored_though_message_ids_begin_anew(outbox, connection, journal):
    pump(outbox, connection, 0.0)
    connection.lose()
    connection.start()
    pump(outbox, connection, 1.0)
    late = [replace(confirmation, epoch=1) for confirmation in connection.held]
    connection.confirmations.extend(late)
    pump(outbox, connection, 1.0)
    assert journal.published_id == 0
    connection.confirm(IN_FLIGHT)
    pump(outbox, connection, 1.0)
    assert journal.published_id == IN_FLIGHT


def test_a_refusal_is_logged_once_and_tried_again_later_in_order(outbox, connection, broker, journal, caplog):
    broker.denied = ("p/a/event",)
    for now_s in (0.0, 1.0, 2.0):
        pump(outbox, connection, now_s)
        connection.confirm(len(connection.held))
    pump(outbox, connection, 2.0)
    assert "authorized" in outbox.refused
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    broker.denied = ()
    broker.log.clear()
    while journal.unpublished():
        pump(outbox, connection, 3.0 + RETRY_AFTER_S)
        connection.confirm(len(connection.held))
    assert outbox.refused is None
    assert [EventDocument.model_validate_json(p).seq for _, p in broker.log] == list(range(1, EVENTS + 1))


def test_events_of_a_refused_sensor_block_no_other_sensor(outbox, connection, broker, journal):
    journal.commit({}, {}, [event(seq, "b") for seq in range(1, 6)])
    broker.denied = ("p/a/event",)
    for now_s in range(12):
        pump(outbox, connection, float(now_s))
        connection.confirm(len(connection.held))
    assert [topic for topic, _ in broker.log] == ["p/b/event"] * 5
    assert journal.published_id == 0, "the journal keeps what was refused"


def test_a_backlog_goes_out_fifty_at_once_and_a_hundred_a_second(outbox, connection, broker, journal):
    journal.commit({}, {}, [event(seq) for seq in range(EVENTS + 1, 401)])

    def told(now_s: float) -> int:
        for _ in range(30):
            pump(outbox, connection, now_s)
            connection.confirm(len(connection.held))
        return len(broker.log)

    assert [told(now_s) for now_s in (1000.0, 1000.0, 1000.5, 1000.75)] == [50, 50, 100, 125]
    assert told(2000.0) == 175, "a pause saves up no more than one burst"
