"""From the settings to the inputs of the intake, checked against the model's contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import PayloadFormat, codec
from drsn.agent.acquisition.router import Input
from drsn.agent.mqtt.topics import TopicPattern
from drsn.model.conditioning import RateTooLowError, check_rate
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.agent.settings.sections import InputSection, Settings
    from drsn.model.contract import ModelContract


def check_inputs(settings: Settings, contract: ModelContract) -> None:
    """Refuse inputs that can't serve this model.

    Raises:
        ConfigurationError: the library of a codec is not installed, an input has named channels where the model needs
            several at once, or its rate is too low.
    """
    for index, entry in enumerate(settings.inputs):
        codec(entry.codec)
        if entry.channels and contract.channels != 1:
            raise ConfigurationError(
                f"inputs.{index}.channels: the bundle needs {contract.channels} channels at once; leave the names out"
            )
        try:
            if entry.sample_rate_hz is not None:
                check_rate(entry.sample_rate_hz, contract.bandwidth_hz)
        except RateTooLowError as error:
            raise ConfigurationError(f"inputs.{index}.sample_rate_hz: {error}") from None


def inputs_of(settings: Settings, contract: ModelContract) -> tuple[Input, ...]:
    """Return the inputs in the order of the settings."""
    return tuple(
        Input(
            pattern=TopicPattern(entry.topic, entry.sensor),
            codec=entry.codec,
            payload_format=format_of(entry, contract.channels),
            sample_rate_hz=entry.sample_rate_hz,
            channels=entry.channels,
            hop_windows=entry.hop_windows,
            continuous=entry.continuous,
            bridged_windows=entry.bridged_windows,
            max_packet_bytes=entry.max_packet_bytes,
            unit=entry.unit,
        )
        for entry in settings.inputs
    )


def format_of(entry: InputSection, model_channels: int) -> PayloadFormat:
    """Return the parameters of the codec; without named channels, a packet has the model's."""
    return PayloadFormat(
        dtype=entry.dtype,
        scale=entry.scale,
        channels=len(entry.channels) or model_channels,
        planar=entry.layout == "planar",
        fields=entry.fields.model_dump(),
    )
