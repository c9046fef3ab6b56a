"""`drsn-train baseline` learns from healthy recordings alone, and what it learns fits the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.bundles import shipped
from drsn.agent.tools.operator.baselines import read_baseline
from drsn.model.__main__ import main
from drsn.model.data.synthetic import Machine, synthesise

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.monitoring.baseline_file import BaselineFile

RATE_HZ = 12_000
BUNDLE = str(shipped("synthetic"))


def write(path: Path, fault: str | None = None, seconds: float = 8.0, rpm: float = 1_797.0) -> None:
    path.parent.mkdir(exist_ok=True)
    samples = synthesise(Machine(rpm=rpm), fault, 0.8 if fault else 0.0, round(seconds * RATE_HZ), RATE_HZ,
                         np.random.default_rng(1))  # fmt: skip
    np.savez(path, samples=samples, sample_rate_hz=RATE_HZ)


def learnt(folder: Path, out: Path, *more: str) -> BaselineFile:
    assert main(["baseline", str(folder), "--bundle", BUNDLE, "--out", str(out), *more]) == 0
    return read_baseline(out)


def test_a_folder_of_healthy_recordings_gives_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "press4" / "a.npz")
    write(tmp_path / "press4" / "b.npz")
    file = learnt(tmp_path / "press4", tmp_path / "press4.json", "--rpm", "1797")
    assert (file.source, file.baseline.by_speed, file.baseline.windows) == ("press4", True, 92)
    assert "state: 1797 rpm, 92 windows" in capsys.readouterr().out


def test_of_labelled_recordings_only_the_healthy_ones_count(tmp_path: Path):
    (tmp_path / "all").mkdir()
    write(tmp_path / "all" / "normal" / "a.npz")
    write(tmp_path / "all" / "ball" / "b.npz", "ball")
    file = learnt(tmp_path / "all", tmp_path / "out.json")
    assert (file.baseline.by_speed, file.baseline.windows) == (False, 46)


@pytest.mark.parametrize(
    ("seconds", "label", "more", "code", "message"),
    [
        (2.0, "normal", (), 65, "11 windows are too few, 30 are needed"),
        (8.0, "ball", (), 65, "no recording has the label 'normal'"),
        (8.0, "normal", ("--bundle", "shipped:none"), 78, "the shipped bundles are"),
        (0.1, "normal", (), 65, "shorter than one window"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], seconds: float, label: str, more: tuple[str, ...], code: int,
    message: str,
):  # fmt: skip
    (tmp_path / "all").mkdir()
    write(tmp_path / "all" / label / "a.npz", None if label == "normal" else label, seconds)
    arguments = ["baseline", str(tmp_path / "all"), "--out", str(tmp_path / "out.json"), "--bundle", BUNDLE, *more]
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.json").exists()


def test_a_file_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write(tmp_path / "one" / "a.npz")
    out = tmp_path / "out.json"
    out.write_text("precious", encoding="utf-8")
    assert main(["baseline", str(tmp_path / "one"), "--bundle", BUNDLE, "--out", str(out)]) == 64
    assert "exists; name another file" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == "precious"
