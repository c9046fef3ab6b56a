"""Fixtures of real servers and real processes: mosquitto on a free port, agents as the service starts them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fork_server import ForkServer

from drsn.agent.bundles import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SYNTHETIC = shipped("synthetic")
PASSWORD = "not a secret here"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
"""Of `openssl req`: a key without a passphrase, made at once; one of RSA takes up to seconds."""
INGEST = "event=connected connection=ingest"


def free_port() -> int:
    """A port below those that Linux gives to outgoing connections (from 32,768), drawn at random.

    So it stays free for a broker that is stopped and started again, also while other tests run beside this one.
    """
    draw = random.SystemRandom()  # of which no property test sets the seed
    while True:
        with socket.socket() as probe, suppress(OSError):
            port = draw.randrange(20_000, 32_000)
            probe.bind(("127.0.0.1", port))
            return port


def answers(port: int) -> bool:
    """Whether a server listens on a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def poll(condition: Callable[[], object], timeout_s: float = 20.0, what: str = "") -> object:
    """Poll until the condition is truthy; fail with `what` when it never is."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if value := condition():
            return value
        time.sleep(0.05)
    pytest.fail(f"not within {timeout_s} s: {what or condition}")


@dataclass
class Broker:
    """A broker that can be stopped and started again on its port, and how a stranger uses it."""

    directory: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def publish(self, topic: str, payload: bytes, *options: str) -> None:
        """As a stranger would: with mosquitto_pub."""
        content = "-s" if payload else "-n"  # from stdin, or empty
        command = ["mosquitto_pub", "-p", str(self.port), "-t", topic, "-q", "1", content, *options]
        subprocess.run(command, input=payload, check=True, timeout=20)

    def retained(self, topic: str, count: int, timeout_s: int = 5) -> dict[str, dict]:
        """What a subscriber that comes late finds: topic -> document."""
        command = ["mosquitto_sub", "-p", str(self.port), "-t", topic, "-C", str(count), "-W", str(timeout_s)]
        done = subprocess.run(
            [*command, "-F", "%t %p"], capture_output=True, text=True, timeout=timeout_s + 20, check=False
        )
        pairs = (line.split(" ", 1) for line in done.stdout.splitlines())
        return {name: json.loads(text) for name, text in pairs}

    def health(self) -> dict:
        """The tester agent's latest health document."""
        return self.one("drsn/v1/_agent/tester/health", timeout_s=2)

    def one(self, topic: str, timeout_s: int = 5) -> dict:
        """The retained document of one topic, {} when there is none."""
        return next(iter(self.retained(topic, 1, timeout_s).values()), {})

    def _answers(self) -> bool:
        return answers(self.port)


@dataclass
class Mosquitto(Broker):
    """mosquitto, with what `extra` adds to its configuration."""

    extra: str = ""

    def start(self) -> None:
        config = self.directory / "mosquitto.conf"
        anonymous = "" if "allow_anonymous" in self.extra else "allow_anonymous true\n"
        config.write_text(
            f"listener {self.port} 127.0.0.1\n{anonymous}max_queued_messages 20000\n"
            f"log_type subscribe\nlog_type error\n{self.extra}"
        )
        binary = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        with (self.directory / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([binary, "-c", str(config)], stdout=log, stderr=log)
        poll(self._answers, what="mosquitto listens")

    def add_websocket(self, more: str = "") -> int:
        """Listen on one more port, for WebSockets; start again. Returns the port.

        Args:
            more: lines of that listener, for example its certificate.
        """
        port = free_port()
        self.stop()
        # By the interface's name: mosquitto 2.0.11 opens no WebSocket on an address where IPv6 is off.
        self.extra += f"listener {port} lo\nprotocol websockets\n{more}"
        self.start()
        poll(lambda: answers(port), what="mosquitto listens for WebSockets")
        return port

    def listen(self, topic: str) -> Listener:
        """Subscribe now and hear everything from now on."""
        output = self.directory / "heard"
        command = ["mosquitto_sub", "-p", str(self.port), "-t", topic, "-q", "1"]
        seen = self._log().count(topic)
        with output.open("w") as stream:
            process = subprocess.Popen(command, stdout=stream)
        poll(lambda: self._log().count(topic) > seen, what="mosquitto_sub listens")
        return Listener(process, output)

    def _log(self) -> str:
        return (self.directory / "mosquitto.log").read_text()


@dataclass
class Listener:
    """A `mosquitto_sub` that listens all along."""

    process: subprocess.Popen
    output: Path

    def lines(self) -> list[str]:
        """What it has heard; ends it."""
        self.process.terminate()
        self.process.wait(10)
        return self.output.read_text().splitlines()


@pytest.fixture
def wait_until() -> Callable[..., object]:
    """`wait_until(condition, timeout_s, what)`: the value of the condition as soon as it is truthy."""
    return poll


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running broker."""
    require("mosquitto", "mosquitto_sub")
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def require(*programs: str) -> None:
    """Skip on a laptop without them; in CI they must be there."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [name for name in programs if shutil.which(name, path=path) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must have {missing}")
    if missing:
        pytest.skip(f"needs {missing}: apt-get install mosquitto mosquitto-clients")


@dataclass
class Agent:
    """A real `drsn-agent run` process."""

    config: Path
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen | None = None
    inside: tuple[str, ...] = ()
    """What its command begins with."""

    def launch(self, *options: str) -> None:
        """Start it, and do not wait."""
        command = [*self.inside, sys.executable, "-m", "drsn.agent", "run", "--config", str(self.config), *options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, env=self.environment)

    def start(self, *options: str) -> None:
        seen = {word: self.log.read_text().count(word) for word in ("event=ready", INGEST)}
        self.launch(*options)
        poll(
            lambda: self.text().count("event=ready") > seen["event=ready"] or self.process.poll() is not None,
            60,  # on a machine that does something else
            what="ready",
        )
        assert self.process.poll() is None, self.text()
        # It is ready before it is connected: it first looks whether its name is free. Some tests have no broker.
        deadline_s = time.monotonic() + 2
        while time.monotonic() < deadline_s and self.text().count(INGEST) == seen[INGEST]:
            time.sleep(0.05)
        time.sleep(0.1)  # the subscription is on its way

    def text(self) -> str:
        return self.log.read_text()

    def end(self) -> None:
        """Whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    """Make agents that are gone at the end."""
    with ExitStack() as stack:

        def make(url: str, bundle: str | Path = SYNTHETIC, more: str = "") -> Agent:
            config = tmp_path / "agent.toml"
            config.write_text(
                f"""
                [agent]
                id = "tester"
                bundle = "{bundle}"
                state_dir = "{tmp_path / "state"}"
                health_every_s = 1
                [mqtt]
                url = "{url}"
                [[inputs]]
                topic = "plant/{{area}}/{{point}}/frame"
                sensor = "{{point}}"
                codec = "frame"
                [[inputs]]
                topic = "plant/{{area}}/{{point}}/raw"
                sensor = "{{point}}"
                codec = "raw"
                sample_rate_hz = 12000
                [[inputs]]
                topic = "plant/{{area}}/{{point}}/json"
                sensor = "{{point}}"
                codec = "json"
                {more}
                """
            )
            log = tmp_path / "agent.log"
            log.touch()
            agent = Agent(config, log, dict(os.environ))
            stack.callback(agent.end)
            return agent

        yield make


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.stop()


@pytest.fixture
def run_agent(fork_server: ForkServer) -> Callable[..., subprocess.CompletedProcess]:
    """Run `drsn-agent` to its end."""
    return fork_server.run


@pytest.fixture
def data_dir() -> Path:
    """The folder of real recordings; skips where nobody has it, fails in CI."""
    path = os.environ.get("DRSN_DATA_DIR")
    if path and (Path(path) / "cwru").is_dir():
        return Path(path)
    if os.environ.get("CI"):
        pytest.fail("CI must set DRSN_DATA_DIR to a folder that holds cwru/")
    pytest.skip("set DRSN_DATA_DIR to a folder that holds cwru/ (docs/contribute/data.md)")


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A certification authority, `ca.pem`, and a server at 127.0.0.1 that it vouches for."""
    require("openssl", "mosquitto_passwd")
    openssl(tmp_path, "req", "-x509", *NEW_KEY, "-days", "400", "-subj", "/CN=test CA",
            "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
    openssl(tmp_path, "req", *NEW_KEY, "-subj", "/CN=broker",
            "-keyout", "server.key", "-out", "server.csr")  # fmt: skip
    (tmp_path / "ext").write_text("subjectAltName = IP:127.0.0.1\n")
    openssl(tmp_path, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "400", "-extfile", "ext", "-out", "server.pem")  # fmt: skip
    subprocess.run(["mosquitto_passwd", "-b", "-c", "passwords", "agent", PASSWORD], cwd=tmp_path, check=True)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return tmp_path


@pytest.fixture
def encrypted(mosquitto, certificates: Path):
    """The broker, encrypted."""
    mosquitto.stop()
    mosquitto.extra = (
        f"allow_anonymous false\npassword_file {certificates}/passwords\ncafile {certificates}/ca.pem\n"
        f"certfile {certificates}/server.pem\nkeyfile {certificates}/server.key\nuser root\n"
    )
    mosquitto.start()
    return mosquitto
