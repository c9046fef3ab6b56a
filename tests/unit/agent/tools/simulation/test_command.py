"""The whole command on the synthetic bundle, with few windows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.__main__ import main
from drsn.agent.tools.demo.machines import DEMO_MACHINES, SAMPLE_RATE_HZ, record

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["--days", "0.003", "--stretches", "8", "--trials", "3", "--snr", "10", "--max-false-alarms", "1000"]
BUNDLE = ["--bundle", "shipped:synthetic"]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A healthy machine and two broken ones, as the command names them."""
    folder, named = tmp_path_factory.mktemp("recordings"), []
    for index, machine in enumerate(DEMO_MACHINES[:3]):
        path = folder / f"{machine.sensor}.npy"
        np.save(path, record(machine, 3.0, index).samples)
        named.append(f"{machine.fault or 'normal'}={path}@{SAMPLE_RATE_HZ:g}")
    return named


def simulated(
    capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0, snr_db: tuple[str, ...] = ("10",)
) -> dict[str, object]:
    assert main(["simulate", *arguments, *SMALL, "--snr", *snr_db, "--json"]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_false_alarms_and_delays_are_compared_with_the_targets(
    recordings: list[str], capsys: pytest.CaptureFixture[str]
):
    found = simulated(capsys, *recordings, *BUNDLE, snr_db=("10", "20"))
    false = found["false_alarms"]
    assert (false["alarms"], false["met"], found["met"]) == (0, True, True)
    assert false["days"] == pytest.approx(0.003, rel=0.01)
    assert false["upper_95_per_day"] == pytest.approx(2.9957 / 0.003, rel=0.01)
    assert [level["snr_db"] for level in found["levels"]] == [10.0, 20.0]
    for level in found["levels"]:
        assert set(level["delay"]) == {"inner_race", "outer_race"}
        for delay in level["delay"].values():
            assert (delay["missed"], delay["wrong"]) == (0, 0)
            assert 0.5 < delay["median_s"] <= delay["p95_s"] < 3


def test_a_target_that_is_not_met_makes_the_command_fail(recordings: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["simulate", *recordings, *BUNDLE, *SMALL, "--max-delay", "0.1", "--max-false-alarms", "2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    own = "alarms.raise_after = 6/8, clear_after = 7/8 (sensor sensor, bundle synthetic)"
    assert lines[0] == f"the alarms do NOT meet the targets with your settings: {own}"
    table = lines[lines.index("") + 1 :]
    assert table[0].split()[:3] == ["SNR", "false", "alarms"]
    assert table[1].split()[:3] == ["10", "dB", "0"]
    assert table[1].endswith("NOT met")
    assert any(line.endswith("--days 1.5") for line in lines), "it names the days that would be enough"
    assert any("not at 10 dB" in line for line in lines)


def test_the_settings_are_those_of_the_configuration_and_the_sensor(
    recordings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "agent.toml"
    path.write_text(
        '[agent]\nbundle = "shipped:synthetic"\n[mqtt]\nusername = "a"\npassword_file = "not-on-this-machine"\n'
        '[[inputs]]\ntopic = "plant/{m}"\nsensor = "{m}"\n'
        '[[sensors]]\nmatch = "press*"\nalarms.raise_after = "1/1"\n'
        '[[sensors]]\nmatch = "stands"\ngate.rms = 1e6\n',
        encoding="utf-8",
    )

    def slowest_s(*more: str, code: int = 0) -> float | None:
        found = simulated(capsys, *recordings, "--config", str(path), *more, code=code)
        return found["levels"][0]["delay"]["inner_race"]["p95_s"]

    usual, press = slowest_s(), slowest_s("--sensor", "press4")
    assert press < usual / 2
    assert slowest_s("--sensor", "stands", code=1) is None, "behind a closed gate no fault is found"


def test_without_a_configuration_settings_have_their_defaults(
    recordings: list[str], capsys: pytest.CaptureFixture[str]
):
    votes = simulated(capsys, *recordings, *BUNDLE)
    one_vote = simulated(capsys, *recordings, *BUNDLE, "--set", "alarms.raise_after=1/1")
    delays = [found["levels"][0]["delay"]["inner_race"]["p95_s"] for found in (votes, one_vote)]
    assert delays[1] < delays[0] / 2
    assert main(["simulate", *recordings, "--set", "alarms.rule=loud"]) == 78
    assert "--set: alarms.rule" in capsys.readouterr().err


def test_delays_over_snr_are_drawn(recordings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("matplotlib")
    path = tmp_path / "delays.png"
    simulated(capsys, *recordings, *BUNDLE, "--plot", str(path))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert main(["simulate", *recordings, *BUNDLE, *SMALL, "--plot", str(tmp_path / "missing" / "a.png")]) == 74
    assert "can't be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["normal"], 64, "is not LABEL=FILE"),
        (["rust=a.npy"], 64, "no label of the bundle: normal"),
        (["normal=a.npy", "--days", "0"], 64, "must be above 0"),
        (["normal=a.npy", "--max-delay", "0"], 64, "must be above 0"),
        (["normal=a.npy", "--stretches", "7"], 64, "--stretches 8 at least"),
        (["normal=missing.npy"], 74, "missing.npy"),
    ],
)
def test_what_can_not_be_simulated_is_one_line(
    arguments: list[str], code: int, complaint: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["simulate", *arguments, *BUNDLE]) == code
    assert complaint in capsys.readouterr().err


def test_it_needs_a_healthy_recording_and_another(recordings: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["simulate", recordings[0], *BUNDLE, *SMALL]) == 65
    assert "must be healthy" in capsys.readouterr().err
