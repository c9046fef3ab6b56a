from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drsn.agent.tools.notify.keyed_alarm import AGENT_OFFLINE, NOT_WATCHED, AlarmKey, KeyedAlarm
from drsn.agent.tools.notify.policy import TABLE, Action, NotifyPolicy, SentSituation, Situation
from drsn.agent.tools.notify.settings import NotifySection
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from drsn.agent.tools.notify.notification import Notification

NIGHT = {"start": "22:00", "end": "06:00", "time_zone": "Europe/Berlin"}


def at(clock: str, day: int = 2) -> float:
    """Unix time of a local time of Berlin, in winter."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 1, day, hour, minute, tzinfo=timezone.utc).timestamp() - 3600


def run(policy: NotifyPolicy, *steps: tuple[KeyedAlarm | None, float]) -> list[str]:
    """`receiver change` of each message."""
    found: list[Notification] = []
    for alarm, now_s in steps:
        found += policy.tick(now_s) if alarm is None else policy.take(alarm, now_s)
    return [f"{each.receiver} {each.change}" for each in found]


def test_a_raise_and_its_end_are_one_message_each(entry, alarm):
    policy = NotifyPolicy([entry()], {})
    assert run(policy, (alarm(1), 0), (alarm(1), 1), (None, 2)) == ["phone raised"]
    assert run(policy, (alarm(2, active=False), 3), (None, 4)) == ["phone cleared"]
    assert run(policy, (alarm(3), 5), (alarm(4, active=False), 6)) == ["phone raised", "phone cleared"]


def test_a_restart_repeats_no_message_and_sends_the_end_that_was_missed(entry, alarm):
    sent = {}
    for each in NotifyPolicy([entry()], {}).take(alarm(1), 0):
        sent.update(each.records)
    assert run(NotifyPolicy([entry()], sent), (replace(alarm(1), seq=0), 9), (None, 99)) == []
    assert run(NotifyPolicy([entry()], sent), (alarm(2, active=False), 9)) == ["phone cleared"]
    assert run(NotifyPolicy([entry()], sent), (alarm(7), 9)) == ["phone raised"], "another occurrence"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"severity": "critical"}, []),
        ({"sensors": ["fan*"]}, []),
        ({"sensors": ["press?"], "conditions": ["ball", "unknown"]}, ["phone raised"]),
        ({"conditions": ["inner_race"]}, []),
        ({"changes": ["cleared"]}, []),
    ],
)
def test_an_entry_gets_what_its_settings_name(entry, alarm, options, wanted):
    assert run(NotifyPolicy([entry(**options)], {}), (alarm(1), 0)) == wanted


def test_what_is_suppressed_or_acknowledged_is_no_message_until_it_is_neither(entry, alarm):
    policy = NotifyPolicy([entry()], {})
    shelved, seen = alarm(1, suppressed=True), alarm(2, occurrence="t1", acked=True)
    assert run(policy, (shelved, 0), (None, 1)) == []
    assert run(policy, (alarm(2, occurrence="t1"), 2)) == ["phone raised"]
    assert run(NotifyPolicy([entry()], {}), (seen, 0)) == []


def test_an_alarm_that_becomes_worse_is_sent_again(entry, alarm):
    policy = NotifyPolicy([entry(severity="minor")], {})
    worse = [alarm(n, occurrence="t", severity=s) for n, s in enumerate(Severity, 1)]
    assert run(policy, *((each, 0) for each in worse)) == ["phone raised"] * 3
    assert run(policy, (alarm(4, occurrence="t", severity=Severity.MINOR), 1)) == []
    policy = NotifyPolicy([entry(severity="critical")], {})
    assert run(policy, *((each, 0) for each in worse)) == ["phone raised"]


def test_it_repeats_until_it_is_acknowledged(entry, alarm):
    policy = NotifyPolicy([entry(repeat_every_s=600)], {})
    assert run(policy, (alarm(1), 0), (None, 599), (None, 600), (None, 601), (None, 1200)) == [
        "phone raised", "phone repeated", "phone repeated"
    ]  # fmt: skip
    assert run(policy, (alarm(2, occurrence="t1", acked=True), 1300), (None, 9000)) == []
    assert run(policy, (alarm(3, active=False), 9001)) == ["phone cleared"]


def test_it_escalates_once_and_the_other_receiver_gets_the_end_too(entry, alarm):
    entries = [entry(escalate_after_s=900, escalate_to="boss"), entry("boss", severity="critical")]
    policy = NotifyPolicy(entries, {})
    assert run(policy, (alarm(1), 0), (None, 899)) == ["phone raised"]
    assert run(policy, (None, 900), (None, 2000)) == ["boss escalated"]
    assert run(policy, (alarm(2, active=False), 2001)) == ["phone cleared", "boss cleared"]
    policy = NotifyPolicy(entries, {})
    assert run(policy, (alarm(1), 0), (alarm(2, occurrence="t1", acked=True), 800), (None, 2000)) == ["phone raised"]


def test_an_alarm_of_an_agent_that_is_offline_is_not_repeated(entry, alarm):
    policy = NotifyPolicy([entry(repeat_every_s=600, after_s=0, changes=["raised"])], {})
    offline = alarm(0, subject=AlarmKey("line4", AGENT_OFFLINE), occurrence="")
    assert run(policy, (alarm(1), 0), (offline, 1), (None, 9000)) == ["phone raised"]
    assert run(policy, (replace(offline, active=False), 9001), (None, 9002)) == ["phone repeated"]


def test_quiet_hours_let_the_severe_through_and_send_the_others_in_the_morning(entry, alarm):
    policy = NotifyPolicy([entry(quiet=NIGHT)], {})
    critical = alarm(5, subject=AlarmKey("fan", "ball"), severity=Severity.CRITICAL)
    assert run(policy, (alarm(1), at("23:00")), (critical, at("23:01")), (None, at("05:59", 3))) == ["phone raised"]
    (found,) = policy.tick(at("06:00", 3))
    assert (found.alarm.subject.name, found.ended) == ("press4", 0)
    assert list(policy.tick(at("06:01", 3))) == []


def test_what_came_and_went_in_the_night_is_one_message_that_counts(entry, alarm):
    policy = NotifyPolicy([entry(quiet=NIGHT)], {})
    night = [(alarm(n, active=n % 2 == 1), at(f"23:{n:02}")) for n in range(1, 7)]
    assert run(policy, *night) == []
    (found,) = policy.tick(at("06:00", 3))
    assert (found.change, found.ended) == ("raised", 3)
    assert "over, raised 3 times" in found.title
    assert list(policy.tick(at("07:00", 3))) == []


@pytest.mark.parametrize(
    "before",
    [(), ((1, True, "20:00"), (2, False, "20:01")), ((1, True, "21:30"), (2, False, "22:30"))],
    ids=["nothing was sent", "one was sent", "one was sent, and its end waits too"],
)
def test_an_alarm_that_stands_in_the_morning_is_sent_beside_the_ones_that_are_over(entry, alarm, before):
    policy = NotifyPolicy([entry(quiet=NIGHT)], {})
    run(policy, *((alarm(seq, active=active), at(clock)) for seq, active, clock in before))
    night = ((alarm(3), at("23:00")), (alarm(4, active=False), at("23:01")), (alarm(5), at("23:02")))
    assert run(policy, *night) == []
    found = [(each.change, each.alarm.occurrence, each.ended) for each in policy.tick(at("06:00", 3))]
    assert found == [("raised", "t3", 1), ("raised", "t5", 0)]
    assert run(policy, (None, at("07:00", 3)), (alarm(6, active=False), at("08:00", 3))) == ["phone cleared"]


def test_a_severe_alarm_in_the_night_leaves_the_ones_that_wait_for_the_morning(entry, alarm):
    policy = NotifyPolicy([entry(quiet=NIGHT)], {})
    severe = alarm(3, severity=Severity.CRITICAL)
    night = ((alarm(1), at("23:00")), (alarm(2, active=False), at("23:01")), (severe, at("23:02")))
    assert run(policy, *night) == ["phone raised"]
    (found,) = policy.tick(at("06:00", 3))
    assert (found.change, found.alarm.occurrence, found.ended) == ("raised", "t1", 1)


def test_the_end_in_the_night_is_sent_in_the_morning(entry, alarm):
    policy = NotifyPolicy([entry(quiet=NIGHT, repeat_every_s=3600)], {})
    steps = ((alarm(1), at("21:30")), (None, at("23:30")), (alarm(2, active=False), at("23:40")))
    assert run(policy, *steps) == ["phone raised"]
    assert run(policy, (None, at("06:00", 3))) == ["phone cleared"]


def test_an_event_that_comes_late_is_sent_once(entry, alarm):
    policy = NotifyPolicy([entry()], {})
    assert run(policy, (alarm(1), 0), (alarm(4, active=False), 1)) == ["phone raised", "phone cleared"]
    (late,) = policy.take(alarm(3), 2)
    assert (late.change, late.ended) == ("raised", 1)
    assert run(policy, (alarm(2, active=False), 3), (None, 4)) == []
    assert run(policy, (alarm(6), 5), (alarm(5, active=False), 6)) == ["phone raised"]


@pytest.mark.parametrize("condition", [AGENT_OFFLINE, NOT_WATCHED])
def test_what_the_page_finds_must_last(entry, alarm, condition):
    policy = NotifyPolicy([entry(after_s=60, changes=["raised", "cleared", condition])], {})
    found = alarm(0, subject=AlarmKey("line4", condition), occurrence="", began_s=100.0)
    back = replace(found, active=False)
    assert run(policy, (found, 100), (None, 159), (back, 159)) == []
    assert run(policy, (found, 200), (None, 261), (back, 300)) == ["phone raised", "phone cleared"]
    assert run(policy, (replace(found, began_s=400.0), 400), (None, 460)) == ["phone raised"], "it has no occurrence"
    assert run(NotifyPolicy([entry(changes=["raised"])], {}), (found, 0), (None, 999)) == []


def test_a_receiver_that_is_full_gets_its_messages_later(entry, alarm):
    room = {"phone": False, "other": True}
    policy = NotifyPolicy([entry(), entry("other")], {}, room.__getitem__)
    assert run(policy, (alarm(1), 0), (None, 1)) == ["other raised"]
    room["phone"] = True
    assert run(policy, (None, 2), (None, 3)) == ["phone raised"]


def test_every_case_of_the_table_has_one_action():
    cases = {(situation, sent) for situation in Situation for sent in SentSituation}
    assert set(TABLE) <= cases
    assert {sent for (situation, sent), action in TABLE.items() if action is Action.CLEAR} == {
        SentSituation.THIS, SentSituation.MILDER, SentSituation.EARLIER
    }  # fmt: skip


SEVERITIES = st.sampled_from(list(Severity))
STEPS = st.lists(st.tuples(st.sampled_from(["raise", "clear", "ack", "wait"]), SEVERITIES, st.integers(1, 40_000)),
                 max_size=40)  # fmt: skip


@settings(max_examples=100)
@given(steps=STEPS, severity=SEVERITIES, quiet=st.booleans(), restarts=st.sets(st.integers(0, 39)))
def test_no_raise_is_lost_and_no_change_is_sent_twice(steps, severity, quiet, restarts):
    """The reference: each raise at or above the severity is in exactly one message, once day has come."""
    section = NotifySection(
        name="phone", kind="webhook", url="http://h/", severity=severity, quiet=NIGHT if quiet else None
    )
    sent, messages, now_s, state, seq = {}, [], at("12:00"), None, 0
    policy, raised, acked = NotifyPolicy([section], sent), {}, set()

    def collect(found) -> None:
        for each in found:
            sent.update(each.records)
            messages.append(each)

    for number, (step, bad, wait_s) in enumerate(steps):
        now_s += wait_s
        if number in restarts and not quiet:  # what was held in the night is in memory alone
            policy = NotifyPolicy([section], sent)
            if state is not None:
                collect(policy.take(replace(state, seq=0), now_s))
        seq += 1
        base = KeyedAlarm(AlarmKey("press4", "ball"), "a", active=True, acked=False, suppressed=False,
                            severity=bad, occurrence=f"t{seq}", began_s=now_s, epoch="e", seq=seq)  # fmt: skip
        if step == "raise" and state is None:
            state, raised[f"t{seq}"] = base, bad
        elif step == "clear" and state is not None:
            state, base = None, replace(base, active=False, severity=state.severity)
            collect(policy.take(base, now_s))
            continue
        elif step == "ack" and state is not None:
            state = replace(state, acked=True, seq=seq)
            acked.add(state.occurrence)
        if state is not None:
            collect(policy.take(state, now_s))
        collect(policy.tick(now_s))
    collect(policy.tick(at("12:00", 31) + now_s - now_s % 86_400))
    due = {name for name, bad in raised.items() if bad.rank >= severity.rank}
    raises = [each for each in messages if each.change == "raised"]
    told = [each.alarm.occurrence for each in raises]
    assert len(told) == len(set(told)), "no occurrence twice"
    assert set(told) <= due, "none below the severity"
    count = sum(max(each.ended, 1) for each in raises)
    assert len(due - acked) <= count <= len(due), "none is lost, but those that were acknowledged before they went out"
    clears = [each for each in messages if each.change == "cleared"]
    assert len(clears) <= len([each for each in raises if not each.ended])
