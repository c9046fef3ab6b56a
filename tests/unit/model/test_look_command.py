from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.model.__main__ import main
from drsn.model.text_plot import BLOCKS, WIDTH, level_line, spectrum_line

if TYPE_CHECKING:
    from pathlib import Path

TIME_S = np.arange(4096) / 4096


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / "a.npz", samples=np.sin(2 * np.pi * 512 * TIME_S) + 3, sample_rate_hz=4096, rpm=1480)
    np.savez(tmp_path / "b.npz", samples=np.stack([TIME_S * 0 + 7, np.sin(9 * TIME_S)]), sample_rate_hz=4096)
    (tmp_path / "c.csv").write_text("nothing\n")
    return tmp_path


def test_it_prints_what_would_be_read(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["look", str(folder / "a.npz"), str(folder / "b.npz")]) == 0
    told = capsys.readouterr().out
    assert "a.npz: 1 channel at 4096 Hz, 1 s, 1480 rpm" in told
    assert "channel 0: RMS 0.7071, peak 1 around a mean of 3" in told
    assert "b.npz: 2 channels" in told
    assert "constant: no vibration" in told
    files = f"{folder / 'a.npz'} {folder / 'b.npz'}"
    assert told.splitlines()[-1] == f"next: drsn-agent replay {files} --broker mqtt://localhost"


def test_the_next_command_of_a_folder_writes_its_recipe(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "c.csv").unlink()
    assert main(["look", str(folder), "--channels", "0"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"next: drsn-train look {folder} --channels 0 --recipe recipe.toml"


def test_a_file_that_can_not_be_read_does_not_hide_the_others(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["look", str(folder), "--json"]) == 65
    out, err = capsys.readouterr()
    files = json.loads(out)["files"]
    assert [each.get("channels") for each in files] == [1, 2, None]
    assert files[0]["rms"] == [pytest.approx(0.7071, abs=1e-3)]
    assert "no line of numbers" in files[2]["error"]
    assert err.startswith("drsn-train: ")
    assert len(err.splitlines()) == 1


def test_the_tables_of_a_folder_are_no_recordings(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "c.csv").rename(folder / "labels.csv")
    (folder / "manifest.csv").write_text("file,label\na.npz,normal\n")
    assert main(["look", str(folder), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 2


def test_options_choose_channels_and_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.savez(tmp_path / "a.npz", x=np.eye(3, 100), y=np.ones(100))
    words = [
        "look",
        str(tmp_path / "a.npz"),
        "--variable",
        "x",
        "--channels",
        "2,0",
        "--sample-rate-hz",
        "1000",
        "--json",
    ]
    assert main(words) == 0
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert (file["channels"], file["sample_rate_hz"], file["seconds"]) == (2, 1000.0, 0.1)


def test_a_usage_error_is_one_line(capsys: pytest.CaptureFixture[str]):
    assert main(["look"]) == 64
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_highest_block_is_where_the_line_of_the_spectrum_is():
    found = spectrum_line(np.sin(2 * np.pi * 530 * TIME_S).astype(np.float32))
    assert len(found) == WIDTH
    assert found.index(BLOCKS[-1]) == WIDTH // 4  # 530 of 2,048 Hz
    assert found.count(BLOCKS[0]) == WIDTH - 1


def test_the_level_follows_the_signal_and_not_its_offset():
    burst = np.where(TIME_S > 0.5, np.sin(2 * np.pi * 400 * TIME_S), 0) + 9
    found = level_line(burst.astype(np.float32))
    assert (found[0], found[-1]) == (BLOCKS[0], BLOCKS[-1])


@pytest.mark.parametrize("samples", [np.zeros(1), np.zeros(100), np.ones(3)])
def test_a_signal_without_vibration_has_plots_too(samples: np.ndarray):
    assert set(level_line(samples.astype(np.float32)) + spectrum_line(samples.astype(np.float32))) <= {*BLOCKS}


def test_it_starts_without_torch():
    code = "import sys, drsn.model.look_command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
