from __future__ import annotations

from drsn.agent.tools.web.documents import ShownResult
from drsn.agent.tools.web.recent_results import LENGTH, RecentResults


def result(rms: float = 1.0, novelty: float | None = None, **probabilities: float) -> ShownResult:
    return ShownResult(label="x", condition=f"c{rms:g}", rms=rms, probabilities=probabilities, novelty=novelty)


def test_the_last_results_stay_oldest_first():
    recent = RecentResults()
    for number in range(LENGTH + 7):
        recent.add("a", float(number), result(number, novelty=None if number % 2 else 0.25, normal=0.5, ball=0.5))
    found = recent.json("a")
    assert (len(found["t"]), found["t"][0], found["t"][-1]) == (LENGTH, 7.0, LENGTH + 6.0)
    assert found["labels"] == ["normal", "ball"]
    assert found["probabilities"]["ball"] == [0.5] * LENGTH
    assert found["novelty"][:2] == [None, 0.25]
    assert (found["rms"][0], found["condition"][0]) == (7.0, "c7")


def test_another_model_begins_anew_and_an_unknown_sensor_has_none():
    recent = RecentResults()
    recent.add("a", 1.0, result(normal=1.0))
    recent.add("a", 2.0, result(healthy=1.0))
    assert recent.json("a")["t"] == [2.0]
    assert recent.json("b")["t"] == []


def test_sensors_take_bounded_memory_and_the_quietest_goes():
    recent = RecentResults(max_sensors=2)
    for sensor in ("a", "b", "a", "c"):
        recent.add(sensor, 1.0, result(normal=1.0))
    assert [bool(recent.json(sensor)["t"]) for sensor in "abc"] == [True, False, True]
