"""The page of `drsn-web` beside the demo, on a free port of the loopback."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.tools.web.server import WebPage, serving
from drsn.agent.tools.web.settings import WebConfiguration, WebSection

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def demo_page(broker_port: int) -> Iterator[str]:
    """Serve the page until the block ends, and print its URL; yields it."""
    with tempfile.TemporaryDirectory(prefix="drsn-demo-page-") as folder:
        section = WebSection(listen="127.0.0.1:0", state_dir=Path(folder))
        broker = BrokerAddress("127.0.0.1", broker_port, protocol="3.1.1")  # amqtt never answers MQTT 5
        with serving(WebPage(WebConfiguration(section, None), broker)) as url:
            sys.stderr.write(f"drsn-agent: the page of this demo: {url}\n")
            yield url
