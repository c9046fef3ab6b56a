"""Runs the demo: broker, agent, observer and replay in one process, each in its own thread."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.settings.input_section import InputSection
from drsn.agent.settings.loader import Configuration, bundle_path
from drsn.agent.settings.sections import AgentSection, MqttSection, Settings
from drsn.agent.tools.demo.broker import embedded_broker
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.demo.observer import Observer
from drsn.agent.tools.demo.result import DemoResult, machine_result
from drsn.agent.tools.in_process_agent import running_agent
from drsn.agent.tools.replay.player import ReplayPlan, play
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


PREFIX = "drsn/v1"
TOPIC = "plant/demo/{sensor}/frame"
SETTLE_S = 3.0
"""After the last packet: time for the last batch, its events and one more health document."""

AGENT_START_S = 20.0
REFRESH_S = 0.25


def run_demo(
    seconds: float,
    bundle: str,
    show: Callable[[Observer, float], None],
    page: Callable[[int], AbstractContextManager[str]] | None = None,
) -> DemoResult:
    """Replay the machines for so many seconds, call `show` a few times a second, and return the result.

    Args:
        seconds: of signal.
        bundle: the model.
        show: shows what has been observed.
        page: serves the page of `drsn-web` for a broker's port; yields its URL.

    Raises:
        UnavailableError: the demo's extra is not installed.
        BundleError: the bundle can't be used.
    """
    recordings = [record(machine, seconds, index) for index, machine in enumerate(DEMO_MACHINES)]
    observer = Observer(PREFIX)
    with ExitStack() as stack:
        port = stack.enter_context(embedded_broker())
        state_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drsn-demo-")))
        stack.enter_context(_connected(port, "observer", observer))
        stack.enter_context(running_agent(_configuration(port, bundle, state_dir)))
        if page is not None:
            stack.enter_context(page(port))
        player = stack.enter_context(_connected(port, "replay"))
        _await_ingest(observer)
        started_s, started_unix_s = time.monotonic(), time.time()
        stop = threading.Event()
        stack.callback(stop.set)
        replay = threading.Thread(
            target=play, args=(recordings, ReplayPlan(topic=TOPIC), player, stop), name="replay", daemon=True
        )
        replay.start()
        while replay.is_alive() or time.monotonic() < started_s + seconds + SETTLE_S:
            show(observer, time.monotonic() - started_s)
            time.sleep(REFRESH_S)
        return _result(observer, started_unix_s, seconds)


def _configuration(port: int, bundle: str, state_dir: Path) -> Configuration:
    settings = Settings(
        agent=AgentSection(id="demo", prefix=PREFIX, bundle=bundle, state_dir=state_dir, health_every_s=1.0),
        mqtt=MqttSection(url=f"mqtt://127.0.0.1:{port}", protocol="3.1.1"),
        inputs=(InputSection(topic=TOPIC, sensor="{sensor}", codec="frame"),),
    )
    return Configuration(settings=settings, sha256="0" * 64, bundle_path=bundle_path(bundle))


@contextmanager
def _connected(port: int, name: str, observer: Observer | None = None) -> Iterator[Connection]:
    connection = Connection(
        BrokerAddress("127.0.0.1", port, protocol="3.1.1"),
        ConnectionOptions(name=name, client_id=f"drsn-demo-{name}", filters=observer.filters if observer else ()),
        on_message=observer.note if observer else None,
    )
    connection.start()
    try:
        yield connection
    finally:
        connection.stop()


def _await_ingest(observer: Observer) -> None:
    """Wait until the agent is subscribed; it first checks that no other agent has its id.

    Raises:
        UnavailableError: it does not connect.
    """
    deadline_s = time.monotonic() + AGENT_START_S
    while observer.status.get("ingest") != "connected":
        if time.monotonic() > deadline_s:
            raise UnavailableError(f"the agent did not connect to the demo's own broker in {AGENT_START_S:g} s")
        time.sleep(REFRESH_S)


def _result(observer: Observer, started_unix_s: float, seconds: float) -> DemoResult:
    with observer.lock:
        health = observer.health
        return DemoResult(
            machines=tuple(
                machine_result(machine.sensor, machine.expected, observer.events, observer.alarms, started_unix_s)
                for machine in DEMO_MACHINES
            ),
            windows=health.get("windows", 0),
            packets=health.get("packets", {}),
            latency_ms=health.get("latency_ms", {}),
            inference_ms=health.get("inference_ms", {}),
            seconds=seconds,
        )
