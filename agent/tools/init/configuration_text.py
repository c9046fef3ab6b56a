"""The proposed settings as a TOML file with comments: what is a guess, and what may be added."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.tools.alarm_tests.toml_text import inline_table, toml_value
from drsn.agent.tools.init.candidate import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from drsn.agent.tools.init.survey import InputSurvey, ProposedInput

FIRST_KEYS: Final = ("preset", "topic", "sensor", "codec")
MAX_SENSORS_NAMED: Final = 3
WIDTH: Final = 42
"""Column of the comments."""

MQTT_DEFAULTS: Final = {"protocol": "auto", "insecure": False}


def configuration_text(
    survey: InputSurvey, mqtt: Mapping[str, Any], agent_id: str, prefix: str, state_dir: Path
) -> str:
    """Return the file.

    Args:
        survey: the inputs and the bundle.
        mqtt: settings of the section; None and defaults are left out.
        agent_id: unique at the broker.
        prefix: of the topics that the agent publishes.
        state_dir: for its state.
    """
    given = {key: value for key, value in mqtt.items() if value is not None and MQTT_DEFAULTS.get(key) != value}
    lines = [
        "# Written by `drsn-agent init`. A line with GUESS is what the packets made likely: compare it with the data",
        "# sheet of the sensor. Settings: docs/reference/settings.md. After a change: drsn-agent check --config FILE",
        "",
        "[agent]",
        _line("id", agent_id, "unique at the broker"),
        *([] if prefix == "drsn/v1" else [_line("prefix", prefix, "of the topics that the agent publishes")]),
        _line("bundle", f"shipped:{survey.bundle}", survey.bundle_note),
        _line("state_dir", str(state_dir), "under systemd: leave it out"),
        "",
        "[mqtt]",
        *(_line(key, str(value) if not isinstance(value, bool) else value) for key, value in given.items()),
    ]
    for each in survey.inputs:
        lines += ["", *_input_lines(each)]
    return "\n".join([*lines, "", *_sensor_lines(survey.inputs)]) + "\n"


def _line(key: str, value: object, comment: str = "") -> str:
    shown = inline_table(value) if isinstance(value, dict) else toml_value(value)
    text = f"{key} = {shown}"
    return f"{text:{WIDTH}}# {_plain(comment)}" if comment else text


def _plain(text: str) -> str:
    """A comment of one line: control characters may not stand in TOML."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _input_lines(each: ProposedInput) -> list[str]:
    head = []
    if each.read is not None:
        named = ", ".join(each.topics[:MAX_SENSORS_NAMED])
        more = f" and {len(each.topics) - MAX_SENSORS_NAMED} more" if len(each.topics) > MAX_SENSORS_NAMED else ""
        head = [
            f"# {_plain(f'{len(each.topics)} topics: {named}{more}')}" if len(each.topics) > 1 else f"# {_plain(named)}"
        ]
        head += [f"# {_plain(reason)}" for reason in each.read.candidate.reasons]
        head += [f"# DOUBT: {_plain(doubt)}" for doubt in each.read.doubts]
        if "sample_rate_hz" not in each.guesses:
            head.append(f"# {each.read.rate_hz or 0:g} Hz: {_plain(each.read.rate_note)}")
    else:
        head = [
            "# The edge nodes themselves: their births have the names of metrics, their sequence shows lost messages."
        ]
    keys = sorted(each.settings, key=lambda key: FIRST_KEYS.index(key) if key in FIRST_KEYS else len(FIRST_KEYS))
    lines = ["[[inputs]]"]
    for key in keys:
        if key == "fields":
            lines += [_field_line(name, path, each.guesses) for name, path in each.settings[key].items()]
        else:
            lines.append(_line(key, each.settings[key], _comment(key, each.guesses)))
    if each.read is not None and not any(packet.unit for packet in each.read.trial.packets[:1]):
        lines += [
            '#unit = "g"',
            "#scale = 0.001                            # units in a count, where the samples are counts",
        ]
    return [*head, *lines]


def _field_line(name: str, path: str, guesses: Mapping[str, str]) -> str:
    if path == ABSENT:
        return _line(f"fields.{name}", path, f"not read{': ' + guesses[name] if name in guesses else ''}")
    return _line(f"fields.{name}", path, _comment(name, guesses))


def _comment(key: str, guesses: Mapping[str, str]) -> str:
    return f"GUESS: {guesses[key]}" if key in guesses else ""


def _sensor_lines(inputs: Sequence[ProposedInput]) -> list[str]:
    example = next((each.settings["sensor"] for each in inputs), "press4")
    match = re.sub(r"\{[^}]*\}", "*", str(example))
    return [
        "# The bearing and the speed let the race be named (docs/use/bearing.md); the group of ISO 20816-3 adds the",
        "# vibration level (docs/use/level.md). Remove the # and write what is on the machine's plate.",
        "#[[sensors]]",
        f"#match = {toml_value(match)}",
        '#bearing = "6205"',
        "#rpm = 1480",
        '#machine_group = "medium_rigid"',
    ]
