"""A fork server: `drsn-agent` in a process of its own for each command, without the second that its imports take.

As a program it reads a request a line, forks a child that runs the command, and answers with the child's exit code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

TIMEOUT_S = 60


@dataclass
class ForkServer:
    """Starts commands one by one; to be stopped at the end."""

    process: subprocess.Popen = field(
        default_factory=lambda: subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    )

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run `drsn-agent` to its end with the environment and the working directory of this moment."""
        with TemporaryDirectory() as folder:
            request = {"arguments": arguments, "environment": dict(os.environ), "cwd": str(Path.cwd()), "out": folder}
            self.process.stdin.write(f"{json.dumps(request)}\n")
            self.process.stdin.flush()
            code = int(self.process.stdout.readline())
            out, err = (Path(folder, name).read_text(encoding="utf-8") for name in ("out", "err"))
        return subprocess.CompletedProcess(["drsn-agent", *arguments], code, out, err)

    def stop(self) -> None:
        self.process.communicate(timeout=TIMEOUT_S)


def serve() -> None:
    from drsn.agent.__main__ import main  # what takes the second

    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
            sys.exit(main())
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(arguments: list[str], environment: dict[str, str], cwd: str, out: str) -> None:
    """Be as a process that was started by itself; one that hangs is killed (code -14)."""
    signal.alarm(TIMEOUT_S)
    sys.argv = ["drsn-agent", *arguments]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    written = os.O_WRONLY | os.O_CREAT
    for number, (path, flags) in enumerate(
        [(os.devnull, os.O_RDONLY), (f"{out}/out", written), (f"{out}/err", written)]
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)


if __name__ == "__main__":
    del sys.path[0]  # the tests' own modules are none of the command's
    serve()
