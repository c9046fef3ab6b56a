"""The systemd unit, judged by systemd itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from servers import require

from drsn.agent.__main__ import main

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "drsn-agent@.service"
INSTALLED = "/opt/drsn/venv/bin/drsn-agent"
EXPOSURE = 1.6
"""What the hardened CPU profile may score at most; a bare unit scores 9.2."""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit, with the program where it is here."""
    require("systemd-analyze")
    program = Path(sys.executable).with_name("drsn-agent")
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text(encoding="utf-8").replace(INSTALLED, str(program)), encoding="utf-8")
    return path


def analyze(*arguments: object) -> subprocess.CompletedProcess:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_has_nothing_to_say_against_the_unit(installed: Path):
    done = analyze("verify", "--man=no", installed)
    ours = [line for line in done.stderr.splitlines() if "drsn" in line]
    assert (done.returncode, ours) == (0, [])


def test_it_is_as_closed_as_the_documentation_says(installed: Path):
    told = analyze("security", "--offline=true", installed).stdout
    exposure = float(re.search(r"Overall exposure level for \S+ ([\d.]+)", told)[1])
    assert exposure <= EXPOSURE
    assert f"rates it {exposure}" in (ROOT / "docs" / "start" / "service.md").read_text(encoding="utf-8")


def test_the_commands_that_it_starts_exist(capsys: pytest.CaptureFixture[str]):
    lines = re.findall(rf"^Exec(?:Start|Reload)=.*{INSTALLED} (.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 2
    for verb, *options in map(str.split, lines):
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        told = capsys.readouterr().out
        assert [o for o in options if o.startswith("--") and o not in told] == []


def test_the_user_that_it_runs_as_is_made():
    require("systemd-sysusers")
    done = subprocess.run(
        ["systemd-sysusers", "--dry-run", ROOT / "systemd" / "drsn.sysusers"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (user,) = re.findall(r"^User=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert f"'{user}'" in done.stdout + done.stderr
