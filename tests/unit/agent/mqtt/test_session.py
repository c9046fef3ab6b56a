"""One session on a fake paho client, which can do what no real broker can be made to do."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.session import CLOSED, NO_CONNACK, ConnectFailure, Session, SessionEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drsn.agent.mqtt.message import Confirmation, Message

ACCEPTED = SimpleNamespace(is_failure=False, value=0)
REFUSED = SimpleNamespace(is_failure=True, value=135)
WITHOUT_5 = SimpleNamespace(is_failure=True, value=132)


class FakeClient:
    """paho client without a network; it records what the session does. `on_start` runs when its thread would start."""

    def __init__(self, protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5) -> None:
        self.protocol = protocol
        self.on_start: Callable[[FakeClient], None] = lambda _client: None
        self.acked: list[int] = []
        self.acked_by_qos: list[tuple[int, int]] = []
        self.disconnects: list[str] = []
        self.subscribed: list[tuple[str, int]] = []
        self.unsubscribed: list[str] = []

    def loop_start(self) -> None:
        self.on_start(self)

    def loop_stop(self) -> None:
        pass

    def socket(self) -> None:
        return None

    def ack(self, mid: int, qos: int) -> None:
        self.acked_by_qos.append((mid, qos))

    def ack_all(self, packet_ids: Sequence[int]) -> None:
        self.acked += packet_ids

    def disconnect(self, reason: object = "") -> None:
        self.disconnects.append(str(reason))

    def subscribe(self, filters: list[tuple[str, int]]) -> None:
        self.subscribed += filters

    def unsubscribe(self, filters: list[str]) -> None:
        self.unsubscribed += filters

    def receive(self, mid: int, topic: str = "a/b", payload: bytes = b"x", qos: int = 1) -> None:
        message = SimpleNamespace(topic=topic, payload=payload, qos=qos, retain=False, mid=mid, properties=None)
        self.on_message(self, None, message)


class Recorder:
    """Records the events of a session."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []
        self.messages: list[Message] = []
        self.confirmations: list[Confirmation] = []
        self.error: Exception | None = None

    def callbacks(self) -> SessionEvents:
        return SessionEvents(
            accepted=lambda session: self.events.append(("accepted", session.epoch)),
            lost=lambda code, _reason: self.events.append(("lost", code)),
            confirmed=self.confirmations.append,
            changed=lambda: None,
            received=self.receive,
        )

    def receive(self, message: Message) -> None:
        if self.error is not None:
            raise self.error
        self.messages.append(message)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


def session_of(client: FakeClient, recorder: Recorder, epoch: int = 1, **options: object) -> Session:
    given = {"filters": ("a/+",), "receive_maximum": 2, **options}
    return Session(client, ConnectionOptions("ingest", "x", **given), recorder.callbacks(), epoch)


def test_up_to_four_times_receive_maximum_is_received_then_the_connection_is_cut(client, recorder):
    session_of(client, recorder)
    for mid in range(1, 9):
        client.receive(mid)
    assert (len(recorder.messages), client.disconnects) == (8, [])
    client.receive(9)
    assert (len(recorder.messages), client.disconnects, client.acked) == (8, [""], []), "the broker sends it again"


def test_a_session_that_ends_with_its_connection_is_not_cut(client, recorder):
    """Its unacknowledged messages would be lost."""
    session_of(client, recorder, persistent=False)
    for mid in range(1, 20):
        client.receive(mid)
    assert (len(recorder.messages), client.disconnects) == (19, [])


def test_messages_that_arrive_after_a_cut_are_ignored(client, recorder):
    """Else they would come before the ones that the broker sends again, which would then count as repeats."""
    session = session_of(client, recorder)
    client.receive(1)
    session.cut()
    client.receive(2)
    assert len(recorder.messages) == 1
    later = FakeClient()
    session_of(later, recorder, epoch=2)
    later.receive(1)
    assert [message.epoch for message in recorder.messages] == [1, 2]


def test_acknowledged_messages_do_not_count_towards_the_limit(client, recorder):
    session_of(client, recorder)
    for mid in range(1, 20):
        client.receive(mid)
        recorder.messages[-1].ack()
    assert (len(recorder.messages), client.disconnects, client.acked) == (19, [], list(range(1, 20)))


def test_qos_0_is_neither_counted_nor_acknowledged(client, recorder):
    session_of(client, recorder)
    for _ in range(20):
        client.receive(0, qos=0)
        recorder.messages[-1].ack()
    assert (len(recorder.messages), client.disconnects, client.acked) == (20, [], [])


@pytest.mark.parametrize("end", ["lost", "closed"])
def test_an_acknowledgement_has_no_effect_after_its_connection_has_ended(client, recorder, end: str):
    session = session_of(client, recorder)
    client.receive(1)
    if end == "lost":
        client.on_disconnect(client, None, None, REFUSED, None)
    else:
        session.close(with_will=False)
    recorder.messages[0].ack()
    assert client.acked == []


def test_a_message_that_can_not_be_received_ends_the_connection_and_is_not_acknowledged(client, recorder, caplog):
    session_of(client, recorder)
    recorder.error = MemoryError()
    client.receive(1)
    assert (client.disconnects, client.acked) == ([""], [])
    assert "could not be received" in caplog.text


@pytest.mark.parametrize("given", [{}, {"max_payload_bytes": 100}])
def test_the_size_of_a_message_is_always_limited(client, recorder, given: dict[str, int]):
    """Without options, as a shell command uses it, and with an agent's."""
    session_of(client, recorder, filters=("a/+",) if given else (), **given)
    client.receive(0, "a/" + "b" * 60_000, bytes(17 << 20), qos=0)
    (message,) = recorder.messages
    sizes = len(message.topic), len(message.payload)
    assert sizes == ((259, 101) if given else (60_002, (16 << 20) + 1))


def test_an_accepted_connection_subscribes_and_drops_abandoned_filters(client, recorder):
    session = session_of(client, recorder, epoch=7, abandoned=("old/+",))
    client.on_connect(client, None, None, ACCEPTED, None)
    assert (client.subscribed, client.unsubscribed) == ([("a/+", 1)], ["old/+"])
    assert (session.connected, recorder.events) == (True, [("accepted", 7)])


def test_a_denied_filter_is_reported(client, recorder):
    session = session_of(client, recorder, filters=("a/+", "b/+"))
    client.on_connect(client, None, None, ACCEPTED, None)
    client.on_subscribe(client, None, 1, [ACCEPTED, REFUSED], None)
    assert session.denied == ("b/+",)
    session.subscribe(("c", "d"))
    assert client.subscribed == [("a/+", 1), ("b/+", 1), ("c", 1), ("d", 1)]
    client.on_subscribe(client, None, 2, [REFUSED, ACCEPTED], None)
    assert session.denied == ("b/+", "c"), "each answer is for its own subscription"


def test_a_confirmation_carries_the_epoch_and_the_reason(client, recorder):
    session_of(client, recorder, epoch=3)
    client.on_publish(client, None, 5, ACCEPTED, None)
    client.on_publish(client, None, 6, REFUSED, None)
    assert [(c.epoch, c.mid, c.refused is None) for c in recorder.confirmations] == [(3, 5, True), (3, 6, False)]


def test_only_an_accepted_connection_is_lost(client, recorder):
    session = session_of(client, recorder)
    client.on_disconnect(client, None, None, REFUSED, None)
    assert recorder.events == []
    client.on_connect(client, None, None, ACCEPTED, None)
    client.on_disconnect(client, None, None, REFUSED, None)
    assert recorder.events == [("accepted", 1), ("lost", 135)]
    assert not session.connected


@pytest.mark.parametrize(("code", "without_5"), [(REFUSED, False), (WITHOUT_5, True)])
def test_a_refused_connection_ends_with_the_reason_and_is_not_connected(client, recorder, code, *, without_5: bool):
    session = session_of(client, recorder)

    def refuse(client: FakeClient) -> None:
        client.on_connect(client, None, None, code, None)
        client.on_disconnect(client, None, None, code, None)

    client.on_start = refuse
    assert session.run(threading.Event()) == ConnectFailure(str(code), without_5)
    assert (session.connected, recorder.events) == (False, [])


def test_without_an_answer_to_connect_the_run_ends_with_a_reason(client, recorder):
    session = session_of(client, recorder)
    assert session.run(threading.Event(), connack_timeout_s=0.05) == ConnectFailure(NO_CONNACK, without_5=True)


def test_a_broker_that_closes_the_line_before_it_answers_gives_a_reason(client, recorder):
    session = session_of(client, recorder)
    client.on_start = lambda client: client.on_disconnect(client, None, None, REFUSED, None)
    assert session.run(threading.Event()) == ConnectFailure(CLOSED, without_5=True)


def test_an_accepted_connection_ends_without_a_reason(client, recorder):
    session = session_of(client, recorder)

    def accept(client: FakeClient) -> None:
        client.on_connect(client, None, None, ACCEPTED, None)
        client.on_disconnect(client, None, None, REFUSED, None)

    client.on_start = accept
    assert session.run(threading.Event()) is None


def test_a_stop_ends_the_run_before_the_broker_has_answered(client, recorder):
    stopping = threading.Event()
    client.on_start = lambda _client: stopping.set()
    assert session_of(client, recorder).run(stopping) is None


def test_the_will_is_published_only_on_request(client, recorder):
    session = session_of(client, recorder)
    session.leave(with_will=False)
    session.leave(with_will=True)
    assert client.disconnects == ["", "Disconnect with will message"]
