"""Presets: the settings of an input for sources that many people have (docs/start/sensors/)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from drsn.model.suggestion import did_you_mean


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings of an input; what the configuration itself sets has priority."""

    source: str
    """What publishes such payloads."""
    page: str
    """Its page in docs/start/sensors/."""
    settings: dict[str, Any]
    """Key of `[[inputs]]` -> value."""


PRESETS: Final[dict[str, Preset]] = {
    "json-axes": Preset(
        "ESP32, Raspberry Pi: one list for each axis of an accelerometer",
        "esp32.md",
        {"codec": "json", "channels": ["x", "y", "z"], "unit": "g"},
    ),
    "node-red": Preset(
        "Node-RED: the samples alone, or a message object with `payload`",
        "node-red.md",
        {"codec": "json", "fields": {"samples": "payload", "t0": "timestamp"}, "t0_unit": "ms"},
    ),
    "telegraf": Preset(
        "Telegraf: InfluxDB line protocol, a line for each moment",
        "telegraf.md",
        {"codec": "influx", "fields": {"samples": "value"}, "t0_unit": "ns"},
    ),
    "telegraf-json": Preset(
        "Telegraf: a batch in its JSON format, a metric for each moment",
        "telegraf.md",
        {
            "codec": "json",
            "fields": {"samples": "metrics[*].fields.value", "t0": "metrics[0].timestamp"},
            "t0_unit": "ns",
        },
    ),
    "opcua-pubsub": Preset(
        "OPC UA PubSub over MQTT (Part 14, JSON), DataSets with one variable",
        "opcua.md",
        {
            "codec": "opcua",
            "fields": {
                "samples": "Messages[0].Payload.*.Value",
                "t0": "Messages[0].Timestamp",
                "seq": "Messages[0].SequenceNumber",
                "boot_id": "PublisherId",
            },
        },
    ),
    "senml": Preset(
        "SenML (RFC 8428): a record for each moment", "senml.md", {"codec": "senml", "fields": {"samples": "x"}}
    ),
    "sparkplug": Preset(
        "Sparkplug B: arrays in the DDATA of devices",
        "sparkplug.md",
        {
            "topic": "spBv1.0/{group}/{type}/{node}/{device}",
            "sensor": "{node}-{device}",
            "codec": "sparkplug",
            "fields": {"samples": "value"},
        },
    ),
}
"""Name of a preset -> its settings."""


def with_preset(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an input over those of the preset that it names.

    Raises:
        ValueError: no preset has this name.
    """
    preset = PRESETS.get(given["preset"])
    if preset is None:
        name = given["preset"][:40]
        raise ValueError(f"preset {name!r} is not one of {', '.join(PRESETS)}{did_you_mean(name, PRESETS)}")
    merged = {**preset.settings, **given}
    if isinstance(fields := given.get("fields"), dict):
        merged["fields"] = {**preset.settings.get("fields", {}), **fields}
    return merged
