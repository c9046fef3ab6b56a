"""What the page costs: CPU time of its process as a share of one core, with the five machines of the demo.

    python benchmarks/page.py              # 60 s each
    python benchmarks/page.py --seconds 20

The machines are replayed in real time (6 windows a second each) to an agent; the page follows it on mosquitto. Three
states of the page: no browser; one browser that follows all changes; and the agent alone, without a page at the broker.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from _report import report
from _rig import cpu_s

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW, RATE_HZ = 2048, 12_000.0
CONFIGURATION = """
[agent]
id = "bench"
bundle = "shipped:synthetic"
state_dir = "{folder}/state"
[mqtt]
url = "mqtt://127.0.0.1:{port}"
[[inputs]]
topic = "plant/demo/{{sensor}}/frame"
sensor = "{{sensor}}"
codec = "frame"
"""


def free_port() -> int:
    """A TCP port of the loopback that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def replayed(port: int) -> Iterator[None]:
    """Send the windows of all machines in real time, over and over, as one publisher."""
    payloads = []
    for index, machine in enumerate(DEMO_MACHINES):
        samples = record(machine, 20.0, index).samples
        parts = [samples[:, at : at + WINDOW] for at in range(0, samples.shape[1] - WINDOW + 1, WINDOW)]
        payloads.append((f"plant/demo/{machine.sensor}/frame", parts, machine.model.rpm))
    connection = Connection(BrokerAddress("127.0.0.1", port), ConnectionOptions(name="bench", client_id="bench"))
    connection.start()
    ended = threading.Event()

    def play() -> None:
        begun_s = time.monotonic()
        for number in itertools.count():
            if ended.wait(max(0.0, begun_s + number * WINDOW / RATE_HZ - time.monotonic())):
                return
            for topic, parts, rpm in payloads:
                part = parts[number % len(parts)]
                packet = Packet(part, sample_rate_hz=RATE_HZ, seq=number, boot_id=1, rpm=rpm, t0_unix_ns=time.time_ns())
                connection.publish(topic, frame.encode(packet), qos=1)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        connection.stop()


@contextmanager
def followed(port: int) -> Iterator[list[int]]:
    """One browser that reads the stream; the sizes of what it gets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/api/stream")
    sock, response = connection.sock, connection.getresponse()
    sizes: list[int] = []

    def read() -> None:
        try:
            sizes.extend(len(line) for line in response)
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield sizes
    finally:
        sock.shutdown(socket.SHUT_RDWR)
        thread.join()
        response.close()
        sock.close()


def share(pid: int, seconds: float) -> float:
    """CPU time of a process for so long, in % of one core."""
    before_s, at_s = cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_s(pid) - before_s) / (time.monotonic() - at_s)


def measured(seconds: float) -> dict[str, float]:
    """All states, one after the other, on one broker."""
    with ExitStack() as stack:
        folder, port, page_port = stack.enter_context(tempfile.TemporaryDirectory()), free_port(), free_port()
        stack.enter_context(running("mosquitto", "-p", str(port)))
        (Path(folder) / "agent.toml").write_text(CONFIGURATION.format(folder=folder, port=port), encoding="utf-8")
        module = (sys.executable, "-m")
        agent = stack.enter_context(running(*module, "drsn.agent", "run", "--config", f"{folder}/agent.toml"))
        stack.enter_context(replayed(port))
        time.sleep(10.0)
        alone = share(agent.pid, seconds)
        page = stack.enter_context(
            running(*module, "drsn.agent.tools.web", "--broker", f"mqtt://127.0.0.1:{port}", "--listen",
                    f"127.0.0.1:{page_port}", "--state-dir", f"{folder}/page")
        )  # fmt: skip
        time.sleep(10.0)
        before_s, at_s = cpu_s(page.pid), time.monotonic()
        with_page = share(agent.pid, seconds)
        idle = 100 * (cpu_s(page.pid) - before_s) / (time.monotonic() - at_s)
        with followed(page_port) as sizes:
            open_page = share(page.pid, seconds)
        status = Path(f"/proc/{page.pid}/status").read_text(encoding="utf-8")
        memory_mb = int(status.partition("VmRSS:")[2].split()[0]) / 1000
        return {
            "page without a browser, % of a core": idle,
            "page with one browser, % of a core": open_page,
            "page, resident memory, MB": memory_mb,
            "stream to one browser, kB/s": sum(sizes) / seconds / 1000,
            "agent without a page, % of a core": alone,
            "agent with a page, % of a core": with_page,
        }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    found = measured(parser.parse_args().seconds)
    print(json.dumps(found), file=sys.stderr)
    report("page", ["measure", "value"], [[name, value] for name, value in found.items()])


if __name__ == "__main__":
    main()
