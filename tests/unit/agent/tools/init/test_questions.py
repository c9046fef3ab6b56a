from __future__ import annotations

import io

import pytest

from drsn.agent.tools.init.questions import Questions


@pytest.mark.parametrize(
    ("typed", "default", "answer"),
    [("", "#", "#"), ("y", "#", "#"), ("Yes", "#", "#"), ("plant/#", "#", "plant/#"), ("y", "", "y"), ("", "", "")],
)
def test_a_y_accepts_the_default_that_is_shown(typed: str, default: str, answer: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
    assert Questions(ask=True).text("Topic", default) == answer


@pytest.mark.parametrize(("typed", "value"), [("", 5.0), ("6400", 6400.0), ("-3", 5.0), ("fast", 5.0)])
def test_a_number_that_is_none_leaves_the_default(typed: str, value: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
    assert Questions(ask=True).number("Rate", 5.0) == value


def test_without_a_terminal_the_default_is_the_answer():
    assert Questions(ask=False).text("Topic", "#") == "#"
    assert Questions(ask=False).yes("Write?")
