"""The generated reference: examples of settings load, documents fit their schemas, recipes have every key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from commands_page import OTHERS, parser_of
from fields import toml_value, type_text, unit
from settings_page import EXAMPLES

from drsn.agent.__main__ import command_parser
from drsn.agent.schema.channels import CHANNELS
from drsn.agent.schema.json_schemas import schemas
from drsn.agent.settings.alarm_sections import AlarmsSection
from drsn.agent.settings.loader import load
from drsn.agent.settings.sections import Settings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (REFERENCE / page).read_text("utf-8"), re.DOTALL)


def test_the_examples_of_all_sections_load_together(tmp_path: Path):
    _, *sections = blocks("settings.md", "toml")
    path = tmp_path / "agent.toml"
    (tmp_path / "line4.mqtt-password").write_text("a secret\n", "utf-8")
    path.write_text("\n".join(sections).replace("/etc/drsn", str(tmp_path)), "utf-8")
    settings = load(path).settings
    assert settings.alarms.require_ack
    assert settings.sensors[0].bearing is not None
    assert len(sections) == len(Settings.model_fields)


def test_the_shortest_file_of_settings_loads(tmp_path: Path):
    path = tmp_path / "agent.toml"
    path.write_text(blocks("settings.md", "toml")[0], "utf-8")
    assert load(path).settings.agent.prefix == "drsn/v1"


def test_each_example_belongs_to_a_setting():
    text = (REFERENCE / "settings.md").read_text("utf-8")
    assert [name for name in EXAMPLES if f"`{name.partition('.')[2]}`" not in text] == []


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_each_example_of_a_payload_fits_its_schema(channel):
    document = json.loads((REFERENCE / "examples" / f"{channel.name}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schemas()[channel.name]).validate(document)


def test_a_page_has_each_document_and_each_field_of_it():
    text = (REFERENCE / "payloads.md").read_text("utf-8")
    for name, schema in schemas().items():
        assert f"\n## {name}\n" in text
        assert [field for field in schema["properties"] if f"| `{field}` |" not in text] == []


def test_the_page_of_commands_has_every_command():
    text = (REFERENCE / "commands.md").read_text("utf-8")
    (commands,) = (action.choices for action in command_parser()._actions if action.choices)
    assert [name for name in commands if f"\n### drsn-agent {name}\n" not in text] == []
    for program, (main, names) in OTHERS.items():
        for name in names:
            assert parser_of(main, name).prog in (program, f"{program} {name}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("max_age_s", "s"),
        ("results_per_s", "1/s"),
        ("velocity_rms_mm_s", "mm/s"),
        ("sample_rate_hz", "Hz"),
        ("rpm", "1/min"),
        ("bridged_windows", "windows"),
        ("codec", ""),
    ],
)
def test_a_name_gives_the_unit(name: str, expected: str):
    assert unit(name) == expected


def test_a_type_is_told_in_words():
    assert type_text(tuple[str, ...]) == "list of text"
    assert type_text(float | None) == "number"
    field = AlarmsSection.model_fields["sure_from"]
    assert type_text(field.annotation, field.metadata) == "number, from 0 to 1"
    assert toml_value({"a": (True, 1.5, "b")}) == '{ a = [true, 1.5, "b"] }'
