"""Whole documents, as subscribers get them: a field that is renamed, lost or left out breaks somebody's dashboard."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.severity import severities_of
from drsn.agent.decision.voting import Quorum
from drsn.agent.schema.agent_state import StatusDocument
from drsn.agent.schema.documents import BundleReference, ResultDocument, iso_utc
from drsn.agent.schema.json_schemas import schemas
from drsn.agent.schema.render import Identity, Renderer

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.decision.alarm_engine import Outcome

BUNDLE = {"name": "small", "version": "2", "sha256": "0" * 64}
END = 1_767_225_600_000_000_000
INNER_RACE, NORMAL = [0.0, 0.25, 0.75, 0.0], [1.0, 0.0, 0.0, 0.0]
ONCE = Policy.votes(Quorum(1, 1), Quorum(1, 1))


def parsed(document: Any) -> dict[str, Any]:  # noqa: ANN401
    """As strict JSON, in which there is no NaN."""
    return json.loads(document.model_dump_json(), parse_constant=pytest.fail)


@pytest.fixture
def pipeline(contract) -> AlarmEngine:
    return AlarmEngine(contract, BUNDLE["sha256"], lambda _sensor: ONCE)


@pytest.fixture
def renderer(contract) -> Renderer:
    return Renderer(Identity("jetson-07", "a1b2", BundleReference(**BUNDLE)), severities_of(contract))


@pytest.fixture
def fed(contract, make_reading, pipeline: AlarmEngine) -> Callable[..., Outcome]:
    """What follows from a window with these probabilities."""

    def of(probabilities: list[float], novelty: float = -1.0) -> Outcome:
        outputs = Outputs(np.array([probabilities], np.float32), np.array([novelty], np.float32), None)
        (diagnosis,) = Interpreter(contract)([make_reading(END)], outputs)
        return pipeline.feed(diagnosis, END + 40_000_000)

    return of


@pytest.fixture
def raised() -> dict[str, Any]:
    """The event of the contract's example: an inner race, from one window of one."""
    return {
        "v": 1, "agent": "jetson-07", "epoch": "a1b2", "sensor": "press4", "seq": 1, "event_id": None,
        "condition": "inner_race", "label": "inner_race_014", "state": "active_unacked",
        "active": True, "acked": False, "latched": False, "suppressed_by": None,
        "severity": "critical", "since": "2026-01-01T00:00:00.000Z", "decided_at": "2026-01-01T00:00:00.040Z",
        "clock_synced": True, "confidence": 1.0, "votes": 1, "of": 1, "evidence": None,
        "window_label": "inner_race_014", "acked_by": None, "shelved_until": None, "by": None, "comment": None,
        "orphaned": False, "false_alarm": None, "bundle": BUNDLE,
    }  # fmt: skip


def test_an_event_says_all_that_the_contract_promises(fed, renderer: Renderer, raised: dict[str, Any]):
    event = parsed(renderer.event("press4", fed(INNER_RACE).changes[0]))
    assert uuid.UUID(event["event_id"]).version == 5
    assert event == {**raised, "event_id": event["event_id"]}


def test_the_event_of_a_clear_keeps_the_label_of_the_alarm(fed, renderer: Renderer, raised: dict[str, Any]):
    fed(INNER_RACE)
    event = parsed(renderer.event("press4", fed(NORMAL).changes[0]))
    changed = {"event_id": event["event_id"], "seq": 2, "state": "normal", "active": False, "confidence": 0.0,
               "window_label": "normal"}  # fmt: skip
    assert event == {**raised, **changed}


def test_an_alarm_is_its_most_urgent_condition_and_the_list_of_all(fed, pipeline: AlarmEngine, renderer: Renderer):
    event = parsed(renderer.event("press4", fed(INNER_RACE).changes[0]))
    who = ("v", "agent", "epoch", "sensor", "seq", "bundle")
    condition = {name: value for name, value in event.items() if name not in who}
    alarm = parsed(renderer.alarm("press4", pipeline.sensors["press4"]))
    assert alarm == {**event, "conditions": [condition], "not_watched": None}


def test_an_alarm_without_a_condition_has_the_same_fields(fed, pipeline: AlarmEngine, renderer: Renderer):
    fed(INNER_RACE)
    standing = parsed(renderer.alarm("press4", pipeline.sensors["press4"]))
    fed(NORMAL)
    normal = parsed(renderer.alarm("press4", pipeline.sensors["press4"]))
    assert set(normal) == set(standing)
    assert (normal["state"], normal["seq"], normal["conditions"]) == ("normal", 2, [])
    rest = set(normal) - {"v", "agent", "epoch", "sensor", "seq", "bundle", "state", "conditions"}
    assert {name for name in rest if normal[name] not in (None, False)} == set()


def test_every_document_has_a_closed_schema_under_its_topics_name():
    found = schemas()
    assert {"alarm", "event", "result", "status", "health", "command", "reply"} <= set(found)
    for name, schema in found.items():
        assert schema["additionalProperties"] is False
        assert name == "command" or schema["properties"]["v"]["const"] == 1


def test_documents_never_change_once_made():
    with pytest.raises(ValueError, match="frozen"):
        StatusDocument.model_construct(state="online").state = "offline"
    with pytest.raises(ValueError, match="sensors"):
        ResultDocument(sensors="a typing mistake")


@given(st.integers(0, 2**63 - 1))
def test_times_are_iso_8601_in_utc_cut_to_the_millisecond(unix_ns: int):
    text = iso_utc(unix_ns)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000 == unix_ns // 1_000_000
    assert (len(text), text[-1]) == (24, "Z")
