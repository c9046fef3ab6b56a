"""docs/reference/settings.md: every section of the agent's settings, from the code, each with an example that loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fields import HEAD, sections_of, settings_rows, table, toml_value
from pydantic_core import PydanticUndefined

from drsn.agent.settings.sections import Settings

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

# What an example has where a setting has no default, or where the default would show nothing.
EXAMPLES: dict[str, Any] = {
    "agent.id": "line4",
    "agent.state_dir": "/var/lib/drsn/line4",
    "mqtt.url": "mqtts://broker.example:8883",
    "mqtt.username": "line4",
    "mqtt.password_file": "/etc/drsn/line4.mqtt-password",
    "inputs.topic": "plant/{machine}/{point}/raw",
    "inputs.sensor": "{machine}-{point}",
    "inputs.codec": "raw",
    "inputs.dtype": "i16",
    "inputs.sample_rate_hz": 12000,
    "inputs.scale": 0.000244,
    "inputs.unit": "g",
    "sensors.match": "press4-*",
    "sensors.bearing": "6205",
    "sensors.rpm": 1772,
    "sensors.machine_group": "medium_rigid",
    "alarms.raise_after": "6/8",
    "alarms.clear_after": "7/8",
    "alarms.require_ack": True,
    "alarms.severity": {"outer_race": "critical"},
    "gate.rms": 0.05,
    "gate.settle_s": 5.0,
    "sensor_faults.ignore": ["clipping"],
}
# Sections whose table is that of another one: each key may be left out.
OVERRIDES = "alarms", "gate", "sensor_faults", "vibration_level"
HEADER = """\
# Settings

The agent reads one TOML file: `drsn-agent run --config FILE`. `drsn-agent check --config FILE` finds what is wrong with
it. The shortest file that runs:

```toml
[agent]
state_dir = "/var/lib/drsn/line4"

[[inputs]]
topic = "plant/{machine}/{point}/frame"
sensor = "{machine}-{point}"
```

* An environment variable overrides the file: `DRSN_AGENT__AGENT__MAX_SENSORS=50`. A list is written as JSON.
* `--set agent.max_sensors=50` overrides both.
* An unknown key, an unknown variable `DRSN_AGENT__*` and a missing file are errors (exit code 78).
* A quorum `N/M` means N of the last M windows.

This page is generated from `agent/settings/`.
"""


def settings_page() -> str:
    """The whole page."""
    return "\n".join([HEADER, *(_section(name, field) for name, field in Settings.model_fields.items())])


def _section(name: str, field: FieldInfo) -> str:
    (model,) = sections_of(field)
    many = "tuple" in str(field.annotation)
    title = f"[[{name}]]" if many else f"[{name}]"
    own = {key: part for key, part in model.model_fields.items() if not sections_of(part) or key == "bearing"}
    parts = [f"## `{title}`", "", _first_line(model), "", table(HEAD, settings_rows(own)), ""]
    for key, part in model.model_fields.items():
        if key in own:
            continue
        parts += [f"### `[{name}.{key}]`", ""]
        if key in OVERRIDES:
            parts += [
                f"The keys of [`[{key}]`](#{key}) for these sensors. A key left out has its value in `[{key}]`.",
                "",
            ]
        else:
            (inner,) = sections_of(part)
            parts += [_first_line(inner), "", table(HEAD, settings_rows(inner.model_fields)), ""]
    return "\n".join([*parts, "```toml", example(name, model, many=many), "```", ""])


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " ")


def example(name: str, model: type[BaseModel], *, many: bool) -> str:
    """A section with its values in `EXAMPLES`; one that has none there, with its defaults."""
    lines = [f"[[{name}]]" if many else f"[{name}]"]
    chosen = any(key.startswith(f"{name}.") for key in EXAMPLES)
    for key, field in model.model_fields.items():
        value = EXAMPLES.get(f"{name}.{key}", None if chosen else field.default)
        if (
            value is PydanticUndefined
            or value is None
            or value in ((), {})
            or (sections_of(field) and key != "bearing")
        ):
            continue
        lines.append(f"{key} = {toml_value(value)}")
    return "\n".join(lines)
