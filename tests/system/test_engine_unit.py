"""The engine's unit and the agent's drop-in for a GPU, judged by systemd itself."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from servers import require

from drsn.agent.settings.sections import AgentSection
from drsn.agent.tools.doctor import devices
from drsn.export.__main__ import main

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "systemd"
ENGINE, AGENT, GPU = (
    (SYSTEMD / name).read_text(encoding="utf-8")
    for name in ("drsn-engine@.service", "drsn-agent@.service", "drsn-agent-gpu.conf")
)
INSTALLED = "/opt/drsn/venv/bin/drsn-"
PAGE = ROOT / "docs" / "start" / "jetson.md"
TESTED = ROOT / "docs" / "trust" / "tensorrt.md"
EXPOSURE = 1.6
"""What `systemd-analyze security` may say of each at most, with a GPU open to it; a bare unit scores 9.2."""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Both units and their drop-ins as on a device, with the programs where they are here."""
    require("systemd-analyze")
    here = str(Path(sys.executable).with_name("drsn-"))
    (tmp_path / "drsn-engine@.service").write_text(ENGINE.replace(INSTALLED, here), encoding="utf-8")
    (tmp_path / "drsn-agent@.service").write_text(AGENT.replace(INSTALLED, here), encoding="utf-8")
    dev = tmp_path / "dev"
    dev.mkdir()
    for name in ("nvidia0", "nvidiactl", "nvidia-uvm", "nvmap"):
        (dev / name).symlink_to("/dev/null")
    for unit in ("drsn-agent@.service.d", "drsn-engine@.service.d"):
        dropin = tmp_path / unit / "20-devices.conf"
        devices.write(dropin, dev)
        dropin.write_text(dropin.read_text(encoding="utf-8").replace(f"={dev}/", "=/dev/"), encoding="utf-8")
    (tmp_path / "drsn-agent@.service.d" / "10-gpu.conf").write_text(GPU, encoding="utf-8")
    return tmp_path


def analyze(*arguments: object) -> subprocess.CompletedProcess:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def value(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


@pytest.mark.parametrize("unit", ["drsn-engine@.service", "drsn-agent@.service"])
def test_systemd_has_nothing_to_say_against_it(installed: Path, unit: str):
    done = analyze("verify", "--man=no", installed / unit)
    ours = [line for line in done.stderr.splitlines() if "drsn" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("unit", ["drsn-engine@.service", "drsn-agent@.service"])
def test_each_is_as_closed_as_the_documentation_says(installed: Path, unit: str):
    told = analyze("security", "--offline=true", installed / unit).stdout
    exposure = float(re.search(r"Overall exposure level for \S+ ([\d.]+)", told)[1])
    assert exposure <= EXPOSURE
    assert f"{unit.removesuffix('.service')} {exposure}" in TESTED.read_text(encoding="utf-8")


def test_the_agent_waits_for_the_engine_and_starts_without_it():
    assert "drsn-engine@%i.service" in value(AGENT, "After")[0].split()
    assert "drsn-engine@%i.service" in value(AGENT, "Wants")[0].split()
    assert not value(AGENT, "Requires")
    assert value(ENGINE, "Before") == ["drsn-agent@%i.service"]
    assert value(ENGINE, "Type") == ["oneshot"]


def test_both_speak_of_the_same_folder_and_the_setting_exists():
    (folder,) = re.findall(r"--engine-dir (\S+)", value(ENGINE, "ExecStart")[0])
    assert value(GPU, "Environment") == [f"DRSN_AGENT__AGENT__ENGINE_DIR={folder}"]
    assert folder == f"%C/{value(ENGINE, 'CacheDirectory')[0]}" == f"%C/{value(GPU, 'CacheDirectory')[0]}"
    assert "engine_dir" in AgentSection.model_fields


def test_the_command_that_it_starts_exists(capsys: pytest.CaptureFixture[str]):
    (line,) = value(ENGINE, "ExecStart")
    program, *options = line.split()
    assert program == f"{INSTALLED}export"
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert [o for o in options if o.startswith("--") and o not in told] == []
    assert "--if-needed" in options


def test_the_devices_that_are_listed_come_after_the_profile_that_opens_all():
    """Drop-ins are read in the order of their names, and each says something of ProtectClock=."""
    page = PAGE.read_text(encoding="utf-8")
    names = re.findall(r"/drsn-agent@\.service\.d/(\S+)", page)
    assert names == sorted(names) == ["10-gpu.conf", "20-devices.conf"]
    assert value(GPU, "ProtectClock") == ["no"]
    assert "ProtectClock=yes" in devices.DROPIN


def test_no_core_of_either_is_written():
    """Memory holds the password."""
    assert value(ENGINE, "LimitCORE") == value(AGENT, "LimitCORE") == ["0"]


def test_it_is_no_failure_where_no_gpu_is():
    """Conditions that begin with | are alternatives: where none holds, the unit is skipped."""
    assert all(condition.startswith("|") for condition in value(ENGINE, "ConditionPathExists"))
    assert value(ENGINE, "ConditionPathExists")
