"""What the surfaces cost the agent: the CPU time of a window with them, over that without them, in the same round.

    python benchmarks/surfaces.py              # a minute a round
    python benchmarks/surfaces.py --rounds 1

The surfaces of one agent together: `[metrics]`, read once a second, `[home_assistant]`, and a page (`drsn-web`), which
is one more subscriber of results, alarms and events. Queues of 50 sensors are drained as fast as possible (flood).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

from _report import report
from _rig import Rig, Signals, _running, cpu_s, installed_environment, packets

if TYPE_CHECKING:
    from collections.abc import Iterator

SENSORS = 50
PORT = 19464
SETTINGS = f"[metrics]\nenabled = true\nport = {PORT}\n[home_assistant]\nenabled = true\n"


@contextmanager
def scraped() -> Iterator[list[int]]:
    """Read the metrics once a second, as Prometheus would four times less often; the sizes of the answers."""
    ended, sizes = threading.Event(), list[int]()

    def read() -> None:
        while not ended.wait(1.0):
            with urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=5) as answer:
                sizes.append(len(answer.read()))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield sizes
    finally:
        ended.set()
        thread.join()


def compared(signals: Signals, windows: int) -> dict[str, float]:
    """Drain equal queues with an agent without surfaces and with one that has all of them."""
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), signals)
        with rig.broker():
            for name in ("plain", "shown"):
                rig.subscribe(name, agent=True)
            rig.publisher.send(packets(signals, SENSORS, windows))
            with rig.agent("plain") as agent:
                plain = agent.drain(windows)
            with ExitStack() as stack:
                command = [sys.executable, "-m", "drsn.agent.tools.web", "--broker", f"mqtt://127.0.0.1:{rig.port}",
                           "--listen", "127.0.0.1:19465", "--state-dir", f"{folder}/page"]  # fmt: skip
                page = stack.enter_context(_running(command, env=installed_environment()))
                time.sleep(3.0)
                agent = stack.enter_context(rig.agent("shown", more=SETTINGS))
                sizes = stack.enter_context(scraped())
                before_s, at_s = cpu_s(page.pid), time.monotonic()
                shown = agent.drain(windows)
                page_share = (cpu_s(page.pid) - before_s) / (time.monotonic() - at_s)
                assert sizes, "the metrics were read"
    return {
        "without surfaces, CPU us a window": plain.cpu_us,
        "with metrics, Home Assistant and a page, CPU us a window": shown.cpu_us,
        "CPU a window, with over without": shown.cpu_us / plain.cpu_us,
        "windows/s, with over without": shown.windows_per_s / plain.windows_per_s,
        "the page, % of a core": 100 * page_share,
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--windows", type=int, default=30_000)
    arguments = parser.parse_args()
    signals, rounds = Signals(), []
    for _ in range(arguments.rounds):
        rounds.append(compared(signals, arguments.windows))
        print(rounds[-1], file=sys.stderr)
    columns = {name: [values[name] for values in rounds] for name in rounds[0]}
    rows = [[name, statistics.median(each), min(each), max(each)] for name, each in columns.items()]
    report("surfaces", ["measure", "median", "least", "greatest"], rows)


if __name__ == "__main__":
    main()
