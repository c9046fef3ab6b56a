"""The life of the bridge: server, connection to the broker, turns, end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from drsn.agent.observability.logs import fields
from drsn.agent.service.systemd import notify
from drsn.agent.tools.live.subscriber import Subscriber
from drsn.agent.tools.opcua.address_space import AddressSpace
from drsn.agent.tools.opcua.bridge import Bridge
from drsn.agent.tools.opcua.condition_table import ConditionTable
from drsn.agent.tools.opcua.methods import ConditionMethods
from drsn.agent.tools.opcua.server import listen, make_server
from drsn.agent.tools.opcua.values import standard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.tools.opcua.settings import BridgeConfiguration

log = logging.getLogger(__name__)


async def check(configuration: BridgeConfiguration, _: Sequence[int]) -> None:
    """Make the server, and end."""
    await make_server(configuration.opcua, configuration.login)


async def run(configuration: BridgeConfiguration, signals: Sequence[int]) -> None:
    """Serve until one of the signals comes.

    Raises:
        ConfigurationError: a certificate can't be used.
        UnavailableError: the address is in use.
    """
    section, ended = configuration.opcua, asyncio.Event()
    for number in signals:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await make_server(section, configuration.login)
    nodes = AddressSpace(server, section.max_sensors)
    await nodes.create_root()
    subscriber = Subscriber(configuration.broker, section.prefix, "opcua", results=True)
    bridge = Bridge(subscriber, server, nodes, ConditionTable(section.max_conditions))
    for name, method in ConditionMethods(bridge, read_only=section.read_only).table().items():
        server.iserver.isession.add_method_callback(standard(name), method).check()
    await listen(server, section.url)
    subscriber.start()
    log.info("OPC UA server listens", extra=fields(url=section.url, broker=subscriber.where, prefix=section.prefix))
    notify("READY=1")
    try:
        while not ended.is_set():
            await bridge.turn()
            notify("WATCHDOG=1")
    finally:
        subscriber.stop()
        await server.stop()
    log.info("OPC UA server stopped")
