from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.tools.opcua.condition_state import ConditionKey
from drsn.agent.tools.opcua.condition_table import ConditionTable
from drsn.agent.tools.opcua.quality import Quality

BALL = ConditionKey("line4", "press4", "ball")


def condition(seq: int, name: str = "ball", state: str = "active_unacked", **more: object) -> dict[str, Any]:
    return {"condition": name, "label": name, "state": state, "severity": "major", "event_id": f"e-{seq}",
            "since": "2026-01-01T00:00:00.000Z", "decided_at": "2026-01-01T00:00:01.000Z", **more}  # fmt: skip


def event(seq: int, name: str = "ball", state: str = "active_unacked", **more: object) -> dict[str, Any]:
    base = {"agent": "line4", "epoch": "e1", "sensor": "press4", "seq": seq}
    return {**base, **condition(seq, name, state), **more}


def alarm(seq: int, *conditions: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"agent": "line4", "epoch": "e1", "sensor": "press4", "seq": seq, "conditions": conditions, **more}


def test_a_standing_alarm_is_new_once_whatever_document_has_it():
    table = ConditionTable(10)
    (state,) = table.alarm("press4", alarm(3, condition(3)), Quality.GOOD)
    assert (state.active, state.acked, state.retain, state.severity) == (True, False, True, 600)
    assert table.event(event(3), Quality.GOOD) == []
    assert table.alarm("press4", alarm(3, condition(3)), Quality.GOOD) == []
    (acked,) = table.event(event(4, state="active_acked", by="kim", comment="seen"), Quality.GOOD)
    assert (acked.acked, acked.retain, acked.user, acked.comment) == (True, True, "kim", "seen")
    assert table.alarm("press4", alarm(4, condition(4, state="active_acked")), Quality.GOOD) == []
    (clear,) = table.event(event(5, state="normal"), Quality.GOOD)
    assert (clear.retain, table.retained()) == (False, [])


def test_a_missed_event_does_not_take_a_state_back():
    table = ConditionTable(10)
    table.event(event(5, state="active_acked"), Quality.GOOD)
    assert table.event(event(4), Quality.GOOD) == []
    assert [each.seq for each in table.event(event(3, "outer_race"), Quality.GOOD)] == [3]


def test_what_an_alarm_document_no_longer_has_ends():
    table = ConditionTable(10)
    table.alarm("press4", alarm(3, condition(3)), Quality.GOOD)
    (gone,) = table.alarm("press4", alarm(9), Quality.GOOD)
    assert (gone.key, gone.state, gone.retain) == (BALL, "normal", False)


def test_with_a_new_journal_the_numbers_begin_again():
    table = ConditionTable(10)
    table.event(event(50), Quality.GOOD)
    assert len(table.event(event(1, state="active_acked", epoch="e2", event_id="other"), Quality.GOOD)) == 1


def test_a_sensor_of_another_agent_ends_the_conditions_of_the_first():
    table = ConditionTable(10)
    table.alarm("press4", alarm(3, condition(3)), Quality.GOOD)
    changed = table.alarm("press4", alarm(1, condition(1), agent="line5"), Quality.GOOD)
    assert [(each.key.agent, each.retain) for each in changed] == [("line4", False), ("line5", True)]
    assert table.removed == [BALL]


def test_a_removed_sensor_ends_and_a_full_table_makes_room():
    table = ConditionTable(2)
    table.event(event(1), Quality.GOOD)
    table.event(event(2, "outer_race", "normal"), Quality.GOOD)
    assert len(table.event(event(3, "inner_race"), Quality.GOOD)) == 1, "in the place of the one that is normal"
    assert table.event(event(4, "unknown"), Quality.GOOD) == []
    assert {key.condition for key in table.refused} == {"unknown"}
    assert [each.retain for each in table.forget("press4")] == [False, False]
    assert table.states == {}


def test_quality_and_comment_are_changes_of_their_own():
    table = ConditionTable(10)
    (raised,) = table.event(event(1), Quality.GOOD)
    (bad,) = table.set_quality({("line4", "press4"): Quality.NO_AGENT})
    assert (bad.quality, bad.event_id) == (Quality.NO_AGENT, "e-1")
    assert table.set_quality({("line4", "press4"): Quality.NO_AGENT}) == []
    commented = table.comment(BALL, "x" * 1000, "kim")
    assert (len(commented.comment), commented.user) == (500, "kim")
    assert len({raised.notification_id, bad.notification_id, commented.notification_id}) == 3


names = st.sampled_from(["ball", "outer_race", "silent"])
states = st.sampled_from(["normal", "active_unacked", "active_acked", "cleared_unacked"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("event"), names, states),
        st.tuples(st.just("alarm"), st.dictionaries(names, states), st.none()),
        st.tuples(st.just("repeat"), st.none(), st.none()),
        st.tuples(st.just("quality"), st.sampled_from(list(Quality)), st.none()),
    ),
    max_size=30,
)


@given(steps, st.dictionaries(names, states))
def test_the_last_document_decides_and_no_notification_comes_twice(given_steps: list, last: dict):
    table, sent, documents = ConditionTable(100), [], []
    for seq, (kind, what, more) in enumerate([*given_steps, ("alarm", last, None)], 1):
        if kind == "event":
            documents.append(("event", event(seq, what, more)))
        elif kind == "alarm":
            stands = [condition(seq, name, state) for name, state in what.items()]
            documents.append(("alarm", alarm(seq, *stands)))
        elif kind == "quality":
            sent += table.set_quality({("line4", "press4"): what})
            continue
        elif documents:
            kind_before, document = documents[-1]
            again = table.event if kind_before == "event" else lambda d, q: table.alarm("press4", d, q)
            assert again(document, Quality.GOOD) == [], "a repeated document is no change"
            continue
        else:
            continue
        document = documents[-1][1]
        sent += (
            table.event(document, Quality.GOOD) if kind == "event" else table.alarm("press4", document, Quality.GOOD)
        )
    assert {each.key.condition for each in table.retained()} == {n for n, state in last.items() if state != "normal"}
    assert all(each.retain == (each.state != "normal") for each in sent)
    assert len({(each.key, each.notification_id) for each in sent}) == len(sent), "each event has its own EventId"
