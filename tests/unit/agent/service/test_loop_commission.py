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

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.backends.fake import ToneBackend
from drsn.agent.decision.commissioning import PROGRESS_S
from drsn.agent.mqtt.stub import StubBroker
from drsn.agent.storage import ageing_table

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


def aged(plant: Plant) -> bytes | None:
    return plant.journal.recovery.read(lambda database: database.query(lambda execute: ageing_table.read(execute, "a")))


def test_how_far_a_baseline_has_aged_is_stored_read_after_a_restart_and_gone_with_its_sensor(plant: Plant, start):
    command(plant)
    minute(plant)
    minute(plant)
    assert aged(plant) is None
    plant.agent.slow_writes.flush()
    stored = aged(plant)
    assert stored is not None
    second = restarted(plant, start)
    second.say("a", "normal")
    second.turn(2)
    second.agent.slow_writes.flush()
    again = aged(second)
    assert again is not None
    learnt, moved = slice(None, 16), slice(16, None)
    assert again[learnt] == stored[learnt]
    before, after = (np.frombuffer(each[moved], "<f4") for each in (stored, again))
    assert np.abs(after - before).max() < 0.01 < 10 * np.abs(before).max() + 0.01
    assert np.corrcoef(before, after)[0, 1] > 0.9


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
    assert "restarted before the command ended" in answers(second, request_id)[-1]["reason"]
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
        ({"sensor": None}, "sensor: missing"),
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
    assert "commissioned with another bundle" in caplog.text
    second.say("a", "normal")
    second.turn()
    assert result(second)["commission"]["in_use"] is False
    assert result(second)["condition"] == "unknown"


def play(plant: Plant, sensor: str, windows: int, *, gain: float = 1.0, struck: bool = False) -> None:
    """Play noise, with strikes at 97 Hz or without."""
    rng = np.random.default_rng(plant.seq.get(sensor, 0))
    for _ in range(0, windows, 50):
        plant.seq[sensor] = seq = plant.seq.get(sensor, 0) + 1
        samples = rng.standard_normal((1, 50 * plants.WINDOW)).astype(np.float32)
        if struck:
            since_s = np.arange(samples.size) / plants.RATE_HZ % (1 / 97)
            samples += 8 * (np.exp(-800 * since_s) * np.sin(2 * np.pi * 2_750 * since_s)).astype(np.float32)
        packet = Packet(samples * np.float32(gain), sample_rate_hz=plants.RATE_HZ, seq=seq, boot_id=1)
        plant.broker.publish(f"plant/{sensor}/frame", frame.encode(packet), 1, {}, retain=False)
    plant.turn(3)


def conditions(plant: Plant, sensor: str) -> dict[str, Any]:
    return {each["condition"]: each for each in plant.retained(f"drsn/v1/{sensor}/alarm").get("conditions", ())}


@pytest.fixture
def commissioned(start) -> Plant:
    """The machine of `a` has a health baseline of noise, which the model takes for a fault."""
    plant = start(StubBroker())
    plant.turn(1)
    play(plant, "a", 50)
    assert "--despite-alarm" in answers(plant, command(plant))[-1]["reason"], "an alarm of the model stands"
    request_id = command(plant, despite_alarm=True, comment="ana listened", seconds=16.0)
    play(plant, "a", 100)
    last = answers(plant, request_id)[-1]
    assert (last["ok"], last["pending"]) == (True, None), last
    assert last["commission"]["states"] == 1
    return plant


def test_a_machine_that_changes_raises_changed_and_says_what(commissioned: Plant):
    play(commissioned, "a", 200)
    assert "changed" not in conditions(commissioned, "a")
    play(commissioned, "a", 50, struck=True)
    found = conditions(commissioned, "a")["changed"]
    assert found["active"]
    assert found["label"].startswith(("crest_factor", "kurtosis", "envelope"))
    play(commissioned, "a", 100)
    assert "changed" not in conditions(commissioned, "a")


def test_an_unknown_operating_state_is_no_change_and_is_shown(commissioned: Plant):
    play(commissioned, "a", 100, gain=5.0)
    assert "changed" not in conditions(commissioned, "a")
    shown = answers(commissioned, command(commissioned, show=True))[-1]
    assert shown["unknown_state"] == 100
    assert commissioned.health().unknown_operating_state == 100
    play(commissioned, "a", 50, gain=5.0, struck=True)
    assert conditions(commissioned, "a")["changed"]["active"], "strikes are no operating state"


def test_a_health_baseline_holds_after_a_restart_and_until_it_is_undone(commissioned: Plant, start):
    commissioned.crash()
    second = start(commissioned.broker)
    second.seq = commissioned.seq
    second.turn(1)
    play(second, "a", 50, struck=True)
    assert conditions(second, "a")["changed"]["active"]
    command(second, undo=True)
    play(second, "a", 100, struck=True)
    assert "changed" not in conditions(second, "a"), "nothing evaluates it any more, so it is cleared"
    assert "not commissioned" in answers(second, command(second, show=True))[-1]["reason"]


def test_a_baseline_is_carried_to_a_twin_if_it_fits(commissioned: Plant):
    text = answers(commissioned, command(commissioned, show=True))[-1]["baseline"]
    for sensor, gain, ok in (("b", 1.0, True), ("c", 20.0, False)):
        play(commissioned, sensor, 50, gain=gain)
        looked = {"despite_alarm": True, "comment": "ana listened"}
        request_id = command(commissioned, sensor=sensor, baseline=text, seconds=8.0, **looked)
        play(commissioned, sensor, 50, gain=gain)
        last = answers(commissioned, request_id)[-1]
        assert (last["ok"], last["pending"]) == (ok, None), last
        assert ok or "does not fit" in last["reason"]
    play(commissioned, "b", 50, struck=True)
    assert conditions(commissioned, "b")["changed"]["active"]
    refused = answers(commissioned, command(commissioned, sensor="c", baseline="{}"))[-1]
    assert "not a baseline" in refused["reason"]
