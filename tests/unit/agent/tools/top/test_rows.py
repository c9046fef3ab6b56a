from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.mqtt.message import Message
from drsn.agent.tools.live.live_state import LiveState
from drsn.agent.tools.top.arguments import SORTS
from drsn.agent.tools.top.rows import AGENT_COLUMNS, SENSOR_COLUMNS, agent_rows, arranged, sensor_rows

if TYPE_CHECKING:
    from drsn.agent.tools.top.rows import SensorRow


def rows_of(live: LiveState, *, connected: bool = True) -> dict[str, SensorRow]:
    return {row.sensor: row for row in sensor_rows(live, 100.0, connected=connected)}


def test_each_sensor_and_each_source_that_is_not_watched_has_a_row(live: LiveState):
    rows = rows_of(live)
    assert {name: row.state for name, row in rows.items()} == {
        "broken": "active_unacked", "shelved": "active_unacked", "healthy": "normal", "blind": "not watched",
        "strange": "active_unacked", "lost": "STALE", "plant/x y/frame": "not watched",
    }  # fmt: skip
    assert (rows["broken"].condition, rows["broken"].severity) == ("inner_race (inner_race_007) +1", "critical")
    assert (rows["broken"].target, rows["broken"].event_id) == ("inner_race", "e-inner_race")
    assert rows["strange"].condition == "not known; nearest ball_007"
    assert rows["blind"].note == "wrong_rate: Set the sample rate."
    assert rows["lost"].note == "agent line5 is offline"
    assert rows["shelved"].note.startswith("shelved until later")
    healthy = rows["healthy"]
    assert (healthy.condition, healthy.confidence, healthy.age_s, healthy.windows_per_s) == ("[normal]", 0.99, 8.0, 4.0)


def test_without_a_connection_everything_is_stale(live: LiveState):
    assert {row.state for row in rows_of(live, connected=False).values()} == {"STALE"}
    assert {row.state for row in agent_rows(live, 100.0, connected=False)} == {"STALE"}


def test_an_agent_has_its_rates_queue_and_latency(live: LiveState):
    line4, line5 = agent_rows(live, 104.0, connected=True)
    assert (line4.agent, line4.state, line4.sensors, line4.windows_per_s, line4.gaps) == ("line4", "online", 4, 5.0, 3)
    assert (line4.queue, line4.p50_ms, line4.p99_ms, line4.age_s) == (2, 40.0, 90.5, 4.0)
    assert line4.note == "a certificate ends soon"
    assert (line5.state, line5.age_s) == ("offline", None)
    (line4, _) = agent_rows(live, 140.0, connected=True)
    assert (line4.state, line4.note.partition(";")[0]) == ("STALE", "no health document for 40 s")


def test_the_most_urgent_comes_first_and_what_is_put_aside_after_it(live: LiveState):
    order = [row.sensor for row in arranged(rows_of(live).values(), "urgency", "", alarms_only=False)]
    assert order[:3] == ["broken", "strange", "shelved"]
    assert order[-1] == "healthy"


def test_rows_are_filtered_by_any_cell(live: LiveState):
    rows = rows_of(live).values()
    assert [row.sensor for row in arranged(rows, "sensor", "INNER", alarms_only=False)] == ["broken"]
    assert "healthy" not in [row.sensor for row in arranged(rows, "sensor", "", alarms_only=True)]


SENSORS = st.sampled_from(["a", "b", "c"])
AGENTS = st.sampled_from(["x", "y"])
NUMBER = st.integers() | st.floats()
CONDITIONS = st.fixed_dictionaries(
    {name: st.text() for name in ("condition", "label", "state", "severity", "since")},
    optional={"confidence": NUMBER, **{name: st.text() for name in ("suppressed_by", "event_id", "acked_by")}},
)
BLIND = st.fixed_dictionaries({"reason": st.text(), "remedy": st.text(), "since": st.text(), "source": st.text()})
DOCUMENTS = st.one_of(
    st.tuples(st.just("alarm"), SENSORS, st.fixed_dictionaries(
        {"agent": AGENTS, "epoch": st.text(), "seq": st.integers(), "conditions": st.lists(CONDITIONS, max_size=3)},
        optional={"not_watched": BLIND},
    )),
    st.tuples(st.just("result"), SENSORS, st.fixed_dictionaries(
        {"condition": st.text(), "label": st.text(), "confidence": NUMBER, "windows": NUMBER},
    )),
    st.tuples(st.just("status"), AGENTS, st.fixed_dictionaries({"state": st.text(), "epoch": st.text()})),
    st.tuples(st.just("health"), AGENTS, st.fixed_dictionaries({}, optional={
        "windows": NUMBER, "uptime_s": NUMBER, "sensors": NUMBER, "latency_ms": st.dictionaries(st.text(), NUMBER),
        "not_watched": st.lists(BLIND, max_size=3),
    })),
)  # fmt: skip


def fed(documents: list[tuple[str, str, dict[str, Any]]]) -> LiveState:
    live = LiveState("drsn/v1")
    for at_s, (kind, name, document) in enumerate(documents):
        topic = f"{name}/{kind}" if kind in ("alarm", "result") else f"_agent/{name}/{kind}"
        payload = json.dumps({"sensor": name, **document}).encode()
        live.take(Message(f"drsn/v1/{topic}", payload, 1, retained=False, received_s=at_s, received_unix_ns=0))
    return live


@given(st.lists(DOCUMENTS, max_size=8), st.booleans(), st.sampled_from(SORTS), st.text(max_size=2), st.booleans())
def test_any_documents_make_rows_and_none_is_lost(documents, connected, sort, text, alarms_only):
    live = fed(documents)
    rows = sensor_rows(live, 9.0, connected=connected)
    assert set(live.retained.alarms) <= {row.sensor for row in rows}
    assert all(len(row.cells) == len(SENSOR_COLUMNS) for row in rows)
    assert all(len(row.cells) == len(AGENT_COLUMNS) for row in agent_rows(live, 9.0, connected=connected))
    assert connected or {row.state for row in rows} <= {"STALE"}
    found = arranged(rows, sort, text, alarms_only=alarms_only)
    assert set(found) <= set(rows)
    assert len(arranged(rows, sort, "", alarms_only=False)) == len(rows)
    if len({row.sensor for row in rows}) == len(rows):
        assert arranged(reversed(rows), sort, text, alarms_only=alarms_only) == found, (
            "the order is that of the rows alone"
        )


@given(st.lists(DOCUMENTS, max_size=8))
def test_a_sensor_is_normal_only_if_its_agent_lives_and_its_document_has_no_condition(documents):
    live = fed(documents)
    for row in sensor_rows(live, 9.0, connected=True):
        if row.state == "normal" and (alarm := live.retained.alarms[row.sensor]) and not alarm["conditions"]:
            assert live.retained.statuses[row.agent]["state"] in ("online", "degraded")
            assert alarm.get("not_watched") is None
