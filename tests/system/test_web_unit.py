"""The systemd unit of the page, judged by systemd itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from servers import require

from drsn.agent.tools.web.command import main

UNIT = Path(__file__).parents[2] / "systemd" / "drsn-web.service"
INSTALLED = "/opt/drsn/venv/bin/drsn-web"
EXPOSURE = 1.6
"""As the agent's own unit may score."""


def analyze(path: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = ["systemd-analyze", *arguments, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_unit_is_sound_and_closed(tmp_path: Path):
    require("systemd-analyze")
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text(encoding="utf-8").replace(INSTALLED, sys.executable), encoding="utf-8")
    done = analyze(path, "verify", "--man=no")
    assert [line for line in done.stderr.splitlines() if "drsn" in line] == []
    told = analyze(path, "security", "--offline=true").stdout
    assert float(re.search(r"Overall exposure level for \S+ ([\d.]+)", told)[1]) <= EXPOSURE


def test_its_command_exists(capsys: pytest.CaptureFixture[str]):
    (options,) = re.findall(rf"^ExecStart={INSTALLED} (.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert [option for option in options.split() if option.startswith("--") and option not in told] == []
