"""Builds the Debian package: `make deb ARCH=arm64`. It collects the files, debhelper (rules) makes the package of them.

The same sources give the same bytes: the versions and hashes of all wheels are fixed, and the time of all files is that
of the newest entry in `changelog`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import wheels

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ("agent", "export", "model", "systemd", "configs/agent.toml", "pyproject.toml", "README.md", "LICENSE")
PROGRAMS: Final = ("drsn-agent", "drsn-export")
BUILD_TOOL: Final = "setuptools==80.9.0"
"""It writes its version into the wheel."""
PROGRAM_OF_CLONE: Final = "/opt/drsn/venv/bin/"
"""In the units, which are also installed from a clone."""


def main() -> None:
    """Build one package."""
    parser = argparse.ArgumentParser(description="Builds the Debian package of the agent.")
    parser.add_argument("--arch", choices=tuple(wheels.MACHINES), default="amd64")
    parser.add_argument("--pythons", default=" ".join(wheels.PYTHONS), help="versions that follow each other")
    parser.add_argument("--version", help="default: that of changelog")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    arguments = parser.parse_args()
    print(build(arguments.arch, arguments.pythons.split(), arguments.version, arguments.out))  # noqa: T201 (its result)


def build(architecture: str, pythons: list[str], version: str | None, out: Path) -> Path:
    """Return the package in the folder `out`."""
    with tempfile.TemporaryDirectory(prefix="drsn-edge-deb-") as work:
        tree = Path(work) / "drsn-edge"
        copy_sources(tree)
        shutil.copytree(tree / "systemd" / "debian", tree / "debian")
        os.environ["SOURCE_DATE_EPOCH"] = str(changelog_epoch_s(tree))
        if version is not None:
            set_version(tree, version)
        prepared = tree / "prepared"
        for python in pythons:
            wheels.fetch(architecture, python, prepared / "wheels")
        add_agent_wheel(tree, prepared)
        write_files(tree, prepared, pythons)
        # No check of build dependencies: for another architecture it would look for a compiler that is not used.
        options = ("--build=binary", "--host-arch", architecture, "--no-sign", "--no-check-builddeps")
        _run("dpkg-buildpackage", *options, cwd=tree)
        (built,) = Path(work).glob("*.deb")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(built, out))


def copy_sources(tree: Path) -> None:
    """Copy what git has, with rights that do not depend on this computer."""
    listed = _run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", *SOURCES)
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file():
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def changelog_epoch_s(tree: Path) -> int:
    """Return the time of the newest entry."""
    signed = re.search(r"^ -- .*>  (.*)$", (tree / "debian" / "changelog").read_text(encoding="utf-8"), re.MULTILINE)
    assert signed is not None, "changelog has no signed entry"
    return int(parsedate_to_datetime(signed[1]).timestamp())


def set_version(tree: Path, version: str) -> None:
    """Give the sources another version, in pyproject.toml and in a new entry of the changelog."""
    project = tree / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(
        re.sub(r'^version = ".*"$', f'version = "{version}"', text, flags=re.MULTILINE), encoding="utf-8"
    )
    changelog = tree / "debian" / "changelog"
    entry = changelog.read_text(encoding="utf-8")
    (signed,) = re.findall(r"^ -- .*$", entry, re.MULTILINE)[:1]
    top = f"drsn-edge ({version}) unstable; urgency=medium\n\n  * Built with this version number.\n\n{signed}\n\n"
    changelog.write_text(top + entry, encoding="utf-8")


def add_agent_wheel(tree: Path, prepared: Path) -> None:
    """Build the agent's own wheel, and add it to the list of hashes."""
    constraint = prepared / "constraint.txt"
    constraint.write_text(BUILD_TOOL + "\n", encoding="utf-8")
    uv = Path(sys.executable).with_name("uv")
    _run(uv, "build", "-q", "--wheel", "--build-constraints", constraint, "--out-dir", prepared / "wheels", tree)
    (wheel,) = (prepared / "wheels").glob("drsn_edge-*.whl")
    name = wheel.name.removeprefix("drsn_edge-").partition("-")[0]
    own = f"drsn-edge=={name} --hash=sha256:{wheels.sha256(wheel)}\n"
    locked = wheels.LOCK.read_text(encoding="utf-8")
    (prepared / "requirements.lock").write_text(locked + own, encoding="utf-8")


def write_files(tree: Path, prepared: Path, pythons: list[str]) -> None:
    """Write what the package installs besides the wheels: units, settings, man pages and completion."""
    for name in ("drsn-agent@.service", "drsn-engine@.service"):
        unit = (tree / "systemd" / name).read_text(encoding="utf-8").replace(PROGRAM_OF_CLONE, "/usr/bin/")
        (prepared / name).write_text(unit, encoding="utf-8")
    instances = (prepared / "drsn-agent@.service").read_text(encoding="utf-8")
    (prepared / "drsn-agent.service").write_text(single_unit(instances), encoding="utf-8")
    settings = (tree / "configs" / "agent.toml").read_text(encoding="utf-8")
    (prepared / "agent.toml").write_text(service_settings(settings), encoding="utf-8")
    first, last = (int(python.partition(".")[2]) for python in (pythons[0], pythons[-1]))
    substvar = f"python:Depends=python3 (>= 3.{first}~), python3 (<< 3.{last + 1}~)\n"
    (prepared / "substvars").write_text(substvar, encoding="utf-8")
    agent = Path(sys.executable).with_name("drsn-agent")
    for program in PROGRAMS:
        page = _run(sys.executable, tree / "debian" / "manual.py", program)
        (prepared / f"{program}.1").write_text(page, encoding="utf-8")
        for shell in ("bash", "zsh"):
            (prepared / f"{program}.{shell}").write_text(_run(agent, "completion", shell, program), encoding="utf-8")


def single_unit(template: str) -> str:
    """Return drsn-agent.service: what the template is for the instance `agent`, without an instance's name."""
    return template.replace("%i", "agent").replace("drsn-agent agent:", "drsn-agent:")


def service_settings(text: str) -> str:
    """Return the settings for the service: systemd sets the state directory."""
    return re.sub(r"^state_dir = .*\n", "", text, flags=re.MULTILINE)


def _run(*command: object, cwd: Path | None = None) -> str:
    """Run a program, and show its output if it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, check=False)  # noqa: S603
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
