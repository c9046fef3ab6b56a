"""`commission` on a running agent: two answers, stored with the second, reversible, gone with its bundle."""

from __future__ import annotations

import itertools
import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import plant as plants
import pytest

from drsn.agent.backends.fake import ToneBackend
from drsn.agent.decision.commissioning import PROGRESS_S
from drsn.agent.mqtt.stub import StubBroker

if TYPE_CHECKING:
    from collections.abc import Callable

    from plant import Plant

    from drsn.agent.backends.backend import Outputs

IDS = itertools.count()
AT_ONCE = {"raise_after": "1/1", "clear_after": "1/1"}


class Strange(ToneBackend):
    """Tones lie one above the threshold, so that the model abstains from them; all else lies ten above."""

    def infer(self, x: np.ndarray) -> Outputs:
        outputs, spectrum = super().infer(x), np.abs(np.fft.rfft(x[:, 0]))
        hum = spectrum.argmax(axis=1) < 400 / plants.RATE_HZ * plants.WINDOW
        pure = (spectrum.max(axis=1) > 0.05 * spectrum.sum(axis=1)) & ~hum
        threshold = self._contract.abstention_threshold
        return replace(outputs, novelty=np.where(pure, threshold + 1, threshold + 10).astype(np.float32))


def command(plant: Plant, turns: int = 1, **said: object) -> str:
    asked = {"request_id": f"c{next(IDS)}", "by": "ana", "sensor": "a", **said}
    plant.broker.publish("drsn/v1/_agent/tester/cmd/commission", json.dumps(asked).encode(), 1, {}, retain=False)
    plant.turn(turns)
    return asked["request_id"]


def answers(plant: Plant, request_id: str) -> list[dict[str, Any]]:
    return plant.heard(f"drsn/v1/_reply/{request_id}")


def minute(plant: Plant, label: str = "normal") -> None:
    """A little more than 60 s, four packets of 100 windows."""
    for _ in range(4):
        plant.say("a", label, windows=100)
    plant.turn(3)


def restarted(plant: Plant, start: Callable[..., Plant], **more: Any) -> Plant:  # noqa: ANN401 (of `start`)
    """The agent is gone, and another goes on where it was; the sensors have noticed nothing."""
    plant.crash()
    second = start(plant.broker, backend=Strange, **AT_ONCE, **more)
    second.seq = plant.seq
    second.turn(1)
    return second


def result(plant: Plant) -> dict[str, Any]:
    return plant.heard("drsn/v1/a/result")[-1]


@pytest.fixture
def plant(start) -> Plant:
    """The model abstains from all windows."""
    plant = start(StubBroker(), backend=Strange, **AT_ONCE)
    plant.turn(1)
    plant.say("a", "normal")
    plant.turn()
    return plant


def standing(plant: Plant) -> str | None:
    return plant.retained("drsn/v1/a/alarm")["condition"]


def test_a_machine_that_the_model_doubted_is_known_after_a_minute_and_after_a_restart(plant: Plant, start):
    assert standing(plant) == "unknown"
    request_id = command(plant, gate=True, comment="after overhaul")
    minute(plant)
    first, *_, last = answers(plant, request_id)
    assert (first["ok"], first["pending"], first["commission"]) == (True, "0 of 60 s", None)
    assert (last["ok"], last["pending"], last["verb"], last["sensor"]) == (True, None, "commission", "a")
    learnt = last["commission"]
    assert (learnt["by"], learnt["comment"], learnt["in_use"]) == ("ana", "after overhaul", True)
    assert learnt["novelty_allowance"] == pytest.approx(1.0, abs=1e-3)
    assert learnt["gate_rms"] == pytest.approx(0.25 * learnt["rms"])
    plant.say("a", "normal")
    plant.turn()
    assert standing(plant) is None
    second = restarted(plant, start)
    second.say("a", "ball")
    second.turn()
    assert standing(second) == "ball", "not deaf to a fault"
    assert result(second)["commission"] == learnt
    # The same request is answered by its end, and done no more.
    command(second, request_id=request_id)
    assert answers(second, request_id)[-1] == last


def test_what_is_undone_is_forgotten_and_told(plant: Plant):
    command(plant)
    minute(plant)
    undo = command(plant, undo=True, by="ben")
    (reply,) = answers(plant, undo)
    assert (reply["ok"], reply["commission"]["by"]) == (True, "ana")
    plant.say("a", "normal")
    plant.turn()
    assert standing(plant) == "unknown"
    assert plant.agent.journal.load().sensors["a"].commission is None
    (again,) = answers(plant, command(plant, undo=True))
    assert (again["ok"], again["reason"]) == (False, "a is not commissioned")


def test_undo_ends_what_is_under_way(plant: Plant):
    request_id = command(plant)
    (reply,) = answers(plant, command(plant, undo=True, by="ben"))
    assert (reply["ok"], reply["commission"]) == (True, None)
    plant.turn(1)
    assert answers(plant, request_id)[-1]["reason"] == "ended by ben"


def test_a_restart_meanwhile_leaves_nothing_half_done(plant: Plant, start):
    request_id = command(plant)
    plant.say("a", "normal", windows=100)
    plant.turn()
    second = restarted(plant, start)
    minute(second)
    assert second.agent.journal.load().sensors["a"].commission is None
    command(second, request_id=request_id)
    assert "started anew" in answers(second, request_id)[-1]["reason"]
    minute(second)
    assert second.agent.journal.load().sensors["a"].commission is None
    done = command(second)
    minute(second)
    assert answers(second, done)[-1]["ok"]


def test_progress_is_told_on_the_way(plant: Plant):
    request_id = command(plant)
    plant.say("a", "normal", windows=100)
    plant.turn(2)
    plant.clock.ahead_s += PROGRESS_S
    plant.turn(2)
    assert "17 of 60 s" in {reply["pending"] for reply in answers(plant, request_id)}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"sensor": "nobody"}, "no sensor 'nobody'"),
        ({"sensor": None}, "say which"),
        ({"undo": True}, "not commissioned"),
    ],
)
def test_refusals_name_their_reason(plant: Plant, said: dict[str, object], reason: str):
    (reply,) = answers(plant, command(plant, **said))
    assert (reply["ok"], reply["pending"]) == (False, None)
    assert reason in reply["reason"]


def test_a_machine_that_breaks_meanwhile_is_not_learnt(start):
    plant = start(StubBroker(), **AT_ONCE)
    plant.turn(1)
    plant.say("a", "normal")
    plant.turn()
    request_id = command(plant)
    plant.say("a", "ball")
    plant.turn()
    assert "ball stands" in answers(plant, request_id)[-1]["reason"]
    (reply,) = answers(plant, command(plant))
    assert "may be broken" in reply["reason"]


def test_for_another_bundle_it_is_not_in_use_and_the_log_says_so(plant: Plant, start, caplog: pytest.LogCaptureFixture):
    command(plant)
    minute(plant)
    with caplog.at_level(logging.WARNING):
        second = restarted(plant, start, bundle=replace(plants.BUNDLE, sha256="f" * 64))
    assert "commissioned for another bundle" in caplog.text
    second.say("a", "normal")
    second.turn()
    assert result(second)["commission"]["in_use"] is False
    assert result(second)["condition"] == "unknown"
