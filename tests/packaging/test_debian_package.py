"""The Debian package: its list of wheels, and what is in a package. tests/system/booted installs it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import manual
import pytest
import wheels
from build_package import single_unit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from servers import require

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "systemd" / "debian"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGETS = [(architecture, python) for architecture in wheels.MACHINES for python in wheels.PYTHONS]


def pinned(architecture: str, python: str) -> dict[str, str]:
    """Name -> version, of one target."""
    lines = wheels.wanted(wheels.lock_lines(), architecture, python)
    return dict(line.partition(" ")[0].split("==") for line in lines)


@pytest.mark.parametrize(("architecture", "python"), TARGETS)
def test_the_list_of_wheels_fits_the_dependencies_of_the_project(architecture: str, python: str):
    versions = pinned(architecture, python)
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *(line for name in wheels.EXTRAS for line in extras[name])]:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate(
            {"python_version": python, "platform_machine": wheels.MACHINES[architecture]}
        ):
            assert versions[canonicalize_name(requirement.name)] in requirement.specifier, text


def test_each_line_has_hashes_and_each_target_one_version():
    for line in wheels.lock_lines():
        assert "--hash=sha256:" in line
    for target in TARGETS:
        names = [line.partition("==")[0] for line in wheels.wanted(wheels.lock_lines(), *target)]
        assert len(names) == len(set(names))


def test_a_marker_is_evaluated_for_the_target_and_not_for_this_computer():
    lines = ["a==1 ; python_full_version < '3.11' --hash=sha256:0", "b==2 ; platform_machine == 'aarch64'", "c==3"]
    assert wheels.wanted(lines, "arm64", "3.10") == ["a==1 --hash=sha256:0", "b==2", "c==3"]
    assert wheels.wanted(lines, "amd64", "3.12") == ["c==3"]


def test_the_lock_leaves_out_what_no_target_needs():
    requirements = ["a==1 ; python_full_version < '3.11'", "win==2 ; sys_platform == 'win32'"]
    assert wheels.locked(requirements, {("a", "1"): {"ff", "00"}}) == (
        "a==1 ; python_full_version < '3.11' \\\n    --hash=sha256:00 \\\n    --hash=sha256:ff\n"
    )


def test_the_license_of_each_wheel_is_named():
    text = (DEBIAN / "copyright").read_text(encoding="utf-8")
    names = {line.partition("==")[0].replace("-", "_") for line in wheels.lock_lines()}
    assert {name for name in names if f"prepared/wheels/{name}-*" not in text} == set()


def test_the_changelog_has_the_version_of_the_project():
    assert (DEBIAN / "changelog").read_text(encoding="utf-8").startswith(f"drsn-edge ({PROJECT['version']}) ")


def test_each_exception_of_lintian_has_a_reason():
    lines = (DEBIAN / "drsn-edge.lintian-overrides").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert all(line.startswith(("# ", "drsn-edge: ")) for line in lines)


def test_the_unit_without_an_instance_is_the_instance_agent():
    template = (ROOT / "systemd" / "drsn-agent@.service").read_text(encoding="utf-8")
    unit = single_unit(template)
    assert "%i" not in unit
    assert "--config /etc/drsn/agent.toml" in unit
    assert "StateDirectory=drsn/agent\n" in unit


@pytest.mark.parametrize("program", sorted(manual.SHORT))
def test_mandoc_accepts_the_man_pages(program: str, monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path):
    require("mandoc")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1796083200")
    manual.main(program)
    page = tmp_path / f"{program}.1"
    page.write_text(capsys.readouterr().out, encoding="utf-8")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "--json" in page.read_text(encoding="utf-8").replace("\\", "")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For JetPack 6: arm64, Python 3.10."""
    require("dpkg-buildpackage")
    return built(tmp_path_factory.mktemp("package"))


def built(out: Path) -> Path:
    command = [sys.executable, DEBIAN / "build_package.py", "--arch", "arm64", "--pythons", "3.10", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "drsn-edge_0.1.0_arm64.deb"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_package_for_a_jetson_has_the_wheels_of_its_list_and_no_other(package: Path, tmp_path: Path):
    subprocess.run(["dpkg-deb", "-x", package, tmp_path], check=True)
    home = tmp_path / "usr" / "lib" / "drsn-edge"
    found = {parse_wheel_filename(path.name)[0]: path for path in (home / "wheels").iterdir()}
    assert set(found) == {*pinned("arm64", "3.10"), "drsn-edge"}
    listed = (home / "requirements.lock").read_text(encoding="utf-8")
    for path in found.values():
        assert f"--hash=sha256:{wheels.sha256(path)}" in listed
        tags = {tag.platform for tag in parse_wheel_filename(path.name)[3]}
        assert all(tag == "any" or tag.endswith("aarch64") for tag in tags), path.name
    told = subprocess.run(
        ["dpkg-deb", "-f", package, "Architecture", "Depends"], capture_output=True, text=True, check=True
    )
    assert "Architecture: arm64" in told.stdout
    assert "python3 (>= 3.10~), python3 (<< 3.11~)" in told.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_package_has_what_debian_users_look_for(package: Path):
    listed = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    for path in (
        "lib/systemd/system/drsn-agent.service", "lib/systemd/system/drsn-agent@.service", "etc/drsn/agent.toml",
        "usr/lib/sysusers.d/drsn-edge.conf", "usr/lib/tmpfiles.d/drsn-edge.conf", "usr/bin/drsn-agent",
        "usr/share/man/man1/drsn-agent.1.gz", "usr/share/bash-completion/completions/drsn-agent",
        "usr/share/zsh/vendor-completions/_drsn-agent", "usr/share/doc/drsn-edge/copyright",
    ):  # fmt: skip
        assert re.search(rf" \./{re.escape(path)}( ->|$)", listed, re.MULTILINE), path
    conffiles = subprocess.run(["dpkg-deb", "-I", package, "conffiles"], capture_output=True, text=True, check=True)
    assert conffiles.stdout == "/etc/drsn/agent.toml\n"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_lintian_reports_nothing(package: Path):
    require("lintian")
    command = ["lintian", "--allow-root", "--display-info", "--fail-on", "error,warning,info", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_same_sources_give_the_same_package(package: Path, tmp_path: Path):
    first = tmp_path / "first.deb"
    shutil.copy(package, first)
    assert wheels.sha256(built(tmp_path)) == wheels.sha256(first)
