"""`drsn-agent init`: arguments that are wrong are named before anything is listened to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.__main__ import main
from drsn.agent.mqtt.message import Message
from drsn.agent.tools.init.listening import MAX_OF_TOPIC, Traffic
from drsn.agent.tools.init.questions import Questions

if TYPE_CHECKING:
    from pathlib import Path

BROKER = ("--broker", "mqtt://127.0.0.1:1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "which broker?"),
        ((*BROKER, "--seconds", "0"), "--seconds 0: 1 to 3600"),
        ((*BROKER, "--input", "dtype"), "write KEY=VALUE"),
        ((*BROKER, "--input", "topic=a/b"), "besides topic and sensor"),
        ((*BROKER, "--rate", "0"), "--rate 0"),
        ((*BROKER, "--input", "colour=red"), "colour"),
        ((*BROKER, "--prefix", "a/#"), "--prefix"),
    ],
)
def test_a_wrong_argument_is_named(arguments, words: str, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.delenv("DRSN_BROKER", raising=False)
    assert main(["init", "--yes", "--out", str(tmp_path / "agent.toml"), *arguments]) == 64
    assert words in capsys.readouterr().err


def test_a_file_is_not_written_over(tmp_path: Path, capsys):
    out = tmp_path / "agent.toml"
    out.write_text("mine")
    assert main(["init", "--yes", "--out", str(out), *BROKER]) == 64
    assert "--force" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_a_flood_is_counted_but_not_kept():
    traffic = Traffic(seconds=1.0)
    for at in range(10 * MAX_OF_TOPIC):
        traffic.add(Message("a", b"x", 0, False, at / 1000, 0))
    traffic.add(Message("b", b"x", 0, True, 1.0, 0))
    assert (traffic.count, len(traffic.messages), traffic.retained) == (10 * MAX_OF_TOPIC, MAX_OF_TOPIC, {"b"})


def test_without_a_person_defaults_answer():
    nobody = Questions(ask=False)
    assert (nobody.text("?", "d"), nobody.number("?", 5.0), nobody.number("?", None)) == ("d", 5.0, None)
    assert nobody.yes("?")
