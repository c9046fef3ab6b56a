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
from drsn.agent.service.reload import Debt, Reload, begin_anew

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
    reload.ask()
    assert stop.wait(20)
    assert (reload.due, told) == (True, ["RELOADING=1"])


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (REFUSES, "line4.toml: agent.idd: no such key (exit code 78)"),
        ([sys.executable, "-c", "import os; os.abort()"], "no reason given (exit code -6)"),
        (["/nowhere/drsn-agent"], "the check can't be started: No such file or directory"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "the check did not end within 0.5 s"),
    ],
)
def test_what_fails_changes_nothing_and_is_said(
    check: list[str], reason: str, told: list[str], caplog, wait_until: Callable[..., object], monkeypatch
):
    monkeypatch.setattr(module, "CHECK_TIMEOUT_S", 0.5 if "sleep" in check[-1] else 20)
    stop = threading.Event()
    reload = Reload(check, stop)
    with caplog.at_level(logging.INFO):
        reload.ask()
        wait_until(lambda: told)
    assert (reload.due, stop.is_set()) == (False, False)
    assert told == [f"STATUS=goes on as it was, reload refused: {reason}"]
    (line,) = logged(caplog)
    assert line.startswith("ERROR reload refused")
    assert reason in line


def test_after_a_no_it_can_be_asked_again(tmp_path: Path, told: list[str], wait_until: Callable[..., object]):
    cured = tmp_path / "cured"
    stop = threading.Event()
    reload = Reload(["/usr/bin/test", "-e", str(cured)], stop)
    reload.ask()
    wait_until(lambda: told)
    cured.touch()
    reload.ask()
    assert stop.wait(20)
    assert reload.due


def test_an_ordered_stop_outranks_a_check_that_passes():
    stop = threading.Event()
    reload = Reload([sys.executable, "-c", ""], stop)
    reload.ask()
    reload.call_off()
    assert stop.wait(20)
    assert not reload.due


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
        "    from drsn.agent.service.reload import begin_anew\n"
        "    begin_anew()\n"
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
        begin_anew()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert started == [sys.executable, [sys.executable, "-m", "drsn.agent", "run"]]


def test_what_is_owed_is_handed_to_the_next_process_and_to_no_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    script = tmp_path / "again.py"
    script.write_text(
        "import os, subprocess, sys, threading\n"
        "from drsn.agent.service.reload import Debt, Reload, begin_anew\n"
        "print(Reload([], threading.Event()).inherited, flush=True)\n"
        "subprocess.run([sys.executable, '-c', 'import os; print([n for n in os.environ if \"DEBTS\" in n])'])\n"
        "if 'AGAIN' not in os.environ:\n"
        "    os.environ['AGAIN'] = '1'\n"
        "    begin_anew([Debt('r1', 'drsn/v1/_reply/\\u00e4', b'\\x00\\xff')])\n"
    )
    monkeypatch.delenv(module.DEBTS, raising=False)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    first, child, second, child_too = done.stdout.splitlines()
    assert (first, second) == ("()", f"({Debt('r1', 'drsn/v1/_reply/ä', bytes([0, 255]))!r},)")
    assert (child, child_too) == ("[]", "[]")


def test_more_than_the_kernel_hands_over_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch, caplog):
    """Else the new process would not begin at all."""
    monkeypatch.setattr(module.os, "execv", lambda *_: None)
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)
    monkeypatch.delenv(module.DEBTS, raising=False)
    small = Debt("small", "drsn/v1/_reply/small", b"c")
    begin_anew([Debt("big", "drsn/v1/_reply/big", bytes(65_535)), small])
    assert subprocess.run(["/usr/bin/true"], check=True).returncode == 0, "the environment is one to begin with"
    assert Reload([], threading.Event()).inherited == (small,)
    assert "big" in "".join(logged(caplog))


@pytest.mark.parametrize(
    "text",
    ["", "{", "5", '[["a"]]', '[["a", "b", "zz"]]', "[" * 30_000, '[["a", "b", 5]]', '[["a/#", "b", ""]]', "1e999"],
)
def test_what_no_process_of_ours_left_is_said_and_not_heeded(text: str, monkeypatch: pytest.MonkeyPatch, caplog):
    monkeypatch.setenv(module.DEBTS, text)
    assert Reload([], threading.Event()).inherited == ()
    assert "DRSN_RELOAD_DEBTS" in "".join(logged(caplog))
