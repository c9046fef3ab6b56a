from __future__ import annotations

from alarm_quality.markdown import delays_table, foreign_signals_table, rules_table

FALSE = {"alarms": 1234, "upper_95_per_day": 0.09986}
DELAY = {"median_s": 1.0, "p95_s": 2.5, "missed": 0.0, "wrong": 0.021}
NEVER = {"median_s": 0.5, "p95_s": None, "missed": 0.06, "wrong": 0.0}


def row(rule: str) -> dict[str, object]:
    return {
        "rule": rule,
        "snr_db": -4.0,
        "false_alarms": {"quiet": FALSE, "disturbed": FALSE},
        "delay": {"inner_race": DELAY, "ball": NEVER},
    }


def test_a_rule_is_told_by_its_slowest_condition():
    head, _, told = rules_table([("-4 dB", row("P >= 0.999"))]).splitlines()
    cells = "| -4 dB | P ≥ 0.999 | 1,234 (< 0.0999) | 1,234 (< 0.0999) | 1.00 | never | 6.0 % | 2.1 % |"
    assert told == cells
    assert head.count("|") == cells.count("|")


def test_delays_are_those_of_the_agents_rules():
    lines = delays_table([row("argmax"), row("votes 6/8"), row("dropping 22.4 nats"), row("sequential 22.4 nats")])
    assert lines.splitlines() == [
        "| | rule | inner race | ball |",
        "|---|---|---|---|",
        "| -4 dB | votes 6/8 | 1.00 / 2.50 | 0.50 / never |",
        "| -4 dB | sequential 22.4 nats | 1.00 / 2.50 | 0.50 / never |",
    ]


def test_strangers_are_told_by_kind():
    kinds = [{"kind": "hum", "streams": 60, "abstained": 0.9975, "misled": {"P >= 0.9": 2, "votes 6/8": 0}}]
    assert foreign_signals_table(kinds).splitlines() == [
        "|  | streams | abstained | P ≥ 0.9 | votes 6/8 |",
        "|---|---|---|---|---|",
        "| hum | 60 | 99.8 % | 2 | 0 |",
    ]
