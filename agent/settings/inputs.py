"""From the settings to the inputs of the intake, checked against the model's contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.acquisition.codecs import PayloadFormat, decoder, library
from drsn.agent.acquisition.router import Input, StatefulDecoder
from drsn.agent.acquisition.sample_rate import bundle_for
from drsn.agent.acquisition.tachometer import Tachometer
from drsn.agent.mqtt.topics import TopicPattern
from drsn.agent.settings.entry_name import entry_name
from drsn.model.conditioning import RateTooLowError, check_rate
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from drsn.agent.acquisition.codecs.packet import TimeUnit
    from drsn.agent.settings.input_section import InputSection
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract


T0_UNITS: Final[dict[str, TimeUnit]] = {"influx": "ns", "sparkplug": "ms"}
"""Codec -> the unit of its times, where that is not the second."""

SPARKPLUG: Final = "sparkplug"
"""The codec whose messages refer to earlier ones."""


def check_inputs(settings: Settings, contract: ModelContract) -> None:
    """Refuse inputs that can't serve this model.

    Raises:
        ConfigurationError: the library of a codec is not installed, an input names another number of channels than the
            model needs at once, its rate is too low, or its codec cannot be sharded.
    """
    for index, entry in enumerate(settings.inputs):
        _check_library(entry.codec)
        name = entry_name("inputs", index, entry.topic)
        if settings.agent.shard is not None and entry.codec == SPARKPLUG:
            raise ConfigurationError(
                f"{name}: agent.shard: a birth of codec sparkplug is of several sensors; remove agent.shard and "
                "give each agent its own edge nodes in `topic`"
            )
        if entry.tachometer is not None and contract.channels != 1:
            raise ConfigurationError(
                f"{name}: tachometer: the bundle needs {contract.channels} channels at once; "
                "remove the tachometer and send `rpm` in the packets"
            )
        if entry.channels and contract.channels not in (1, len(entry.channels)):
            raise ConfigurationError(
                f"{name}: channels: the bundle needs {contract.channels} channels at once; "
                "name as many, or remove `channels`"
            )
        try:
            if entry.sample_rate_hz is not None:
                check_rate(entry.sample_rate_hz, contract.bandwidth_hz)
        except RateTooLowError as error:
            remedy = bundle_for(entry.sample_rate_hz or 0.0)
            raise ConfigurationError(f"{name}: sample_rate_hz: {error}; {remedy}") from None


def _check_library(name: str) -> None:
    if name == SPARKPLUG:
        sparkplug_decoder()
    else:
        decoder(name)


def sparkplug_decoder() -> StatefulDecoder:
    """Return a decoder of Sparkplug B that knows no edge node yet.

    Raises:
        ConfigurationError: its library is not installed.
    """
    with library(SPARKPLUG):
        from drsn.agent.acquisition.codecs.sparkplug import SparkplugDecoder  # noqa: PLC0415 (optional)

        return SparkplugDecoder()


def inputs_of(settings: Settings, contract: ModelContract) -> tuple[Input, ...]:
    """Return the inputs in the order of the settings."""
    stateful = sparkplug_decoder() if any(entry.codec == SPARKPLUG for entry in settings.inputs) else None
    return tuple(
        Input(
            pattern=TopicPattern(entry.topic, entry.sensor),
            codec=entry.codec,
            payload_format=format_of(entry, contract.channels),
            sample_rate_hz=entry.sample_rate_hz,
            channels=tuple(entry.channels) if contract.channels == 1 else (),
            hop_windows=entry.hop_windows,
            continuous=entry.continuous,
            bridged_windows=entry.bridged_windows,
            tachometer=None if entry.tachometer is None else Tachometer(entry.tachometer, entry.pulses_per_turn),
            max_packet_bytes=entry.max_packet_bytes,
            unit=entry.unit,
            decoder=stateful if entry.codec == SPARKPLUG else None,
            shard=settings.agent.shard,
        )
        for entry in settings.inputs
    )


def format_of(entry: InputSection, model_channels: int) -> PayloadFormat:
    """Return the parameters of the codec; without named channels, a packet has the model's."""
    fields = {name: path for name, path in entry.fields.model_dump().items() if path != name}
    return PayloadFormat(
        dtype=entry.dtype,
        scale=entry.scale,
        channels=len(entry.channels) or model_channels,
        planar=None if entry.layout is None else entry.layout == "planar",
        fields=fields,
        offset=entry.offset,
        big_endian=entry.byte_order == "big",
        header_bytes=entry.header_bytes,
        encoding=entry.encoding,
        channel_names=tuple(entry.channels),
        channel_paths=tuple(entry.channel_paths.values()),
        t0_unit=entry.t0_unit or T0_UNITS.get(entry.codec, "s"),
        time_zone=entry.time_zone,
    )


def filters_of(settings: Settings) -> tuple[str, ...]:
    """Return the topic filters of the inputs, each once: the broker sends a packet for each subscription."""
    return tuple(dict.fromkeys(TopicPattern(entry.topic, entry.sensor).filter for entry in settings.inputs))
