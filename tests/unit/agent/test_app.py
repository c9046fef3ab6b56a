from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.app import opened_model, policy_of
from drsn.agent.bundles import shipped
from drsn.agent.configuration import Configuration
from drsn.agent.settings import Settings
from drsn.agent.votes import Quorum
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def settings(tmp_path: Path, **sections: object) -> Settings:
    agent = {"id": "tester", "bundle": "shipped:synthetic", "state_dir": tmp_path}
    return Settings(agent=agent, **{"inputs": [{"topic": "p/{s}", "sensor": "{s}"}], **sections})


def test_the_first_sensor_section_that_matches_decides_and_the_rest_comes_from_alarms(tmp_path):
    overrides = [
        {"match": "press4.*", "alarms": {"raise_after": "4/6"}},
        {"match": "press*", "alarms": {"raise_after": "1/1", "clear_after": "2/2"}},
    ]
    policy = policy_of(settings(tmp_path, sensors=overrides, alarms={"clear_after": "5/5"}))
    assert (policy("press4.de").raise_after, policy("press4.de").clear_after) == (Quorum(4, 6), Quorum(5, 5))
    assert policy("press5.de").clear_after == Quorum(2, 2)
    assert policy("fan").raise_after == Quorum(6, 8)


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"codec": "raw", "sample_rate_hz": 8000}, "inputs.0.sample_rate_hz: 8000 Hz holds no 5300 Hz bandwidth"),
        ({"codec": "raw"}, "set sample_rate_hz"),
    ],
)
def test_an_input_that_cannot_serve_the_bundle_is_found_before_the_start(tmp_path, entry, complaint):
    inputs = [{"topic": "p/{s}", "sensor": "{s}", **entry}]
    with pytest.raises((ConfigurationError, ValueError), match=complaint):
        with_model(settings(tmp_path, inputs=inputs))


def test_a_bundle_that_serves_opens_and_proves_itself(tmp_path):
    assert with_model(settings(tmp_path)) == ("synthetic", "onnxruntime")


def with_model(made: Settings) -> tuple[str, str]:
    with opened_model(Configuration(made, "0" * 64, shipped("synthetic"))) as (bundle, backend):
        return bundle.manifest.name, backend.name
