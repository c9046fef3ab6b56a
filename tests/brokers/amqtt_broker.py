"""amqtt on a port for MQTT and one for WebSockets: python amqtt_broker.py PORT WEBSOCKET_PORT."""

from __future__ import annotations

import asyncio
import sys

from amqtt.broker import Broker


async def serve(port: int, websocket_port: int) -> None:
    broker = Broker(
        {
            "listeners": {
                "default": {"type": "tcp", "bind": f"127.0.0.1:{port}"},
                "websocket": {"type": "ws", "bind": f"127.0.0.1:{websocket_port}"},
            },
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    await asyncio.Event().wait()


asyncio.run(serve(*map(int, sys.argv[1:])))
