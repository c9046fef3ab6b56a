from __future__ import annotations

import pytest

from drsn.agent.settings.environment import from_environment
from drsn.agent.settings.sections import Settings
from drsn.model.errors import ConfigurationError


def read(**variables: str) -> dict[str, object]:
    return from_environment({f"DRSN_AGENT__{name}": text for name, text in variables.items()})


def test_other_variables_are_not_read():
    assert from_environment({"PATH": "/bin", "DRSN_AGENT": "x", "DRSN_DATA_DIR": "y"}) == {}


def test_plain_values_stay_text_for_the_settings_own_types():
    assert read(AGENT__MAX_SENSORS="5", ALARMS__RAISE_AFTER="3/4", MQTT__USERNAME="[a]") == {
        "agent": {"max_sensors": "5"},
        "alarms": {"raise_after": "3/4"},
        "mqtt": {"username": "[a]"},
    }


def test_case_does_not_matter():
    assert from_environment({"drsn_agent__Agent__id": "a"}) == {"agent": {"id": "a"}}


def test_sections_lists_and_tables_are_json():
    assert read(
        INPUTS='[{"topic": "t"}]', ALARMS='{"latch": true}', ALARMS__SEVERITY='{"B007": "minor"}',
        SENSOR_FAULTS__IGNORE='["flat"]',
    ) == {
        "inputs": [{"topic": "t"}],
        "alarms": {"latch": True, "severity": {"B007": "minor"}},
        "sensor_faults": {"ignore": ["flat"]},
    }  # fmt: skip


def test_a_key_is_added_to_its_section_and_to_its_table_whatever_their_order():
    variables = {"ALARMS__SEVERITY__INNER": "major", "ALARMS__LATCH": "false", "ALARMS": '{"latch": true, "rule": "x"}'}
    alarms = {"latch": "false", "rule": "x", "severity": {"inner": "major"}}
    assert read(**variables) == read(**dict(reversed(variables.items()))) == {"alarms": alarms}


def test_a_section_that_is_no_table_is_left_to_the_settings():
    assert read(ALARMS="5", ALARMS__LATCH="true") == {"alarms": 5}


@pytest.mark.parametrize("name", ["INPUTS", "ALARMS", "ALARMS__SEVERITY", "SENSOR_FAULTS__IGNORE"])
@pytest.mark.parametrize("text", ["a,b", "", "{"])
def test_text_that_is_no_json_is_an_error_which_names_the_variable(name: str, text: str):
    with pytest.raises(ConfigurationError, match=f"^environment variable DRSN_AGENT__{name}: .* takes JSON"):
        read(**{name: text})


@pytest.mark.parametrize("section", sorted(Settings.model_fields))
def test_every_section_can_be_set(section: str):
    assert section in read(**{section.upper(): "{}"})
