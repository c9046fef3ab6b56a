from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.observability.logs import CommandFormatter, LogfmtFormatter, Throttle, configure, fields

if TYPE_CHECKING:
    from collections.abc import Iterator

PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^ "=\\]+)(?: |$)')


def record(event: str, *arguments: object, level: int = logging.INFO, **values: object) -> logging.LogRecord:
    made = logging.LogRecord("drsn.agent.mqtt.connection", level, "", 0, event, arguments, None)
    made.created, made.msecs = 1_767_225_600.25, 250.0
    vars(made).update(fields(**values))
    return made


def line(event: str, **values: object) -> str:
    return LogfmtFormatter(journal=False).format(record(event, **values))


def parsed(text: str) -> dict[str, str]:
    """Parse a line as a log collector does; fails if something is no pair."""
    pairs, at = {}, text.index(" ") + 1
    while at < len(text):
        found = PAIR.match(text, at)
        assert found, text[at:]
        pairs[found[1]] = json.loads(found[2]) if found[2].startswith('"') else found[2]
        at = found.end()
    return pairs


def test_an_event_is_one_line_of_pairs_with_its_time_in_front():
    assert line("connection lost", protocol=5, reason="timed out", empty="") == (
        "2026-01-01T00:00:00.250Z level=info logger=agent.mqtt.connection "
        'event="connection lost" protocol=5 reason="timed out" empty=""'
    )


@given(st.text(), st.text())
def test_any_value_stays_one_line_and_one_value(event: str, value: str):
    text = line(event, topic=value)
    assert len(text.splitlines()) == 1
    assert (parsed(text)["event"], parsed(text)["topic"]) == (event, value)


@pytest.mark.parametrize("evil", ["a\nlevel=error event=forged", 'a" level=error', "a\r\x1b[2K", "a\u2028b", "a\\"])
def test_a_topic_can_not_forge_a_line_or_a_pair(evil: str):
    text = line("packet refused", topic=evil)
    assert list(parsed(text)) == ["level", "logger", "event", "topic"]
    assert parsed(text)["topic"] == evil
    assert "\x1b" not in text


def test_a_traceback_stays_in_its_line():
    made, error = record("failed", level=logging.ERROR), ValueError("two\nlines")
    made.exc_info = (ValueError, error, None)
    text = LogfmtFormatter(journal=False).format(made)
    assert len(text.splitlines()) == 1
    assert parsed(text)["traceback"].endswith("ValueError: two\nlines")


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)],
)
def test_the_journal_gets_a_priority_and_no_time(level: int, priority: int):
    text = LogfmtFormatter(journal=True).format(record("x", level=level))
    assert text.startswith(f"<{priority}>level=")


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger; pytest's handlers come back at the end."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    logger.handlers.clear()
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


@pytest.mark.parametrize("stream", [None, "8:1"])
def test_logs_go_to_stderr_with_priorities_under_systemd(
    stream: str | None, root: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    if stream:
        monkeypatch.setenv("JOURNAL_STREAM", stream)
    configure("warning")
    logging.getLogger("drsn.agent.x").info("quiet")
    logging.getLogger("drsn.agent.x").warning("loud", extra=fields(n=1))
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.endswith("level=warning logger=agent.x event=loud n=1\n")
    assert err.startswith("<4>") is bool(stream)


def test_one_line_a_minute_counts_those_that_were_held_back():
    throttle = Throttle(interval_s=60)
    assert throttle.held_back("a", 0) == 0
    assert [throttle.held_back("a", t) for t in (1, 30, 59.9)] == [None] * 3
    assert throttle.held_back("b", 30) == 0  # another key has a minute of its own
    assert throttle.held_back("a", 60) == 3
    assert throttle.held_back("a", 120) == 0


def test_a_flood_of_keys_does_not_fill_the_memory():
    throttle = Throttle(max_keys=4)
    assert all(throttle.held_back(key, 0) == 0 for key in range(1000))
    assert throttle.held_back(999, 1) is None, "the newest is still known"
    assert throttle.held_back(0, 1) == 0, "the oldest is forgotten"


def test_a_long_topic_does_not_fill_the_journal():
    said = line("packet refused", topic="x" * 65_535, reason="y" * 1000)
    assert len(said) < 2200
    assert "... of 65535 characters" in said
    assert "y" * 1000 in said


def test_a_flood_of_keys_does_not_fill_the_log():
    throttle = Throttle(interval_s=60, max_lines=4)
    assert [throttle.held_back(key, 0) for key in range(6)] == [0, 0, 0, 0, None, None]
    assert throttle.held_back("late", 59) is None
    assert [throttle.held_back(key, 60) for key in range(6)] == [0, 0, 0, 0, None, None]


def test_a_command_s_warning_is_a_line_for_people_with_its_details():
    warning = record("no connection,\ntrying again", level=logging.WARNING, broker="b:1883", error="refused\x1b[2J")
    line = CommandFormatter("drsn-agent").format(warning)
    assert line == r"drsn-agent: warning: no connection, trying again (broker: b:1883, error: refused\x1b[2J)"
