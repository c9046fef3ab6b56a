"""A headless Node-RED with the flow of examples/node_red, connected to the broker of a test."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import answers, free_port, poll

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FLOW = ROOT / "examples" / "node_red" / "flow.json"
SCRIPT = ROOT / "tests" / "node_red" / "node_modules" / "node-red" / "red.js"
# No request leaves the machine: no telemetry, no catalogue of nodes.
SETTINGS = """module.exports = {
    flowFile: "flow.json", uiHost: "127.0.0.1", telemetry: { enabled: false, updateNotification: false },
    externalModules: { palette: { allowInstall: false } }, editorTheme: { tours: false },
};
"""


@dataclass
class NodeRed:
    """The process, as the test uses it."""

    port: int
    log: Path

    def text(self) -> str:
        """What it has printed, the debug nodes included."""
        return self.log.read_text()

    def press(self, node: str) -> None:
        """Press the button of an inject node, as the editor does."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/inject/{node}", method="POST")
        with urllib.request.urlopen(request, timeout=10) as response:
            assert response.status == 200


@contextmanager
def node_red(folder: Path, broker_port: int) -> Iterator[NodeRed]:
    """Node-RED with the flow; its broker is that of the test."""
    if not SCRIPT.exists():
        told = "needs Node-RED: make example-tools"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    home, log, port = folder / "node-red", folder / "node-red.log", free_port()
    home.mkdir()
    flow = json.loads(FLOW.read_text(encoding="utf-8"))
    (broker,) = (node for node in flow if node["type"] == "mqtt-broker")
    broker |= {"broker": "127.0.0.1", "port": str(broker_port)}
    (home / "flow.json").write_text(json.dumps(flow), encoding="utf-8")
    (home / "settings.js").write_text(SETTINGS, encoding="utf-8")
    command = ["node", str(SCRIPT), "--userDir", str(home), "--port", str(port)]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            poll(lambda: answers(port) and "Started flows" in log.read_text(), 60, "Node-RED starts")
            yield NodeRed(port, log)
        finally:
            process.terminate()
