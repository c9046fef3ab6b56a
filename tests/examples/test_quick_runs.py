"""The quick form of each example: the network learns, and the results are printed and written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import digits_in_clutter
import pytest
import speech_in_street_noise

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
CHANCE = 0.1
"""Both tasks have ten labels."""


@pytest.mark.parametrize("example", [digits_in_clutter, speech_in_street_noise], ids=lambda module: module.__name__)
def test_the_network_learns(example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert example.main(["--quick", "--json", "--out", str(tmp_path)]) == 0
    document = json.loads(capsys.readouterr().out)
    name = document["task"]
    assert json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) == document
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    results = document["results"]
    assert [result["family"] for result in results] == ["drsn_cw", "resnet"]
    assert {len(result["accuracy"]) for result in results} == {len(document["levels_db"])}
    assert document["levels_db"][0] is None
    assert all(result["accuracy"][0] > 1.8 * CHANCE for result in results), results
    assert [len(level) for level in results[0]["alpha"]] == [3] * len(document["levels_db"]), "one mean a unit"
    assert results[1]["alpha"] == [], "resnet has no threshold"
    (difference,) = document["differences"]
    assert (difference["family"], difference["other"], difference["low"]) == ("drsn_cw", "resnet", None)


@pytest.mark.parametrize("name", ["digits_in_clutter", "speech_in_street_noise"])
def test_it_runs_as_a_script(name: str):
    command = [sys.executable, EXAMPLES / f"{name}.py", "--help"]
    assert "--quick" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_an_unwritable_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "file").touch()
    assert digits_in_clutter.main(["--quick", "--out", str(tmp_path / "file")]) == 74
    told = capsys.readouterr().err
    assert "output folder" in told
    assert told.count("\n") == 1
