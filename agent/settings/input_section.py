"""The section `[[inputs]]`: where sensors publish, and what their payloads hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from drsn.agent.acquisition.codecs.document_path import PathError, document_path
from drsn.agent.acquisition.continuity import BRIDGED_WINDOWS
from drsn.agent.monitoring.units import UNITS
from drsn.agent.mqtt.topics import TopicPattern
from drsn.agent.settings.presets import PRESETS, with_preset
from drsn.agent.settings.types import SHOWN
from drsn.model.contract import Frozen
from drsn.model.iso8601 import named_zone

if TYPE_CHECKING:
    from collections.abc import Mapping

CHANNEL = re.compile(r"[A-Za-z0-9._~-]{1,32}")


def _named(channels: object) -> object:
    """Names alone as a table whose paths are not given."""
    if not isinstance(channels, (list, tuple)) or not all(isinstance(name, str) for name in channels):
        return channels
    if len(set(channels)) != len(channels):
        raise ValueError("two channels have the same name")
    return dict.fromkeys(channels)


class Section(Frozen, defer_build=True):
    """A part of `Settings`, which validates it: its own validator is made at its first use, which most never have."""


class DocumentFields(Section):
    """Codecs of documents: the path of each field in the document, dotted or a JSONPath."""

    samples: str = Field(
        default="samples", description="Path of the samples in the document: with dots, or a JSONPath."
    )
    t0: str = Field(default="t0", description="Path of the time of the first sample.")
    sample_rate_hz: str = Field(default="sample_rate_hz", description="Path of the sample rate.")
    seq: str = Field(default="seq", description="Path of the sequence number.")
    boot_id: str = Field(default="boot_id", description="Path of the number that changes when the sensor restarts.")
    rpm: str = Field(default="rpm", description="Path of the speed of the shaft.")
    unit: str = Field(default="unit", description="Path of the unit.")

    @field_validator("*")
    @classmethod
    def _paths(cls, path: str) -> str:
        return checked_path(path)


def checked_path(path: str) -> str:
    """Return a path that can be followed.

    Raises:
        ValueError: it is no path, or its library is not installed.
    """
    try:
        document_path(path)
    except PathError as error:
        raise ValueError(str(error)) from None
    except ModuleNotFoundError:
        raise ValueError(f"{path[:SHOWN]!r} is a JSONPath; pip install 'drsn-edge[codecs]'") from None
    return path


class InputSection(Section):
    """A pattern of topics to which sensors publish packets."""

    preset: str | None = Field(
        default=None,
        description=f"Defaults for a common source: {', '.join(PRESETS)}. Settings of the input override them.",
    )
    topic: str = Field(description="Topics to read. Each {name} is one topic level.")
    sensor: str = Field(description="Id of the sensor, made of these names, such as {machine}-{point}.")
    codec: Literal["raw", "frame", "json", "cbor", "msgpack", "influx", "senml", "opcua", "sparkplug"] = Field(
        default="frame",
        description="Format of the payload. cbor and msgpack need drsn-edge[codecs], sparkplug drsn-edge[sparkplug].",
    )
    dtype: Literal["f32", "i16", "i32", "i8", "u8", "u16", "i24", "f64"] = Field(
        default="f32",
        description="Type of a number, for raw and for bytes, base64 or hex in a document. i24 has three bytes.",
    )
    byte_order: Literal["little", "big"] = Field(default="little", description="Byte order of these numbers.")
    encoding: Literal["auto", "base64", "hex", "text"] = Field(
        default="auto",
        description="Encoding of samples that are text. auto: base64 or decimal numbers, but not hex digits.",
    )
    header_bytes: int = Field(default=0, ge=0, le=65_536, description="Bytes before the samples, which are skipped.")
    offset: float = Field(default=0.0, allow_inf_nan=False, description="Added to each count before `scale`.")
    scale: float = Field(default=1.0, allow_inf_nan=False, description="Unit per count.")
    layout: Literal["interleaved", "planar"] | None = Field(
        default=None, description="Order of several channels. none: interleaved; for lists of lists their sizes decide."
    )
    sample_rate_hz: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Sample rate, if the packet does not have it."
    )
    unit: str | None = Field(default=None, description="g, m/s^2, mm/s and so on, if the packet does not have it.")
    channels: Annotated[dict[str, str | None], BeforeValidator(_named)] = Field(
        default={},
        description='Names of the channels. Each is a sensor `<sensor>-<name>`. {x = "accel.x"} also gives the paths.',
    )
    tachometer: str | None = Field(
        default=None,
        description="The channel with speed pulses. The others get their speed from it; it is not a sensor.",
    )
    pulses_per_turn: float = Field(
        default=1.0, gt=0, le=10_000, description="Pulses of the tachometer in one turn of the shaft."
    )
    fields: DocumentFields = DocumentFields()
    t0_unit: Literal["s", "ms", "us", "ns"] | None = Field(
        default=None, description="Unit of a `t0` that is a number. none: s; ns for influx, ms for sparkplug."
    )
    time_zone: str | None = Field(
        default=None, description="Time zone of a `t0` without an offset from UTC, such as Europe/Berlin."
    )
    hop_windows: float = Field(
        default=1.0, gt=0, le=1, description="Step from one window to the next, in windows. 1.0: no overlap."
    )
    continuous: bool = Field(
        default=False,
        description="true: join packets, even if neither `seq` nor `t0` proves that no sample is missing between them.",
    )
    bridged_windows: float = Field(
        default=BRIDGED_WINDOWS,
        ge=0,
        le=100,
        description="A longer gap, in windows, resets the votes. 0: every gap does.",
    )
    max_packet_bytes: int = Field(
        default=1_048_576,
        ge=64,
        le=256 * 1_048_576,
        description="Larger packets are refused, before and after decompression.",
    )

    @model_validator(mode="before")
    @classmethod
    def _over_preset(cls, given: Any) -> Any:  # noqa: ANN401 (what a file holds)
        return with_preset(given) if isinstance(given, dict) and isinstance(given.get("preset"), str) else given

    @field_validator("channels")
    @classmethod
    def _channels(cls, channels: dict[str, str | None]) -> dict[str, str | None]:
        for name, path in channels.items():
            if CHANNEL.fullmatch(name) is None:
                raise ValueError(
                    f"{name[:SHOWN]!r} is not a valid channel name (at most 32 characters of A-Za-z0-9._~-)"
                )
            if path is not None:
                checked_path(path)
        return channels

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            named_zone(name)
        return name

    @model_validator(mode="after")
    def _consistent(self) -> InputSection:
        TopicPattern(self.topic, self.sensor)
        if not self.scale:
            raise ValueError("scale is 0, which makes every sample 0")
        if self.codec == "raw" and self.sample_rate_hz is None:
            raise ValueError("codec 'raw' has no sample rate in the packet: set sample_rate_hz")
        if self.codec in ("raw", "frame") and self.channel_paths:
            raise ValueError(f'channels: codec {self.codec!r} has no paths; write the names alone, ["x", "y"]')
        if self.tachometer is not None and (self.tachometer not in self.channels or len(self.channels) < 2):
            raise ValueError(f"tachometer {self.tachometer[:SHOWN]!r} is not one of `channels`; add it there")
        if self.unit is not None and self.unit not in (known := (*UNITS, "V")):
            raise ValueError(f"unit {self.unit[:SHOWN]!r} is not one of {', '.join(known)}")
        return self

    @property
    def channel_paths(self) -> Mapping[str, str]:
        """Channel -> the path of its samples; empty where the names alone are given."""
        return {name: path for name, path in self.channels.items() if path is not None}
