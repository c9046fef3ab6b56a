from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.tools.doctor.bearings import bearings

if TYPE_CHECKING:
    from collections.abc import Callable

GIVEN = {"bpfo": 3.585, "bpfi": 5.415, "bsf": 2.357, "ftf": 0.398}


def test_without_a_bearing_there_is_nothing_to_check(subject: Callable):
    assert bearings(subject()).state == "unneeded"


def test_orders_and_their_source(subject: Callable):
    sensors = [{"match": "fan.*", "bearing": "6205-2RS", "rpm": 1500}, {"match": "*", "bearing": GIVEN}]
    found = bearings(subject(sensors=sensors))
    assert found.state == "ok"
    assert "fan.*: BPFO 3.585, BPFI 5.415, BSF 2.357, FTF 0.398 (6205-2RS: Case Western" in found.text
    assert "1500 rpm for packets without a speed" in found.text
    assert "(as given), speed from the packets" in found.text


def test_an_estimate_is_named(subject: Callable):
    found = bearings(subject(sensors=[{"match": "pump.*", "bearing": "NU206"}]))
    assert (found.state, "pump.*" in found.remedy) == ("soon", True)
