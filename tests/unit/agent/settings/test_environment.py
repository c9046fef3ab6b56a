"""Settings in environment variables."""

from __future__ import annotations

import subprocess
import sys

import pytest

from drsn.agent.settings.environment import environment_settings, variable_of
from drsn.model.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRSN_AGENT__AGENT__ID", raising=False)


def test_none_is_set():
    assert environment_settings() == {}
    assert variable_of("agent", "id") is None


def test_values_and_quorums_are_text_and_lists_are_json(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DRSN_AGENT__AGENT__ID", "press-4")
    monkeypatch.setenv("drsn_agent__alarms__raise_after", "6/8")
    monkeypatch.setenv("DRSN_AGENT__INPUTS", '[{"topic": "p/{s}", "sensor": "{s}"}]')
    found = environment_settings()
    assert found["agent"] == {"id": "press-4"}
    assert found["alarms"] == {"raise_after": "6/8"}
    assert found["inputs"] == [{"topic": "p/{s}", "sensor": "{s}"}]
    assert variable_of("agent", "id") == "DRSN_AGENT__AGENT__ID"


@pytest.mark.parametrize("name", ["DRSN_AGENT__AGENT__NAME", "DRSN_AGENT__BROKER__URL"])
def test_an_unknown_one_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigurationError, match=f"{name}: unknown setting"):
        environment_settings()


def test_a_list_that_is_no_json_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DRSN_AGENT__INPUTS", "[")
    with pytest.raises(ConfigurationError, match="lists are written as JSON"):
        environment_settings()


def test_without_variables_the_library_that_reads_them_is_not_imported():
    program = "import sys; from drsn.agent.settings import environment as e; e.environment_settings(); "
    wanted = "sys.exit('pydantic_settings' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program + wanted], check=False, env={}).returncode == 0
