"""An override takes exactly what its section takes, and nothing by default."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from drsn.agent.decision.voting import Quorum
from drsn.agent.settings.alarm_sections import AlarmsSection, GateSection, SensorFaultsSection
from drsn.agent.settings.sections import SensorSection

SECTIONS = {"alarms": AlarmsSection, "gate": GateSection, "sensor_faults": SensorFaultsSection}


def complaint(section: str, **given: object) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        SensorSection(match="*", **{section: given})
    (error,) = caught.value.errors()
    return ".".join(map(str, error["loc"])), error["msg"]


@pytest.mark.parametrize("section", SECTIONS)
def test_each_field_of_the_section_may_be_overridden_and_none_is_by_default(section: str):
    override = getattr(SensorSection(match="*"), section)
    assert set(type(override).model_fields) == set(SECTIONS[section].model_fields)
    assert set(override.model_dump().values()) == {None}


@pytest.mark.parametrize(
    ("section", "given"),
    [
        ("alarms", {"rule": "guess"}),
        ("alarms", {"raise_after": "9/8"}),
        ("alarms", {"false_alarms_per_sensor_year": float("inf")}),
        ("alarms", {"on_delay_s": -1}),
        ("alarms", {"latch": "perhaps"}),
        ("alarms", {"severity": {"outer": "grave"}}),
        ("alarms", {"sure_from": 1.1}),
        ("gate", {"rms": 0}),
        ("gate", {"hysteresis": 2}),
        ("sensor_faults", {"ignore": ["sadness"]}),
    ],
)
def test_what_a_section_refuses_its_override_refuses_in_the_same_words(section: str, given: dict[str, object]):
    with pytest.raises(ValidationError) as caught:
        SECTIONS[section](**given)
    (expected,) = caught.value.errors()
    where, message = complaint(section, **given)
    assert where.startswith(f"{section}.{next(iter(given))}")
    assert message == expected["msg"]


@pytest.mark.parametrize("section", SECTIONS)
def test_an_unknown_field_is_refused(section: str):
    assert complaint(section, surplus=1)[0] == f"{section}.surplus"


def test_values_are_converted_as_in_the_section():
    sensor = SensorSection(match="*", alarms={"raise_after": "4/6"}, gate={"rpm": "900"}, sensor_faults={"ignore": []})
    assert (sensor.alarms.raise_after, sensor.gate.rpm, sensor.sensor_faults.ignore) == (Quorum(4, 6), 900.0, ())
