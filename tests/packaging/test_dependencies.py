"""The promises about versions: JetPack (Python 3.10, 3.12), Raspberry Pi OS (3.11, 3.13), the oldest releases."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_the_base_install_resolves_to_wheels_on_a_jetson_and_a_raspberry_pi(python):
    resolved = subprocess.run(
        [UV, "pip", "compile", "-q", ROOT / "pyproject.toml", "--python-version", python,
         "--python-platform", "aarch64-manylinux_2_28", "--only-binary", ":all:", "--no-header"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert resolved.returncode == 0, resolved.stderr
    names = {line.partition("==")[0] for line in resolved.stdout.splitlines() if line[:1].isalpha()}
    assert names >= {"numpy", "onnxruntime", "paho-mqtt", "pydantic-settings"}
    assert not names & {"torch", "onnx", "scipy"}


def test_the_agent_s_tests_pass_on_the_oldest_releases(make_environment):
    environment = make_environment(_oldest_python())
    # lowest-direct: the lower bound of everything that pyproject.toml names.
    environment.install("--resolution", "lowest-direct", f"{ROOT}[demo,codecs,sparkplug,certificates]")
    environment.install("pytest>=8.3", "pytest-timeout", "hypothesis")
    versions = environment(
        "python", "-c", "import numpy, onnxruntime; print(numpy.__version__, onnxruntime.__version__)"
    )
    assert versions.stdout.split() == ["2.2.0", "1.23.0"]
    done = environment(
        "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml", "--rootdir", ROOT,
        "--hypothesis-profile", "desk",  # in CI too: these tests have tried 200 examples before
        ROOT / "tests" / "unit" / "agent", ROOT / "tests" / "contract", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def _oldest_python() -> str:
    """JetPack 6's 3.10 where it is installed (a shim of pyenv may only pretend), else the one that runs this."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which("python3.10"), *pyenv.glob("versions/3.10.*/bin/python3.10")]
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False, timeout=60).returncode == 0:
            return str(candidate)
    return sys.executable
