"""The wheels in the Debian package: their versions and hashes are in requirements.txt, beside this file.

`python wheels.py lock` writes that list anew, from the dependencies in pyproject.toml and the extras below.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

from packaging.markers import Marker
from packaging.utils import parse_wheel_filename

HERE = Path(__file__).parent
LOCK = HERE / "requirements.txt"
PROJECT = HERE.parents[1] / "pyproject.toml"
PYTHONS: Final = ("3.10", "3.11", "3.12", "3.13")
"""Of jammy (JetPack 6), bookworm, noble (JetPack 7) and trixie."""
MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
"""Debian's name of an architecture -> that of Linux, which wheels have."""
EXTRAS: Final = ("certificates", "codecs", "metrics", "sparkplug", "top")
"""Without `files`, `train`, `export` and `plots`: they are for another computer, and have hundreds of megabytes."""
GLIBC_MINOR: Final = 35
"""2.35 is in jammy, the oldest release; a wheel for an older one runs there too."""
HEAD: Final = """\
# The wheels in the Debian package, with the hash of each file. Written by: python systemd/debian/wheels.py lock
"""


def main(argv: list[str]) -> None:
    """Write the lock."""
    if argv != ["lock"]:
        sys.exit("usage: wheels.py lock")
    requirements = resolved()
    LOCK.write_text(HEAD + locked(requirements, downloaded_everywhere(requirements)), encoding="utf-8")


def resolved() -> list[str]:
    """Return one requirement a line for all versions of Python, with markers: `numpy==2.2.6 ; python_full_version…`."""
    extras = [option for extra in EXTRAS for option in ("--extra", extra)]
    uv = Path(sys.executable).with_name("uv")
    done = _run(uv, "pip", "compile", "-q", PROJECT, *extras, "--universal", "--python-version", PYTHONS[0],
                "--no-annotate", "--no-header")  # fmt: skip
    return done.splitlines()


def downloaded_everywhere(requirements: list[str]) -> dict[tuple[str, str], set[str]]:
    """Return name and version -> SHA-256 of the wheels that the targets need."""
    hashes: dict[tuple[str, str], set[str]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        for architecture in MACHINES:
            for python in PYTHONS:
                to = Path(folder) / f"{architecture}-{python}"
                _download("\n".join(wanted(requirements, architecture, python)), architecture, python, to)
                for wheel in to.iterdir():
                    name, version, _, _ = parse_wheel_filename(wheel.name)
                    hashes[name, str(version)].add(sha256(wheel))
    return hashes


def locked(requirements: list[str], hashes: dict[tuple[str, str], set[str]]) -> str:
    """Return the lines of the lock, without what no target needs."""
    lines = []
    for requirement in requirements:
        name, _, version = requirement.partition(" ")[0].partition("==")
        if (name, version) in hashes:
            ordered = sorted(hashes[name, version])
            lines.append(" \\\n".join([requirement, *(f"    --hash=sha256:{digest}" for digest in ordered)]) + "\n")
    return "".join(lines)


def wanted(requirements: list[str], architecture: str, python: str) -> list[str]:
    """Return what one target needs, without markers: pip would evaluate them for the Python that it runs in."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": MACHINES[architecture],
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "sys_platform": "linux",
        "os_name": "posix",
    }
    chosen = []
    for line in requirements:
        pinned, _, rest = line.partition(" ")
        marker = rest.partition(";")[2].partition("--hash")[0].strip()
        if not marker or Marker(marker).evaluate(environment):
            chosen.append(" ".join([pinned, *re.findall(r"--hash=\S+", rest)]))
    return chosen


def lock_lines() -> list[str]:
    """Return the requirements of the lock, one a line, with their hashes."""
    joined = LOCK.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in joined.splitlines() if not line.startswith("#")]


def fetch(architecture: str, python: str, to: Path) -> None:
    """Put the wheels of one target into a folder. They are downloaded once; pip checks their hashes.

    Raises:
        subprocess.CalledProcessError: the index does not have them, or a hash is wrong.
    """
    text = "\n".join(wanted(lock_lines(), architecture, python))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drsn-edge"
    kept = cache / f"wheels-{architecture}-{python}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="wheels-draft-", dir=cache))
        _download(text, architecture, python, draft)
        draft.rename(kept)
    to.mkdir(parents=True, exist_ok=True)
    for wheel in kept.iterdir():
        shutil.copy(wheel, to)


def _download(requirements: str, architecture: str, python: str, to: Path) -> None:
    machine = MACHINES[architecture]
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_MINOR, 16, -1)]
    platforms = [option for tag in (*tags, f"manylinux2014_{machine}") for option in ("--platform", tag)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        _run(sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps",
             "--only-binary=:all:", "--python-version", python, *platforms, "-d", to, "-r", file.name)  # fmt: skip


def sha256(path: Path) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
