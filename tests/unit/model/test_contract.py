from typing import Any

import pytest
from pydantic import ValidationError

from drsn.model.contract import Label, ModelContract, Severity

LABELS = [
    {"name": "ok", "condition": "normal", "healthy": True},
    {"name": "inner_race_007", "condition": "inner_race", "severity": "minor", "size": "0.007 in"},
    {"name": "inner_race_021", "condition": "inner_race", "severity": "critical"},
]
DOCUMENT: dict[str, Any] = {"labels": LABELS, "window": 2048, "sample_rate_hz": 12_000, "bandwidth_hz": 5_300}


def test_conditions_are_named_once_in_order():
    contract = ModelContract.model_validate(DOCUMENT)
    assert contract.conditions == ("normal", "inner_race")
    assert contract.severity_of("inner_race") is Severity.CRITICAL
    with pytest.raises(KeyError):
        contract.severity_of("ball")


def test_it_survives_json():
    contract = ModelContract.model_validate({**DOCUMENT, "abstention_threshold": -1.5})
    assert ModelContract.model_validate_json(contract.model_dump_json()) == contract


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": [*LABELS, LABELS[1]]}, "repeat"),
        ({"labels": LABELS[1:]}, "no label is healthy"),
        ({"labels": [LABELS[0], {"name": "x", "condition": "silent"}]}, "agent's own"),
        ({"labels": [*LABELS, {"name": "x", "condition": "normal"}]}, "healthy labels"),
        ({"labels": [*LABELS, {"name": "x", "condition": "ball", "healthy": True}]}, "healthy labels"),
        ({"labels": LABELS[:1]}, "at least 2"),
        ({"bandwidth_hz": 6_001}, "above half the rate"),
        ({"window": 32}, "64"),
        ({"normalisation": {"epsilon": 1e-5}}, "epsilon"),
        ({"exclusive": False}, "exclusive"),
        ({"sample_rate": 12_000}, "Extra inputs"),
    ],
)
def test_what_no_agent_could_obey_is_refused(change: dict[str, Any], reason: str):
    with pytest.raises(ValidationError, match=reason):
        ModelContract.model_validate({**DOCUMENT, **change})


def test_a_contract_does_not_change():
    with pytest.raises(ValidationError):
        Label(name="a", condition="b").name = "c"  # type: ignore[misc]


def test_severities_rank_from_minor_to_critical():
    assert [severity.rank for severity in Severity] == [0, 1, 2]
