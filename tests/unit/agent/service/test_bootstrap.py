from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.bundles import shipped
from drsn.agent.service.bootstrap import assembled, opened_model
from drsn.agent.settings.loader import Configuration
from drsn.agent.settings.sections import Settings
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def settings(tmp_path: Path, **sections: object) -> Settings:
    agent = {"id": "tester", "bundle": "shipped:synthetic", "state_dir": tmp_path}
    return Settings(agent=agent, **{"inputs": [{"topic": "p/{s}", "sensor": "{s}"}], **sections})


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"codec": "raw", "sample_rate_hz": 8000}, "sample_rate_hz: 8000 Hz holds no 5300 Hz bandwidth"),
        ({"codec": "raw"}, "set sample_rate_hz"),
    ],
)
def test_an_input_that_cannot_serve_the_bundle_is_found_before_the_start(tmp_path, entry, complaint):
    inputs = [{"topic": "p/{s}", "sensor": "{s}", **entry}]
    with pytest.raises((ConfigurationError, ValueError), match=complaint):
        with_model(settings(tmp_path, inputs=inputs))


def test_a_bundle_that_serves_opens_and_proves_itself(tmp_path):
    assert with_model(settings(tmp_path)) == ("synthetic", "onnxruntime")


def test_each_of_an_agents_connections_says_how_large_a_packet_may_be(tmp_path):
    """One of 200 MB on the topic of its health, which strangers may reach, took 670 MB of memory."""
    made = settings(tmp_path, mqtt={"protocol": "5"})
    with assembled(Configuration(made, "0" * 64, shipped("synthetic"))) as loop:
        lines = loop.shutdown.connections
        connections = (lines.probe, lines.control, lines.ingest)
        limits = [each.options.limits for each in connections]
    assert [each.packet_bytes for each in limits] == [256 << 10, 16 << 20, 16 << 20]
    assert [each.payload_bytes for each in limits] == [128 << 10, 48 << 10, 1 << 20]


def with_model(made: Settings) -> tuple[str, str]:
    with opened_model(Configuration(made, "0" * 64, shipped("synthetic"))) as (bundle, chosen):
        return bundle.manifest.name, chosen.backend.name
