"""What a broker retains of agents that have lost their state, have another name, or are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("json_", [[], ["--json"]])
def test_at_an_empty_broker_alarms_finds_no_agent(json_: list[str], mosquitto, run_agent: Callable):
    done = run_agent("alarms", "--broker", mosquitto.url, *json_)
    assert (done.returncode, done.stderr.count("\n")) == (69, 1)
    assert f"no agent found under drsn/v1 at 127.0.0.1:{mosquitto.port}" in done.stderr
