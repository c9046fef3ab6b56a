from __future__ import annotations

import fcntl
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.acquisition.clock_sync import ask_kernel
from drsn.agent.storage.journal import Journal
from drsn.agent.tools.doctor import host as checks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Libc:
    """An `adjtimex` that says what it is told to."""

    def __init__(self, result: int, status: int = 0, maxerror_us: int = 12_000) -> None:
        self._result = result, status, maxerror_us

    def adjtimex(self, out: object) -> int:
        result, out._obj.status, out._obj.maxerror = self._result
        return result


@pytest.mark.parametrize(
    ("libc", "state", "text"),
    [
        (Libc(0), "ok", "off by 12 ms at most"),
        (Libc(5), "problem", "not synchronised"),
        (Libc(0, status=0x40), "problem", "not synchronised"),
        (Libc(-1), "problem", "does not report"),
    ],
)
def test_the_clock(subject: Callable, libc: Libc, state: str, text: str):
    looked_at = subject()
    looked_at.libc = libc
    found = checks.clock(looked_at)
    assert (found.state, text in found.text) == (state, True)


def test_the_kernel_answers_in_this_layout(subject: Callable):
    """Whatever it says; a wrong layout would give an error or an absurd maximum."""
    found = ask_kernel()
    assert found.synchronised is not None
    assert 0 <= found.max_error_us <= 16_000_000, "the kernel caps it at 16 s"
    assert checks.clock(subject()).state in ("ok", "problem")


def test_a_state_directory_that_does_not_exist_yet_will_be_made(subject: Callable):
    found = checks.state(subject())
    assert (found.state, found.text.endswith("will be created")) == ("ok", True)


def test_a_state_directory_with_and_without_an_agent(subject: Callable, tmp_path: Path):
    store = Journal(tmp_path / "state")
    assert checks.state(subject()).text.endswith("an agent uses it")
    store.close()
    assert checks.state(subject()).text.endswith("no agent uses it")


def test_looking_does_not_keep_an_agent_out(subject: Callable, tmp_path: Path):
    Journal(tmp_path / "state").close()
    checks.state(subject())
    Journal(tmp_path / "state").close()


def test_the_lock_of_another_process_is_one(subject: Callable, tmp_path: Path):
    (tmp_path / "state").mkdir()
    with (tmp_path / "state" / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert checks.state(subject()).text.endswith("an agent uses it")


def test_where_no_agent_ever_ran_none_runs(subject: Callable, tmp_path: Path):
    (tmp_path / "state").mkdir()
    assert checks.state(subject()).text.endswith("no agent uses it")


def test_a_lock_of_another_user_is_not_taken_for_an_agent(
    subject: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lock").touch()

    def flock(_lock: object, _how: int) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert checks.state(subject()).text.endswith("it is unknown whether an agent uses it (Permission denied)")


def test_a_file_is_no_directory(subject: Callable, tmp_path: Path):
    (tmp_path / "state").write_text("")
    found = checks.state(subject())
    assert (found.exit_code, "not a directory" in found.text) == (78, True)


def test_a_directory_of_somebody_else(subject: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    found = checks.state(subject())
    assert (found.exit_code, "as the user of the service" in found.remedy) == (78, True)


def test_a_full_disk(subject: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    real = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result((real[0], 4096, *real[2:4], 25_600, *real[5:])))
    found = checks.state(subject())
    assert (found.state, found.text.endswith("100 MiB left")) == ("problem", True)


def test_warnings_of_the_configuration_are_told(subject: Callable):
    looked_at = subject()
    looked_at.configuration = replace(looked_at.configuration, warnings=("the password travels unencrypted",))
    assert checks.configuration(looked_at).text == "the password travels unencrypted"
    looked_at.configuration = replace(looked_at.configuration, warnings=())
    assert checks.configuration(looked_at).text == f"sha256 {looked_at.configuration.sha256[:12]}"


def test_the_bundle(subject: Callable, tmp_path: Path):
    assert checks.bundle(subject()).text.startswith("synthetic ")
    found = checks.bundle(subject(bundle=tmp_path / "nowhere"))
    assert (found.exit_code, bool(found.remedy)) == (78, True)
