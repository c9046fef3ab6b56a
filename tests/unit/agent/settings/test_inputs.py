from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.settings.inputs import check_inputs, format_of, inputs_of
from drsn.agent.settings.sections import Settings
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract


def settings(**entry: object) -> Settings:
    agent = {"id": "tester", "bundle": "shipped:synthetic", "state_dir": "state"}
    return Settings(agent=agent, inputs=[{"topic": "p/{s}", "sensor": "{s}", **entry}])


def test_a_rate_that_holds_no_bandwidth_is_refused(contract: ModelContract):
    check_inputs(settings(codec="raw", sample_rate_hz=3 * contract.bandwidth_hz), contract)
    with pytest.raises(
        ConfigurationError, match=rf"inputs\.0\.sample_rate_hz: .* holds no {contract.bandwidth_hz:g} Hz"
    ):
        check_inputs(settings(codec="raw", sample_rate_hz=contract.bandwidth_hz), contract)


def test_named_channels_are_refused_where_the_model_needs_several_at_once(contract: ModelContract):
    check_inputs(settings(channels=["x", "y"]), contract)
    stereo = contract.model_copy(update={"channels": 2})
    with pytest.raises(ConfigurationError, match=r"inputs\.0\.channels: the bundle needs 2 channels at once"):
        check_inputs(settings(channels=["x", "y"]), stereo)


def test_an_input_has_what_the_settings_give(contract: ModelContract):
    entry = {
        "codec": "raw",
        "sample_rate_hz": 12_000,
        "channels": ["x", "y"],
        "hop_windows": 0.5,
        "continuous": True,
        "bridged_windows": 2,
    }
    (made,) = inputs_of(settings(**entry, max_packet_bytes=4096, unit="g"), contract)
    assert (made.pattern.filter, made.codec, made.payload_format.channels, made.channels) == (
        "p/+",
        "raw",
        2,
        ("x", "y"),
    )
    assert (made.sample_rate_hz, made.hop_windows, made.continuous, made.bridged_windows) == (12_000, 0.5, True, 2)
    assert (made.max_packet_bytes, made.unit) == (4096, "g")


def test_names_of_channels_decide_their_number_else_the_model_does():
    named, unnamed = settings(channels=["x", "y"]).inputs[0], settings(layout="planar").inputs[0]
    assert format_of(named, model_channels=3).channels == 2
    assert (format_of(unnamed, 3).channels, format_of(unnamed, 3).planar) == (3, True)
