from __future__ import annotations

import threading
import time

import pytest

from drsn.agent.tools.notify.notification import Notification
from drsn.agent.tools.notify.receiver_queue import MAX_WAITING, ReceiverQueue
from drsn.agent.tools.notify.undelivered import UndeliveredError


class Scripted:
    """Fails as often as it is told, then takes messages."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.taken: list[Notification] = []
        self.gate = threading.Event()
        self.gate.set()

    def send(self, notification: Notification) -> None:
        assert self.gate.wait(10)
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(notification)


def until(condition) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def messages(alarm, count: int) -> list[Notification]:
    return [Notification("phone", "raised", alarm(n)) for n in range(1, count + 1)]


def test_it_is_tried_again_and_the_order_stays(alarm):
    channel, done = Scripted(UndeliveredError("no route"), UndeliveredError("busy")), []
    delivery = ReceiverQueue("phone", channel, done.append, first_pause_s=0.01)
    for each in messages(alarm, 3):
        delivery.put(each)
    until(lambda: len(done) == 3)
    assert channel.taken == done == messages(alarm, 3)
    assert (delivery.sent, delivery.failed, delivery.given_up, delivery.problem) == (3, 2, 0, None)


def test_what_cannot_succeed_is_given_up_at_once_and_logged(alarm, caplog):
    channel, done = Scripted(UndeliveredError("HTTP status 404", again=False), ZeroDivisionError("of ours")), []
    delivery = ReceiverQueue("phone", channel, done.append, first_pause_s=60)
    for each in messages(alarm, 3):
        delivery.put(each)
    until(lambda: len(done) == 3)
    assert (delivery.sent, delivery.failed, delivery.given_up) == (1, 2, 2)
    assert "notification given up" in caplog.text


def test_attempts_have_an_end(alarm):
    channel, done = Scripted(*[UndeliveredError("no route")] * 1000), []
    delivery = ReceiverQueue("phone", channel, done.append, first_pause_s=0.01, give_up_after_s=0.05)
    delivery.put(messages(alarm, 1)[0])
    until(lambda: done)
    assert delivery.given_up == 1
    assert delivery.problem == "no route"
    assert 2 <= delivery.failed <= 7


def test_a_stop_ends_a_pause_and_what_was_not_delivered_is_not_done(alarm):
    channel, done = Scripted(*[UndeliveredError("no route")] * 9), []
    delivery = ReceiverQueue("phone", channel, done.append, first_pause_s=60)
    for each in messages(alarm, 3):
        delivery.put(each)
    until(lambda: delivery.failed)
    delivery.stop()
    delivery.join(5)
    assert (done, delivery.failed) == ([], 3), "each had one attempt"


def test_the_queue_is_bounded(alarm):
    channel = Scripted()
    channel.gate.clear()
    delivery = ReceiverQueue("phone", channel, lambda _: None)
    delivery.put(messages(alarm, 1)[0])
    until(lambda: not delivery.waiting)
    for _ in range(MAX_WAITING):
        assert delivery.ready
        delivery.put(messages(alarm, 1)[0])
    assert not delivery.ready
    channel.gate.set()
    delivery.stop()
    delivery.join(5)


@pytest.mark.parametrize("reason", ["line\nbreak", "x" * 999])
def test_a_reason_is_one_line(reason):
    assert len(str(UndeliveredError(reason)).splitlines()) == 1
    assert len(str(UndeliveredError(reason))) < 250
