"""Compiles a C program of examples/; skips where compiler or headers are missing, and fails in CI."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest

INCLUDE = Path("/usr/include")


def compiled(source: Path, folder: Path, headers: tuple[str, ...], *libraries: str) -> Path:
    """The program, with every warning an error, and with checks of memory and undefined behaviour."""
    missing = [name for name in headers if not (INCLUDE / name).exists()]
    if which("cc") is None or missing:
        told = f"needs cc and {missing}: make example-tools"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    program = folder / source.stem
    flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    command = ["cc", *flags, "-fno-sanitize-recover=all", "-o", str(program), str(source), *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program
