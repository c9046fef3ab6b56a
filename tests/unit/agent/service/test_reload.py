from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from drsn.agent.service import reload as module
from drsn.agent.service import systemd
from drsn.agent.service.reload import Reload, restart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REFUSES = [
    sys.executable,
    "-c",
    "import sys; sys.stderr.write('first\\nline4.toml: agent.idd: no such key\\n\\n'); sys.exit(78)",
]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemd was told."""
    states: list[str] = []
    monkeypatch.setattr(systemd, "notify", states.append)
    return states


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        f"{record.levelname} {record.getMessage()} {getattr(record, 'drsn_fields', '')}" for record in caplog.records
    ]


def test_what_passes_ends_the_old_one_to_begin_anew(told: list[str]):
    stop = threading.Event()
    reload = Reload([sys.executable, "-c", ""], stop)
    assert not reload.due
    reload.request()
    assert stop.wait(20)
    assert (reload.due, told) == (True, ["RELOADING=1"])


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (REFUSES, "line4.toml: agent.idd: no such key (exit code 78)"),
        ([sys.executable, "-c", "import os; os.abort()"], "it printed no reason (exit code -6)"),
        (["/nowhere/drsn-agent"], "the check can't be started: No such file or directory"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "the check did not end within 0.5 s"),
    ],
)
def test_what_fails_changes_nothing_and_is_said(
    check: list[str], reason: str, told: list[str], caplog, wait_until: Callable[..., object]
):
    stop = threading.Event()
    reload = Reload(check, stop, timeout_s=0.5 if "sleep" in check[-1] else 20)
    with caplog.at_level(logging.INFO):
        reload.request()
        wait_until(lambda: told)
    assert (reload.due, stop.is_set()) == (False, False)
    assert told == [f"STATUS=reload refused, the old configuration is in use: {reason}"]
    (line,) = logged(caplog)
    assert line.startswith("ERROR reload refused")
    assert reason in line


def test_after_a_no_it_can_be_asked_again(tmp_path: Path, told: list[str], wait_until: Callable[..., object]):
    cured = tmp_path / "cured"
    stop = threading.Event()
    reload = Reload(["/usr/bin/test", "-e", str(cured)], stop)
    reload.request()
    wait_until(lambda: told)
    cured.touch()
    reload.request()
    assert stop.wait(20)
    assert reload.due


def test_an_ordered_stop_outranks_a_check_that_passes(wait_until: Callable[..., object]):
    stop = threading.Event()
    reload = Reload([sys.executable, "-c", ""], stop)
    reload.cancel()
    reload.request("r1")
    wait_until(lambda: reload.results)
    assert list(reload.results) == [("r1", "the agent is stopping")]
    assert (reload.due, stop.is_set()) == (False, False)


def test_the_new_one_is_the_same_command_in_the_same_process_and_deaf_to_hangups_until_it_handles_them(tmp_path: Path):
    """The default of SIGHUP is to end, and for systemd an agent that ends by it was told to."""
    script = tmp_path / "again.py"
    script.write_text(
        "import os, signal, sys\n"
        "if 'AGAIN' not in os.environ:\n"
        "    signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # whoever runs the tests may be deaf to it
        "print(os.getpid(), signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, sys.argv[1:], flush=True)\n"
        "if 'AGAIN' not in os.environ:\n"
        "    os.environ['AGAIN'] = '1'\n"
        "    from drsn.agent.service.reload import restart\n"
        "    restart()\n"
    )
    done = subprocess.run(
        [sys.executable, script, "run", "--set", "a.b=c d"], capture_output=True, text=True, timeout=60, check=True
    )
    first, second = (line.split(" ", 2) for line in done.stdout.splitlines())
    assert (first[0], first[2]) == (second[0], second[2])
    assert (first[1], second[1]) == ("False", "True")


def test_it_hands_over_what_this_process_was_started_with(monkeypatch: pytest.MonkeyPatch):
    started: list[object] = []
    monkeypatch.setattr(module.os, "execv", lambda *arguments: started.extend(arguments))
    monkeypatch.setattr(module.sys, "orig_argv", ["python3", "-m", "drsn.agent", "run"])
    before = signal.getsignal(signal.SIGHUP)
    try:
        restart()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert started == [sys.executable, [sys.executable, "-m", "drsn.agent", "run"]]
