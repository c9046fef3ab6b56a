"""The systemd unit of `drsn-sparkplug`, checked by systemd itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from servers import require

from drsn.agent.tools.sparkplug_edge.cli import bridge_parser

UNIT = Path(__file__).parents[2] / "systemd" / "drsn-sparkplug.service"
EXPOSURE = 1.6
"""What it may score at most, as the agent; a bare unit scores 9.2."""


def analyze(*arguments: object) -> subprocess.CompletedProcess:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_accepts_the_unit_and_it_is_closed(tmp_path: Path):
    require("systemd-analyze")
    path = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace("/opt/drsn/venv/bin/drsn-sparkplug", sys.executable)
    path.write_text(text, encoding="utf-8")
    done = analyze("verify", "--man=no", path)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "drsn" in line]) == (0, [])
    told = analyze("security", "--offline=true", path).stdout
    assert float(re.search(r"Overall exposure level for \S+ ([\d.]+)", told)[1]) <= EXPOSURE


def test_its_options_exist():
    (line,) = re.findall(r"^ExecStart=\S+ (.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert str(bridge_parser().parse_args(line.split()).config) == "/etc/drsn/sparkplug.toml"
