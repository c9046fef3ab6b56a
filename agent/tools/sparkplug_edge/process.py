"""The process of `drsn-sparkplug`: makes its parts, and runs them until it is terminated."""

from __future__ import annotations

import signal
import threading
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from drsn.agent.mqtt.connection import Connection
from drsn.agent.observability import logs
from drsn.agent.service import systemd
from drsn.agent.settings.credentials import disable_core_dumps
from drsn.agent.tools.live.subscriber import Subscriber
from drsn.agent.tools.sparkplug_edge.bridge import Bridge
from drsn.agent.tools.sparkplug_edge.edge_node import SparkplugNode
from drsn.agent.tools.sparkplug_edge.edge_sessions import EdgeSessions, options_of
from drsn.agent.tools.sparkplug_edge.host_state import PrimaryHost
from drsn.agent.tools.sparkplug_edge.session_number import SessionNumber
from drsn.agent.tools.sparkplug_edge.settings import address_of, load_bridge
from drsn.agent.tools.sparkplug_edge.topics import EdgeTopics
from drsn.model.errors import StorageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from drsn.agent.tools.sparkplug_edge.settings import BridgeSettings

BD_SEQ_FILE = "bdseq"
MAX_BY_CHARS = 64
"""Limit of the agent's commands."""


def run(arguments: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: the file of settings, a login or a certificate is wrong.
        UsageError: an option is wrong or missing.
        StorageError: the state directory cannot be made.
        UnavailableError: another bridge has the same group and node.
    """
    settings = load_bridge(arguments)
    disable_core_dumps()  # the memory has passwords
    logs.configure(settings.sparkplug.log_level)
    ended = threading.Event()
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        serve(settings, ended.is_set)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(settings: BridgeSettings, ended: Callable[[], bool]) -> None:
    """Run until `ended` returns true; raises as `run`."""
    edge = settings.sparkplug
    topics, host = EdgeTopics(edge.group, edge.node), _host(edge.primary_host)
    agents = address_of(settings.mqtt, "mqtt")
    hosts = agents if settings.sparkplug_mqtt is None else address_of(settings.sparkplug_mqtt, "sparkplug_mqtt")
    try:
        edge.state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"state directory {edge.state_dir}: {error.strerror}; give another --state-dir") from None
    sessions = EdgeSessions(SessionNumber(edge.state_dir / BD_SEQ_FILE), topics)
    node = SparkplugNode(topics, version("drsn-edge"), edge.measured_every_s)
    subscriber = Subscriber(agents, edge.prefix, (edge.primary_host or "sparkplug")[:MAX_BY_CHARS], results=True)
    bridge = Bridge(topics, node, subscriber, host)
    filters = () if host is None else (host.topic, host.plain_topic)
    connection = Connection(hosts, options_of(topics, filters), on_message=bridge.inbox.put, open_session=sessions.open)
    subscriber.start()
    connection.start()
    systemd.notify("READY=1")
    try:
        _turn(bridge, connection, sessions, ended)
    finally:
        systemd.notify("STOPPING=1")
        bridge.stop(connection, sessions)
        connection.stop(with_will=connection.protocol == "5")  # as EdgeSessions.leave
        subscriber.stop()


def _turn(bridge: Bridge, connection: Connection, sessions: EdgeSessions, ended: Callable[[], bool]) -> None:
    interval_s, fed_s = systemd.watchdog_interval_s(), 0.0
    while not ended():
        bridge.turn(connection, sessions, time.monotonic())
        if interval_s is not None and time.monotonic() - fed_s >= interval_s:
            fed_s = time.monotonic()
            systemd.notify("WATCHDOG=1")


def _host(name: str | None) -> PrimaryHost | None:
    return None if name is None else PrimaryHost(name)
