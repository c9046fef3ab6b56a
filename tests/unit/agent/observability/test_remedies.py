"""The tables of the runbook against what the code can give."""

from __future__ import annotations

import ast
from pathlib import Path

from drsn.agent.acquisition.codecs.packet import Reason
from drsn.agent.acquisition.not_watched import REASON_OF_REFUSAL, REASONS
from drsn.agent.acquisition.sensor_faults import FAULT_NAMES
from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS
from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.agent.monitoring.findings import CHANGED, VIBRATION_LEVEL
from drsn.agent.observability import remedies
from drsn.agent.schema.agent_state import HealthDocument, StatusDocument
from drsn.model import errors

AGENT = Path(__file__).parents[4] / "agent"


def test_each_state_of_the_status_is_explained():
    assert set(remedies.STATES) == set(StatusDocument.model_fields["state"].annotation.__args__)


def test_each_reason_of_a_refused_packet_is_explained_and_leads_to_a_remedy():
    assert list(remedies.REFUSALS) == [reason.value for reason in Reason]
    assert {REASONS[REASON_OF_REFUSAL[Reason(name)]] for name in remedies.REFUSALS} <= set(REASONS.values())


def test_each_condition_of_the_agent_and_each_sensor_fault_is_explained():
    assert set(remedies.CONDITIONS) == {*SENSOR_CONDITIONS, UNKNOWN, CHANGED, VIBRATION_LEVEL}
    assert tuple(remedies.SENSOR_FAULTS) == FAULT_NAMES


def test_each_exit_code_is_explained():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DrsnError)]
    assert {errors.EXIT_OK, 130, 141, *(kind.exit_code for kind in kinds)} == set(remedies.EXIT_CODES)


def test_each_health_field_of_the_table_exists_with_its_parts():
    source = (AGENT / "service" / "health.py").read_text(encoding="utf-8") + (
        AGENT / "evidence" / "recorder.py"
    ).read_text(encoding="utf-8")
    for name in remedies.HEALTH:
        field, _, part = name.partition(".")
        assert field in HealthDocument.model_fields, name
        assert f'"{part}":' in source or not part, name


def test_each_text_of_the_status_is_one_that_the_code_makes():
    texts = "\n".join(
        node.value
        for path in AGENT.rglob("*.py")
        if path.name != "remedies.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    assert [part for part in remedies.REASONS_AND_WARNINGS if part not in texts] == []
