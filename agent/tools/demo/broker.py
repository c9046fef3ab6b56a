"""An MQTT 3.1.1 broker inside this process (amqtt), on a free port of the loopback."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT_S = 10.0


def free_port() -> int:
    """A TCP port of the loopback that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def embedded_broker() -> Iterator[int]:
    """Run the broker in a thread of its own; yields its port.

    Raises:
        UnavailableError: amqtt is not installed, or did not start.
    """
    try:
        from amqtt.broker import Broker  # noqa: PLC0415 (the demo's extra alone has it)
    except ImportError:
        raise UnavailableError("the demo needs its broker: pip install 'drsn-edge[demo]'") from None
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    port, loop, started = free_port(), asyncio.new_event_loop(), threading.Event()
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }

    def serve() -> None:
        asyncio.set_event_loop(loop)
        broker = Broker(config, loop)
        loop.run_until_complete(broker.start())
        started.set()
        loop.run_forever()
        loop.run_until_complete(broker.shutdown())

    thread = threading.Thread(target=serve, name="broker", daemon=True)
    thread.start()
    if not started.wait(START_TIMEOUT_S):
        raise UnavailableError("the embedded broker did not start within ten seconds")
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_TIMEOUT_S)
