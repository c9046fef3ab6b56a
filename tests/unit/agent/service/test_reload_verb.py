"""The verb `reload`: answered at once, and again after its check; done once."""

from __future__ import annotations

import json
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from drsn.agent.mqtt.stub import StubBroker, StubConnection
from drsn.agent.service.reload import Reload
from drsn.agent.service.reload_verb import MAX_WAITING, ReloadVerb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plant import Plant

TOPIC = "drsn/v1/_agent/tester/cmd/reload"
PENDING = "checks what is on the disk now"


class Service:
    """An agent that can be reloaded; `checks` says how often it has looked."""

    def __init__(self, plant: Plant, folder: Path, verdict: str) -> None:
        self.plant, self.stop, self._log = plant, threading.Event(), folder / "checks"
        script = f"open({str(self._log)!r}, 'a').write('x'); {verdict}"
        self.reload = Reload([sys.executable, "-c", script], self.stop)
        ReloadVerb(plant.agent.dispatcher.context, self.reload, plant.control)
        plant.turn(1)

    @property
    def checks(self) -> int:
        return len(self._log.read_text()) if self._log.exists() else 0

    def command(self, request_id: str, **mqtt: object) -> None:
        payload = json.dumps({"request_id": request_id, "by": "ana"}).encode()
        self.plant.broker.publish(TOPIC, payload, 1, {}, retain=False, **mqtt)
        self.plant.turn(1)

    def said(self, request_id: str) -> list[tuple[bool, str | None, str | None]]:
        self.plant.turn(1)
        replies = self.plant.heard(f"drsn/v1/_reply/{request_id}")
        return [(reply["ok"], reply["pending"], reply["reason"]) for reply in replies]


@pytest.fixture
def serve(start, tmp_path: Path) -> Callable[..., Service]:
    """`serve(broker, verdict)`: an agent whose check runs this line of Python."""

    def serve(broker: StubBroker, verdict: str = "") -> Service:
        return Service(start(broker), tmp_path, verdict)

    return serve


NO = "import sys; sys.exit('line4.toml: agent.idd: unknown setting')"


def test_a_no_is_told_with_its_reason_and_costs_nothing(serve, wait_until: Callable[..., object]):
    service = serve(StubBroker(), NO)
    service.command("r1")
    assert service.said("r1")[0] == (True, PENDING, None)
    wait_until(lambda: len(service.said("r1")) == 2)
    reason = "the agent continues with the old configuration: line4.toml: agent.idd: unknown setting (exit code 1)"
    assert service.said("r1")[1] == (False, None, reason)
    assert not service.stop.is_set()
    service.command("r1")  # delivered again
    assert service.said("r1")[2:] == [(False, None, reason)]
    assert service.checks == 1


@pytest.mark.promise(
    "The command `reload` is executed once and answered: with the reason of the refusal, or `ok` before the "
    "agent restarts.",
    where="service/reload_verb, service/reload",
    topic="alarms",
)
def test_a_check_that_passes_is_answered_before_the_agent_restarts(serve, monkeypatch, wait_until):
    service = serve(StubBroker())
    told, publish = [], StubConnection.publish
    monkeypatch.setattr(StubConnection, "publish", lambda *a, **k: [told.append((a[1], k)), publish(*a, **k)][1])
    service.command("r1", response_topic="drsn/v1/_reply/scada/7", correlation=b"c-42")
    assert [reply["pending"] for reply in service.plant.heard("drsn/v1/_reply/scada/7")] == [PENDING]
    wait_until(service.stop.is_set)
    service.plant.loop.shutdown.drain()
    service.plant.loop.shutdown.farewell()
    (pending, done) = service.plant.heard("drsn/v1/_reply/scada/7")
    assert (done["ok"], done["pending"], done["reason"], done["verb"]) == (True, None, None, "reload")
    assert [k["correlation"] for topic, k in told if topic == "drsn/v1/_reply/scada/7"] == [b"c-42", b"c-42"]
    assert (pending["request_id"], done["request_id"]) == ("r1", "r1")
    service.plant.journal.close()
    successor = serve(service.plant.broker, NO)
    successor.command("r1")  # delivered again: it is neither checked nor done again
    assert successor.said("r1")[-1] == (True, None, None)
    assert (successor.checks, successor.stop.is_set()) == (1, False)


def test_requests_during_and_after_the_check_are_answered_too(serve, wait_until):
    service = serve(StubBroker(), "import time; time.sleep(0.5)")
    service.command("r1")
    wait_until(lambda: service.checks)
    service.command("r2")
    wait_until(service.stop.is_set)
    service.command("r3")
    service.plant.loop.shutdown.drain()
    service.plant.loop.shutdown.farewell()
    answers = [service.plant.heard(f"drsn/v1/_reply/r{n}")[-1] for n in (1, 2, 3)]
    assert [(answer["ok"], answer["pending"]) for answer in answers] == [(True, None)] * 3
    assert service.checks == 1


def test_a_stop_during_the_check_is_no_restart_and_is_not_answered_as_one(serve, wait_until):
    service = serve(StubBroker(), "import time; time.sleep(0.5)")
    service.command("r1")
    wait_until(lambda: service.checks)
    service.reload.cancel()
    wait_until(lambda: service.said("r1")[-1][2])
    assert service.said("r1")[-1] == (
        False,
        None,
        "the agent continues with the old configuration: the agent is stopping",
    )
    assert not service.reload.due


def test_a_refusal_waits_for_the_connection(serve, wait_until):
    service = serve(StubBroker(), NO)
    service.command("r1")
    service.plant.broker.stop()
    wait_until(lambda: service.reload.results)
    service.plant.turn()
    assert service.reload.results
    service.plant.broker.start(service.plant.control)
    assert service.said("r1")[-1][0] is False


def test_an_answer_that_the_broker_did_not_take_is_kept_for_whoever_asks_again(serve, wait_until):
    service = serve(StubBroker())
    service.command("r1")
    service.plant.broker.stop()
    wait_until(service.stop.is_set)
    service.plant.loop.shutdown.drain()
    assert len(service.plant.heard("drsn/v1/_reply/r1")) == 1
    service.plant.crash()
    successor = serve(service.plant.broker, NO)
    service.plant.broker.start(successor.plant.control)
    successor.command("r1")
    assert successor.said("r1")[-1] == (True, None, None)
    assert successor.checks == 1


def test_who_asks_again_after_a_crash_in_the_middle_is_told_that_it_has_begun_anew(
    serve, wait_until: Callable[..., object]
):
    service = serve(StubBroker(), "import time; time.sleep(60)")
    service.command("r1")
    wait_until(lambda: service.checks)  # until it is a program of its own, the child holds our directory's lock
    service.plant.crash()
    successor = serve(service.plant.broker, NO)
    assert len(successor.said("r1")) == 1, "nobody knows where the answer was wanted"
    successor.command("r1")
    assert successor.said("r1")[1:] == [(True, None, None)]
    assert successor.checks <= 1


def test_many_who_ask_are_answered_by_one_check_and_too_many_refused(serve, wait_until: Callable[..., object]):
    service = serve(StubBroker(), f"import time; time.sleep(1); {NO}")
    for number in range(MAX_WAITING + 1):
        service.command(f"r{number}")
    assert service.said(f"r{MAX_WAITING}")[-1][2] == f"{MAX_WAITING} reload commands already wait; wait for their reply"
    wait_until(lambda: all(len(service.said(f"r{n}")) == 2 for n in range(MAX_WAITING)))
    assert service.checks <= 2, "the first one's, and one for all who came meanwhile"


def test_a_store_that_can_not_be_read_makes_it_do_nothing_twice(serve, wait_until: Callable[..., object]):
    service = serve(StubBroker(), f"import time; time.sleep(0.5); {NO}")
    service.plant.journal.reply = lambda _: None
    service.command("r1")
    service.command("r1")
    wait_until(lambda: service.said("r1")[-1][2])
    service.plant.turn()
    assert service.checks == 1


def test_an_agent_that_nobody_can_reload_says_so(start):
    plant = start(StubBroker())
    plant.turn(1)
    payload = json.dumps({"request_id": "r1", "by": "ana"}).encode()
    plant.broker.publish(TOPIC, payload, 1, {}, retain=False)
    plant.turn(1)
    (reply,) = plant.heard("drsn/v1/_reply/r1")
    assert "unknown verb 'reload'" in reply["reason"]
