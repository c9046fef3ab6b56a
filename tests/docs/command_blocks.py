"""Runs the command blocks of a page of the documentation as they are, in one folder and in their order.

Every ```sh block is run, unless a comment right before it gives the reason: `<!-- not run: needs root -->`.

Stand-ins, because a test installs nothing and owns no names of hosts:
* `pip install` and `python3 -m venv` do nothing (tests/packaging installs for real); each named extra must exist;
* `sudo apt-get` does nothing;
* `localhost:1883` and `broker:1883` are the test's own broker.
A command that serves until it is stopped (`drsn-agent run`, `mosquitto_sub` without -C) runs in the background. An
agent has to connect.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NO_WORDS: Mapping[str, str] = MappingProxyType({})
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+?) -->\n+)?^```sh\n(?P<commands>.*?)^```", re.MULTILINE | re.DOTALL
)
SERVES = re.compile(r"drsn-agent (run|watch|top) |mosquitto_sub (?!.*-C )|journalctl .*-f")
# `doctor` ends with 69 where it finds a problem of this machine, such as a clock that is not synchronised.
JUDGES = re.compile(r"^(drsn-agent doctor .*)$")
ALLOWED = r"{ \1\n} || [ $? = 69 ]"
PRELUDE = r"""
set -euo pipefail
services=0
serve() {
    services=$((services + 1))
    local log=service-$services.log
    bash -c "$1" > "$log" 2>&1 &
    local process=$!
    for _ in $(seq 150); do
        sleep 0.2
        kill -0 $process 2> /dev/null || { echo "ended by itself: $1"; cat "$log"; exit 1; }
        case "$1" in *"drsn-agent run"*) grep -q connection=ingest "$log" && return 0 ;; *) return 0 ;; esac
    done
    echo "not connected: $1"; cat "$log"; exit 1
}
"""
SITE = """\
import socket
_resolve = socket.getaddrinfo
def _own_broker(host, port, *rest, **more):
    if host in ("localhost", "broker") and int(port or 0) == 1883:
        host, port = "127.0.0.1", {port}
    return _resolve(host, port, *rest, **more)
socket.getaddrinfo = _own_broker
"""
STAND_INS = {
    "sudo": '[ "$1" = apt-get ]',
    "pip": f'exec {sys.executable} -c "$CHECK_EXTRAS" "$@"',
    "python3": 'if [ "$1 $2" = "-m venv" ]; then mkdir -p "$3/bin"; : > "$3/bin/activate"; else exec PYTHON "$@"; fi',
    "mosquitto_sub": 'exec /usr/bin/mosquitto_sub -h 127.0.0.1 -p PORT "$@"',
}
CHECK_EXTRAS = """\
import re, sys
text = open(PROJECT).read()
for extra in re.findall(r"\\[([a-z,]+)\\]", " ".join(sys.argv)):
    assert all(re.search(rf"^{name} = \\[", text, re.M) for name in extra.split(",")), extra
"""


@dataclass(frozen=True)
class Block:
    """One block of commands."""

    commands: str
    reason: str | None
    """Why it is not run; None: it is run."""


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in their order."""
    for found in _BLOCK.finditer(page.read_text("utf-8")):
        yield Block(found["commands"], found["reason"])


def lines(commands: str) -> list[str]:
    """The commands of a block: one a line; a line that ends in a backslash goes on in the next."""
    joined = commands.replace("\\\n", " ").splitlines()
    return [line for line in joined if line.strip() and not line.lstrip().startswith("#")]


def script(page: Path, words: Mapping[str, str] = NO_WORDS) -> str:
    """The whole page as one script, with some of its words replaced."""
    text = [PRELUDE]
    for block in blocks(page):
        for line in lines(block.commands) if block.reason is None else ():
            for word, here in words.items():
                line = line.replace(word, here)  # noqa: PLW2901 (each word in turn)
            quoted = "'" + line.replace("'", "'\\''") + "'"
            text.append(f"echo {quoted}")
            text.append(f"serve {quoted}" if SERVES.search(line) else JUDGES.sub(ALLOWED, line))
    return "\n".join(text) + "\n"


def run(page: Path, folder: Path, port: int, timeout_s: float = 100.0, words: Mapping[str, str] = NO_WORDS) -> str:
    """Run the blocks of a page in a folder whose files are prepared.

    Args:
        page: of the documentation.
        folder: where the commands run.
        port: of the test's broker.
        timeout_s: of the whole page.
        words: text of the page -> what it is here.

    Returns:
        What the commands printed.

    Raises:
        AssertionError: a command failed, a service ended, or the page did not end in time.
    """
    tools = folder / ".tools"
    tools.mkdir()
    for name, body in STAND_INS.items():
        text = body.replace("PORT", str(port)).replace("PYTHON", sys.executable)
        (tools / name).write_text(f"#!/bin/bash\n{text}\n")
        (tools / name).chmod(0o755)
    (tools / "sitecustomize.py").write_text(SITE.format(port=port))
    environment = {
        **os.environ,
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(tools),
        "CHECK_EXTRAS": CHECK_EXTRAS.replace("PROJECT", repr(str(PROJECT))),
    }
    output = folder / ".output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", script(page, words)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError):  # without a service, nothing is left
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    told = output.read_text("utf-8", "replace")
    assert code == 0, f"{page}: {'did not end' if code is None else f'exit code {code}'} after\n{told}"
    return told
