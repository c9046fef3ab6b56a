from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from drsn.agent.acquisition.router import sensor_ids
from drsn.agent.acquisition.shard import Shard
from drsn.agent.acquisition.tachometer import Tachometer
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
        ConfigurationError,
        match=r"inputs\[0\] \(topic p/{s}\): sample_rate_hz: .* holds no 5300 Hz",
    ):
        check_inputs(settings(codec="raw", sample_rate_hz=contract.bandwidth_hz), contract)


def test_named_channels_are_those_of_a_model_of_as_many(contract: ModelContract):
    check_inputs(settings(channels=["x", "y"]), contract)
    stereo = contract.model_copy(update={"channels": 2})
    check_inputs(settings(channels=["x", "y"]), stereo)  # one sensor with both
    assert inputs_of(settings(channels=["x", "y"]), stereo)[0].channels == ()
    with pytest.raises(ConfigurationError, match=r"inputs\[0\] \(topic .*\): channels: .* needs 2 channels"):
        check_inputs(settings(channels=["x", "y", "z"]), stereo)


def test_a_tachometer_is_one_of_the_channels_and_needs_a_model_of_one(contract: ModelContract):
    given = {"channels": ["x", "tacho"], "tachometer": "tacho", "pulses_per_turn": 2}
    (made,) = inputs_of(settings(**given), contract)
    assert made.tachometer == Tachometer("tacho", 2)
    assert sensor_ids(made, "m") == ("m-x",)
    with pytest.raises(ValidationError, match="tachometer 'speed' is not one of `channels`"):
        settings(**{**given, "tachometer": "speed"})
    with pytest.raises(ConfigurationError, match=r"inputs\[0\] \(topic .*\): tachometer: .* needs 2 channels"):
        check_inputs(settings(**given), contract.model_copy(update={"channels": 2}))


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


def sharded(shard: str, **entry: object) -> Settings:
    return Settings(
        agent={"id": "t", "state_dir": "s", "shard": shard}, inputs=[{"topic": "p/{s}", "sensor": "{s}", **entry}]
    )


def test_all_inputs_have_the_shard_of_the_agent(contract: ModelContract):
    assert [entry.shard for entry in inputs_of(sharded("2/5"), contract)] == [Shard(2, 5)]
    assert inputs_of(settings(), contract)[0].shard is None
    with pytest.raises(ValidationError, match="such as 2/5"):
        sharded("6/5")


def test_births_of_several_sensors_cannot_be_sharded(contract: ModelContract):
    with pytest.raises(ConfigurationError, match=r"agent\.shard: .* remove agent\.shard"):
        check_inputs(sharded("2/5", codec="sparkplug"), contract)
