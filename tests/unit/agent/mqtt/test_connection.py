"""The supervisor on fake sessions: epochs, takeovers, fallback to MQTT 3.1.1, errors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from drsn.agent.mqtt.backoff import Backoff
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import (
    FELL_BACK,
    MAX_TAKEOVERS,
    SESSION_TAKEN_OVER,
    TAKEOVER_WINDOW_S,
    Connection,
    TakeoverCounter,
)
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.session import CLOSED, NO_CONNACK, ConnectFailure

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from drsn.agent.mqtt.session import SessionEvents

BROKER = BrokerAddress("127.0.0.1", 1)
REFUSES_5 = ConnectFailure("Unsupported protocol version", without_5=True)
CLOSES = ConnectFailure(CLOSED, without_5=True)
SILENT = ConnectFailure(NO_CONNACK, without_5=True)
BAD_PASSWORD = ConnectFailure("Bad user name or password", without_5=False)
AT_ONCE = Backoff(draw=lambda _least_s, _most_s: 0.0)


class FakeSession:
    """One entry of a script: an exception while connecting, a failure, or an end after the broker has accepted."""

    denied: tuple[str, ...] = ()
    certificate = None

    def __init__(self, events: SessionEvents, epoch: int, script: object, protocol: str) -> None:
        self.events, self.epoch, self.script, self.protocol = events, epoch, script, protocol
        self.connected = False
        self.wills: list[bool] = []

    def run(self, stopping: threading.Event, _timeout_s: float) -> ConnectFailure | None:
        match self.script:
            case ConnectFailure():
                return self.script
            case ("lost", int(code)):  # at once: `connected` stays False, so a test waits for the session that stays
                self.events.accepted(self)
                self.events.lost(code, "lost")
            case "stay", None:
                self.connected = True
                self.events.accepted(self)
                stopping.wait(10)
        return None

    def leave(self, *, with_will: bool) -> None:
        self.wills.append(with_will)

    def close(self, *, with_will: bool) -> None:
        self.connected = False
        self.leave(with_will=with_will)


class Script:
    """`open_session` that plays one entry for each attempt and then stays connected."""

    def __init__(self, *entries: object) -> None:
        self.entries = list(entries)
        self.protocols: list[str] = []
        self.sessions: list[FakeSession] = []

    def __call__(
        self, _broker: object, _options: object, events: SessionEvents, *, epoch: int, protocol: str
    ) -> FakeSession:
        self.protocols.append(protocol)
        entry = self.entries.pop(0) if self.entries else ("stay", None)
        if isinstance(entry, Exception):
            raise entry
        self.sessions.append(FakeSession(events, epoch, entry, protocol))
        return self.sessions[-1]


@pytest.fixture
def start():
    """`start(script, broker)`: a connection that plays the script; stopped at the end."""
    made: list[Connection] = []

    def start(script: Script, broker: BrokerAddress = BROKER) -> Connection:
        made.append(Connection(broker, ConnectionOptions("test", "x"), backoff=AT_ONCE, open_session=script))
        made[-1].start()
        return made[-1]

    yield start
    for connection in made:
        connection.stop()


def test_each_accepted_connection_has_the_next_epoch(start: Callable[..., Connection], wait_until):
    script = Script(("lost", 128), BAD_PASSWORD, OSError("unreachable"), ("lost", 128))
    connection = start(script)
    wait_until(lambda: connection.connected, what="the third connection")
    assert connection.epoch == 3
    assert [session.epoch for session in script.sessions] == [1, 2, 2, 3]


def test_five_takeovers_in_a_minute_end_the_connection_for_good(start: Callable[..., Connection], wait_until):
    """The agent then exits with 69 and does not fight for the client id."""
    script = Script(*[("lost", 128)] * MAX_TAKEOVERS, *[("lost", SESSION_TAKEN_OVER)] * MAX_TAKEOVERS)
    connection = start(script)
    wait_until(lambda: not connection.alive, what="its end")
    assert connection.taken_over
    assert len(script.sessions) == 2 * MAX_TAKEOVERS, "no attempt after the fifth takeover"


def test_fewer_takeovers_are_followed_by_a_new_connection(start: Callable[..., Connection], wait_until):
    connection = start(Script(*[("lost", SESSION_TAKEN_OVER)] * (MAX_TAKEOVERS - 1)))
    wait_until(lambda: connection.connected, what="a connection that stays")
    assert not connection.taken_over


def test_takeovers_within_the_window_reach_the_limit():
    takeovers = TakeoverCounter()
    step_s = TAKEOVER_WINDOW_S / MAX_TAKEOVERS
    assert [takeovers.add(index * step_s) for index in range(MAX_TAKEOVERS)] == [False] * (MAX_TAKEOVERS - 1) + [True]


def test_rare_takeovers_never_reach_the_limit():
    takeovers = TakeoverCounter()
    step_s = TAKEOVER_WINDOW_S / (MAX_TAKEOVERS - 1)
    assert not any(takeovers.add(index * step_s) for index in range(100))


def test_reason_142_is_session_taken_over():
    assert ReasonCode(PacketTypes.DISCONNECT, "Session taken over").value == SESSION_TAKEN_OVER


@pytest.mark.parametrize("failure", [REFUSES_5, CLOSES, SILENT], ids=lambda failure: failure.reason)
@pytest.mark.parametrize(
    ("setting", "used"), [("auto", ["5", "3.1.1"]), ("5", ["5", "5"]), ("3.1.1", ["3.1.1", "3.1.1"])]
)
def test_only_auto_tries_3_1_1_where_5_gets_no_answer(
    start: Callable[..., Connection], wait_until, caplog, failure: ConnectFailure, setting: str, used: list[str]
):
    script = Script(failure)
    with caplog.at_level(logging.INFO):
        connection = start(script, BrokerAddress("127.0.0.1", 1, protocol=setting))
        wait_until(lambda: connection.connected, what="a connection")
    assert script.protocols == used
    assert connection.protocol == used[-1]
    assert caplog.text.count(FELL_BACK) == (setting == "auto")


def test_each_attempt_begins_with_5_and_the_log_says_once_that_3_1_1_runs(
    start: Callable[..., Connection], wait_until, caplog
):
    """A broker that was only starting is asked for MQTT 5 again on the next connection."""
    script = Script(CLOSES, CLOSES, CLOSES, ("lost", 128), CLOSES, ("lost", 128))
    connection = start(script)
    wait_until(lambda: connection.connected, what="a connection")
    assert script.protocols == ["5", "3.1.1", "5", "3.1.1", "5", "3.1.1", "5"]
    assert caplog.text.count(FELL_BACK) == 1
    assert connection.protocol == "5"


@pytest.mark.parametrize(
    ("failure", "setting", "reason"),
    [
        (CLOSES, "auto", f"{CLOSED}, with MQTT 5 and with 3.1.1; perhaps the port uses TLS"),
        (CLOSES, "3.1.1", f"{CLOSED}; perhaps the port uses TLS"),
        (CLOSES, "5", f'{CLOSED}; perhaps the broker does not support MQTT 5: set mqtt.protocol = "auto"'),
        (SILENT, "auto", f"{NO_CONNACK}, with MQTT 5 and with 3.1.1"),
        (SILENT, "5", f'{NO_CONNACK}; perhaps the broker does not support MQTT 5: set mqtt.protocol = "auto"'),
        (BAD_PASSWORD, "auto", "Bad user name or password"),
    ],
)
def test_the_reason_blames_tls_only_when_the_version_can_not_be_the_cause(
    start: Callable[..., Connection], wait_until, failure: ConnectFailure, setting: str, reason: str
):
    connection = start(Script(*[failure] * 10_000), BrokerAddress("127.0.0.1", 1, protocol=setting))
    wait_until(lambda: connection.last_error, what="a reason")
    assert connection.last_error.startswith(reason)


def test_a_refusal_for_another_reason_keeps_the_protocol(start: Callable[..., Connection], wait_until):
    script = Script(*[BAD_PASSWORD] * 3)
    connection = start(script)
    wait_until(lambda: connection.connected, what="a connection")
    assert script.protocols == ["5"] * 4


def test_an_error_is_a_warning_once_and_the_connection_tries_again(
    start: Callable[..., Connection], wait_until, caplog
):
    with caplog.at_level(logging.DEBUG):
        connection = start(Script(*[OSError("unreachable")] * 3, BAD_PASSWORD, RuntimeError("bug")))
        wait_until(lambda: connection.connected, what="a connection")
    assert connection.last_error is None
    levels = [record.levelname for record in caplog.records if record.getMessage() == "no connection, trying again"]
    assert levels == ["WARNING", "DEBUG", "DEBUG", "WARNING"]
    assert "unexpected error" in caplog.text


@pytest.mark.parametrize("with_will", [False, True])
def test_a_stop_passes_on_whether_the_will_is_to_be_published(
    start: Callable[..., Connection], wait_until, *, with_will
):
    script = Script()
    connection = start(script)
    wait_until(lambda: connection.connected, what="a connection")
    connection.stop(with_will=with_will)
    assert not connection.alive
    assert set(script.sessions[0].wills) == {with_will}


def test_nothing_is_published_without_a_connection():
    connection = Connection(BROKER, ConnectionOptions("test", "x"))
    assert connection.publish("a", b"", qos=1) is None
    assert (connection.epoch, connection.denied, connection.certificate) == (0, (), None)
