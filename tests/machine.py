"""A small Debian or Ubuntu with a real systemd, booted in a container: what the tests of the service run on.

Its root file system is built once and cached outside the tree. Each session boots it under a layer of memory, which is
gone at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPOSITORY = Path(__file__).parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drsn-edge"
"""`make clean` removes it."""


@dataclass(frozen=True)
class Release:
    """What the machine is made of."""

    name: str
    python: str
    mirror: str
    components: str
    script: str
    """Of debootstrap; an older one knows its file for a newer release by the family alone."""


UBUNTU = "http://archive.ubuntu.com/ubuntu"
RELEASES = {
    release.name: release
    for release in (
        Release("bookworm", "3.11", "http://deb.debian.org/debian", "main", "sid"),  # systemd 252
        Release("jammy", "3.10", UBUNTU, "main,universe", "gutsy"),  # 249: what JetPack 6 is made of
        Release("noble", "3.12", UBUNTU, "main,universe", "gutsy"),  # 255: JetPack 7
    )
}
PACKAGES = "systemd,systemd-sysv,dbus,procps,sudo,python3-venv,mosquitto,mosquitto-clients"
PROGRAMS = ("debootstrap", "systemd-nspawn", "nsenter", "unshare", "git")
CLONE = "/srv/drsn-edge"
BOOTED = "systemctl is-system-running --wait"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


def require_container() -> None:
    """Skip where no container can be booted; in CI it must be."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if os.geteuid() != 0:
        missing.append("root")
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must have {missing}")
    if missing:
        pytest.skip(f"needs {missing}: sudo apt-get install debootstrap systemd-container, and sudo make system")


def _wheels() -> list[str]:
    """What pip needs to install the package without a network: its dependencies and what builds it."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"], "wheel"]
    return [each.partition(";")[0] for each in wanted]  # pip would hold a marker against the Python that runs it here


def built_root() -> Path:
    """The cached root file system of $DRSN_SYSTEM_RELEASE; built when it is not there, which takes minutes."""
    release = RELEASES[os.environ.get("DRSN_SYSTEM_RELEASE") or "bookworm"]
    recipe = json.dumps([*astuple(release), PACKAGES, _wheels()])
    root = CACHE / f"{release.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    if root.exists():
        return root
    for stale in CACHE.glob(f"{release.name}-*"):  # an earlier one, and one that was cut off
        shutil.rmtree(stale)
    draft = CACHE / f"{release.name}-draft"
    draft.mkdir(parents=True)
    _call("debootstrap", "--variant=minbase", f"--components={release.components}", f"--include={PACKAGES}",
          release.name, draft, release.mirror, f"/usr/share/debootstrap/scripts/{release.script}")  # fmt: skip
    _call(sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:", "--python-version", release.python,
          "-d", draft / "wheels", *_wheels())  # fmt: skip
    (draft / "etc" / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n", encoding="utf-8")
    _call("chroot", draft, "systemctl", "disable", "mosquitto")  # the tests say when there is a broker
    (draft / "etc" / "machine-id").write_text("", encoding="utf-8")
    draft.rename(root)
    return root


def _call(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def _child(process: str) -> str:
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    return children[0] if len(children) == 1 else ""


def copy_sources(to: Path) -> None:
    """What a clone holds, uncommitted work included."""
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, to / name)


START = r"""
mount -t tmpfs tmpfs "$2" && mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
while :; do
    systemd-nspawn --quiet --register=no --keep-unit --private-network --directory "$2/root" --boot && code=0 || code=$?
    [ "$code" = 133 ] || exit "$code"
done
"""
"""In a mount namespace of its own, so that no trace is left: the cached root, and memory over it. 133 is a reboot."""


@dataclass
class Machine:
    """A booted container, with a network of its own that leads nowhere. Switched off, it forgets everything."""

    root: Path
    """Its root file system, which is only read."""
    folder: Path
    """An empty one."""
    process: subprocess.Popen | None = None

    def boot(self) -> None:
        """Power on, and wait until systemd has started what it is to start."""
        (self.folder / "machine").mkdir()
        command = ["unshare", "--mount", "bash", "-euc", START, "machine", str(self.root), str(self.folder / "machine")]
        with self._console.open("wb") as console:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )
        self._wait_for_boot("")

    def reboot(self) -> None:
        """In order; the disk stays."""
        before = self.leader
        self.run("systemctl reboot", check=False)
        self._wait_for_boot(before)

    def power_off(self) -> None:
        """In order, else at once."""
        self.run("systemctl poweroff", check=False)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)

    def _wait_for_boot(self, before: str, timeout_s: float = 240.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            assert self.process.poll() is None, self._console.read_text(errors="replace")
            if self.leader not in ("", before) and "running" in self.run(BOOTED, check=False).stdout:
                return
            time.sleep(0.5)
        pytest.fail(f"no boot within {timeout_s} s: {self._console.read_text(errors='replace')[-3000:]}")

    @property
    def _console(self) -> Path:
        return self.folder / "console"

    @property
    def leader(self) -> str:
        """Process id of its init, as seen from here; empty while there is none."""
        try:
            return _child(_child(str(self.process.pid)))  # of the shell, nspawn; of nspawn, init
        except OSError:
            return ""

    @property
    def files(self) -> Path:
        """Its file system, to write to from here."""
        return Path(f"/proc/{self.leader}/root")

    def run(self, script: str, *, check: bool = True, timeout_s: float = 300.0) -> subprocess.CompletedProcess:
        """Run a shell script in it, as root, in the clone."""
        inside = ["nsenter", "--target", self.leader, "--mount", "--uts", "--ipc", "--net", "--pid"]
        shell = ["bash", "-euc", f"cd {CLONE} 2>/dev/null || cd /\n{script}"]
        done = subprocess.run(
            [*inside, *shell], capture_output=True, text=True, env=ENVIRONMENT, timeout=timeout_s, check=False
        )
        assert done.returncode == 0 or not check, f"{script}: {done.stdout}{done.stderr}"
        return done

    def write(self, path: str, text: str) -> None:
        """Put a file there."""
        place = self.files / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Service:
    """One instance of the agent's unit on a machine."""

    machine: Machine
    instance: str

    @property
    def unit(self) -> str:
        return f"drsn-agent@{self.instance}.service"

    @property
    def config(self) -> str:
        return f"/etc/drsn/{self.instance}.toml"

    def configure(self, text: str) -> None:
        """Write its settings."""
        self.machine.write(self.config, text)

    def drop_in(self, lines: Iterable[str]) -> None:
        """Override settings of its unit, of this instance alone."""
        text = "\n".join(["[Service]", *lines, ""])
        self.machine.write(f"/etc/systemd/system/{self.unit}.d/90-test.conf", text)
        self.machine.run("systemctl daemon-reload")

    def systemctl(self, verb: str, *, check: bool = True) -> subprocess.CompletedProcess:
        done = self.machine.run(f"systemctl {verb} {self.unit}", check=False)
        assert done.returncode == 0 or not check, self.journal()
        return done

    def show(self, name: str) -> str:
        """A property of the unit."""
        return self.machine.run(f"systemctl show --value -p {name} {self.unit}").stdout.strip()

    @property
    def main_pid(self) -> int:
        return int(self.show("MainPID"))

    @property
    def active(self) -> bool:
        return self.show("ActiveState") == "active"

    def journal(self) -> str:
        """All that it and systemd said of it."""
        return self.machine.run(f"journalctl -u {self.unit} -o cat --no-pager").stdout
