from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from drsn.agent.__main__ import main
from drsn.agent.tools.bench.stages import ORDER

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drsn.agent.observability.logs.configure", lambda _level: None)  # other tests listen to logs


def test_without_a_configuration_a_shipped_bundle_is_measured(capsys: pytest.CaptureFixture[str]):
    assert main(["bench", "--seconds", "0.2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bundle"].startswith("cwru@")
    assert list(found["stages_us"]) == list(ORDER)


def test_the_settings_are_those_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "agent.toml"
    agent, entry = f'bundle = "shipped:synthetic"\nstate_dir = "{tmp_path}"', 'topic = "a/{s}"\nsensor = "{s}"'
    path.write_text(f"[agent]\n{agent}\n[[inputs]]\n{entry}\n")
    assert main(["bench", "--config", str(path), "--set", "inference.max_batch=8", "--seconds", "0.2"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("bundle synthetic@")
    assert "8 in a call" in text


def test_no_configuration_is_wrong_silently(tmp_path: Path):
    assert main(["bench", "--config", str(tmp_path / "none.toml")]) == 78


def test_a_measurement_takes_time():
    assert main(["bench", "--seconds", "0"]) == 64
