"""The bounded lists of the summary, and its counts of the whole."""

from __future__ import annotations

from witness import renderer_of

from drsn.agent.decision.alarm_state import SENSOR_CONDITIONS, Condition, SensorState, State
from drsn.agent.schema.alarm_summary import MAX_CONDITIONS, MAX_SOURCES, AlarmsDocument, summary_of
from drsn.agent.schema.not_watched import NotWatchedSource
from drsn.model.contract import Severity

LONG = "x" * 64
AWS_LIMIT_BYTES = 128 * 1024


def raised(since_s: int = 0, state: State = State.ACTIVE_UNACKED, **more: object) -> Condition:
    return Condition(state, label=LONG, seq=since_s, since_unix_ns=since_s * 10**9, **more)


def summary(contract, sensors: dict[str, dict[str, Condition]], sources: int = 0) -> AlarmsDocument:
    renderer = renderer_of(contract)
    alarms = [renderer.alarm(name, SensorState(conditions)) for name, conditions in sensors.items()]
    listed = [NotWatchedSource(source="t" * 200, reason="gaps", remedy="r" * 150, since="s" * 24)] * sources
    return summary_of(renderer.identity, 7, alarms, listed, sources)


def test_the_most_urgent_sensor_comes_first(contract):
    by_operator = raised(1, severity=Severity.CRITICAL, suppressed_by="shelved", shelved_until_unix_ns=9)
    sensors = {
        "silent": {SENSOR_CONDITIONS[0]: raised(1)},
        "late": {"ball": raised(3)},
        "early": {"ball": raised(2)},
        "shelved": {"ball": by_operator},
        "acked": {"ball": raised(1, State.ACTIVE_ACKED)},
        "severe": {"ball": raised(4, severity=Severity.CRITICAL)},
    }
    order = [each.sensor for each in summary(contract, sensors).alarms]
    assert order == ["severe", "early", "late", "acked", "silent", "shelved"]


def test_the_counts_are_of_everything(contract):
    sensors = {
        "a": {
            "ball": raised(severity=Severity.CRITICAL),
            "inner_race": raised(state=State.ACTIVE_ACKED, severity=Severity.MAJOR),
        },
        "b": {"ball": Condition(out_of_service=True, suppressed_by="out_of_service")},
        "c": {"ball": raised(severity=Severity.CRITICAL, suppressed_by="gate")},
    }
    counts = summary(contract, sensors, sources=3).counts
    assert (counts.sensors, counts.not_normal, counts.active, counts.unacked) == (7, 2, 3, 2)
    assert (counts.suppressed, counts.critical, counts.major + counts.minor, counts.not_watched) == (1, 1, 1, 3)


def test_a_plant_that_is_all_in_alarm_fits_into_the_smallest_limit_of_a_broker(contract):
    everything = {name: raised(acked_by=LONG) for name in ("ball", "inner_race", "unknown")}
    sensors = {f"{n:04d}{LONG[:60]}": everything for n in range(1000)}
    document = summary(contract, sensors, sources=1000)
    assert sum(len(each.conditions) for each in document.alarms) == MAX_CONDITIONS
    assert len(document.not_watched) == MAX_SOURCES
    assert (document.counts.not_normal, document.counts.not_watched) == (1000, 1000)
    assert len(document.model_dump_json()) < AWS_LIMIT_BYTES
