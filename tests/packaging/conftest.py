"""The wheel, and environments of their own to install it in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")

CLEAN = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def run(*command: object, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Run to the end; a failure shows what was said."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=CLEAN, check=False, timeout=600
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    path: Path

    def __call__(self, program: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess:
        """Run one of its programs, away from the source tree."""
        return run(self.path / "bin" / program, *arguments, check=check, cwd=self.path)

    def install(self, *options: object) -> None:
        run(UV, "pip", "install", "-q", "--python", self.path / "bin" / "python", *options)

    @property
    def packages(self) -> set[str]:
        """Names of what is installed."""
        listed = run(UV, "pip", "list", "--format", "freeze", "--python", self.path / "bin" / "python").stdout
        return {line.partition("==")[0].lower() for line in listed.splitlines()}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what git has, so that nothing of this checkout's leftovers gets in."""
    source = tmp_path_factory.mktemp("source")
    tracked = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("dist")
    run(UV, "build", "-q", "--wheel", "--out-dir", out, source)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Environment]:
    """A fresh environment of a Python, by its version or path."""

    def make(python: str) -> Environment:
        path = tmp_path_factory.mktemp("environment") / "venv"
        run(UV, "venv", "-q", "--no-python-downloads", "--python", python, path)
        return Environment(path)

    return make
