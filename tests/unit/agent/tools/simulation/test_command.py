"""The whole command on the synthetic bundle: few windows, all parts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.__main__ import main
from drsn.agent.tools.demo.machines import ACTORS, SAMPLE_RATE_HZ, record
from drsn.model.foreign_signals import STRANGERS

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["--bundle", "shipped:synthetic", "--days", "0.5", "--stretches", "8", "--trials", "50", "--snr", "10"]
SMALL += ["--strange-hours", "0.02"]


@pytest.fixture
def recordings(tmp_path: Path) -> list[str]:
    """A healthy machine and two broken ones, as the command names them."""
    named = []
    for index, actor in enumerate(ACTORS[:3]):
        path = tmp_path / f"{actor.sensor}.npy"
        np.save(path, record(actor, 3.0, index).samples)
        named.append(f"{actor.fault or 'normal'}={path}@{SAMPLE_RATE_HZ:g}")
    return named


def test_the_study_says_how_often_alarms_are_wrong_and_how_late(
    recordings: list[str], capsys: pytest.CaptureFixture[str]
):
    assert main(["simulate", *recordings, *SMALL, "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.err == ""
    by_rule = {row["rule"].split()[0]: row for row in found["rules"]}
    assert set(by_rule) == {"argmax", "P", "votes", "dropping", "sequential"}
    for name in ("votes", "dropping", "sequential"):
        row = by_rule[name]
        assert row["false_alarms"]["quiet"]["alarms"] == 0
        assert row["false_alarms"]["quiet"]["upper_95_per_day"] == pytest.approx(3.0 / 0.5, rel=0.01)
        assert set(row["delay"]) == {"inner_race", "outer_race"}
        for delay in row["delay"].values():
            assert (delay["missed"], delay["wrong"]) == (0, 0)
            assert 0.5 < delay["median_s"] <= delay["p95_s"] < 3
    stretches = 8 + 16 + 2 * 2
    strange = sum(kind["streams"] for kind in found["strangers"])
    assert found["windows_that_the_network_saw"] == stretches * 16 + strange * (int(20 * 12_000 / 2048) - 1)
    assert strange == 2 * len(STRANGERS)
    assert {kind["kind"] for kind in found["strangers"]} == set(STRANGERS)
    for kind in found["strangers"]:
        assert set(kind["misled"]) == {row["rule"] for row in found["rules"]}
        assert all(0 <= count <= kind["streams"] for count in kind["misled"].values())
    assert {row["rule"].split()[0] for row in found["equal_false_alarms"]["outspoken"]["quiet"]} == {
        "P",
        "votes",
        "sequential",
    }
    promised = [row["promised_per_day"] for row in found["promised_and_counted"]]
    assert promised == sorted(promised, reverse=True)


def test_without_json_it_is_one_table(recordings: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["simulate", *recordings, *SMALL]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["SNR", "rule"]
    assert [row.split()[2] for row in rows[:5]] == ["argmax", "P", "votes", "dropping", "sequential"]
    assert sum("raise an alarm" in row for row in rows) == len(STRANGERS)


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["normal"], 64, "is not LABEL=FILE"),
        (["rust=a.npy"], 64, "no label of the bundle: normal"),
        (["normal=a.npy", "--days", "0"], 64, "must be above 0"),
        (["normal=a.npy", "--strange-hours", "0"], 64, "must be above 0"),
        (["normal=missing.npy"], 74, "missing.npy"),
    ],
)
def test_what_can_not_be_simulated_is_said_in_one_line(
    arguments: list[str], code: int, complaint: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["simulate", *arguments, "--bundle", "shipped:synthetic"]) == code
    assert complaint in capsys.readouterr().err


def test_it_needs_a_healthy_recording_and_another(recordings: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["simulate", recordings[0], *SMALL]) == 65
    assert "must be healthy" in capsys.readouterr().err
