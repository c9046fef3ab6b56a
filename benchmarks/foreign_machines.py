"""What the agent finds on machines that no training saw: real recordings, through a real broker to a real agent.

    python benchmarks/foreign_machines.py --rig self_built                 # for development
    python benchmarks/foreign_machines.py --plan configs/benchmark/foreign.toml

Each recording is one machine, played once at its own sample rate. The settings are the defaults; with geometry, each
sensor has its bearing and its packets carry the speed. A machine is found if a fault of the machine was raised. It is
named by the condition that stands at the end, or else was raised last: rightly, wrongly, or as a parent condition such
as `bearing`, which names no race.

`--plan` measures the look-once rigs that the plan names and writes each look to results/foreign_machines.json with the
commit; the plan must be committed. Thresholds and options were chosen on simulation and `self_built` alone.

Needs mosquitto and DRSN_DATA_DIR; DRSN_MFPT_DIR for `mfpt`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import paho.mqtt.client as mqtt
from _report import RESULTS, machine, show
from _rigs import BEARING, condition_of, cwru_recordings, hit_sm_as_recorded, mfpt

from accuracy.ledger import committed
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import shipped
from drsn.agent.tools.replay.player import ReplayPlan, frames
from drsn.model.bundle import Bundle, open_bundle
from drsn.model.conditioning import Conditioner, native_window
from drsn.model.contract import NORMAL
from drsn.model.errors import EXIT_OK, run_command
from drsn.model.noise import Noise, add_noise
from drsn.model.toml_file import read_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract
    from drsn.model.data.recording import Recording

OURS = ("unknown", "sensor_fault", "silent", "changed", "vibration_level")
"""Conditions that are no fault that the model names."""

AVERAGED = 8
"""Windows whose log-odds are averaged for the AUROC, as many as the default quorum looks at."""

CONFIG = """
[agent]
id = "foreign"
bundle = "{bundle}"
state_dir = "{state}"
results_per_s = 0
health_every_s = 1
log_level = "error"
max_age_s = 0
[mqtt]
url = "mqtt://127.0.0.1:{port}"
[alarms]
silent_after_s = 0
[[inputs]]
topic = "plant/replay/{{sensor}}/frame"
sensor = "{{sensor}}"
{sensors}
"""


@dataclass(frozen=True)
class Machine:
    """One recording of one machine."""

    recording: Recording
    condition: str
    bearing: str
    """As the settings take it."""


def _machines(rig: str, recordings: Iterable[Recording]) -> Iterator[Machine]:
    return (Machine(it, condition_of(it.label), BEARING[rig]) for it in recordings)


RIGS: dict[str, Callable[[], Iterator[Machine]]] = {
    "self_built": lambda: _machines("self_built", hit_sm_as_recorded("self_built")),
    "spectraquest": lambda: _machines("spectraquest", hit_sm_as_recorded("spectraquest")),
    "mfpt": lambda: _machines("mfpt", mfpt()),
    "cwru": lambda: _machines("cwru", cwru_recordings()),
}


@dataclass
class Watched:
    """What an agent published."""

    raised: dict[str, list[str]] = field(default_factory=dict)
    """Sensor -> conditions in the order in which they were raised."""
    standing: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Sensor -> its latest alarm document."""
    processed: int = 0
    ready: threading.Event = field(default_factory=threading.Event)

    def note(self, message: mqtt.MQTTMessage) -> None:
        """Take over one document."""
        document = json.loads(message.payload) if message.payload else {}
        level = message.topic.split("/")[-1]
        if level == "status" and document.get("ingest") == "connected":
            self.ready.set()
        elif level == "health":
            self.processed = document["packets"]["processed"]
        elif level == "event" and document["active"]:
            self.raised.setdefault(document["sensor"], []).append(document["condition"])
        elif level == "alarm":
            self.standing[document["sensor"]] = document


def played(machines: Sequence[Machine], bundle: str, snr_db: float | None, *, geometry: bool) -> Watched:
    """Play machines to a new agent, and return what it published."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        return _played(Path(folder), port, machines, bundle, snr_db, geometry=geometry)


def _played(
    folder: Path, port: int, machines: Sequence[Machine], bundle: str, snr_db: float | None, *, geometry: bool
) -> Watched:
    plan, watched = ReplayPlan(samples_per_packet=4096, speed=0, snr_db=snr_db), Watched()
    sensors = "".join(
        f'[[sensors]]\nmatch = "{it.recording.name}"\nbearing = "{it.bearing}"\n' for it in machines if geometry
    )
    config = folder / "agent.toml"
    config.write_text(CONFIG.format(bundle=bundle, state=folder / "state", port=port, sensors=sensors))
    (folder / "broker.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    mosquitto = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") or sys.exit("needs mosquitto")
    commands = (
        [mosquitto, "-c", str(folder / "broker.conf")],
        [sys.executable, "-m", "drsn.agent", "run", "--config", str(config)],
    )
    running = []
    try:
        running.append(subprocess.Popen(commands[0], stderr=subprocess.DEVNULL))
        client = _client(port, watched)
        running.append(subprocess.Popen(commands[1]))
        if not watched.ready.wait(60):
            sys.exit("the agent does not come up")
        recordings = [it.recording for it in machines]
        sent = 0
        for frame in frames(recordings, plan, time.time_ns()):
            client.publish(frame.topic, frame.payload, qos=1)
            sent += 1
            while sent - watched.processed > 2000:
                time.sleep(0.05)
        deadline_s = time.monotonic() + 120
        while watched.processed < sent and time.monotonic() < deadline_s:
            time.sleep(0.1)
        time.sleep(1.5)  # the events of the last windows
        client.loop_stop()
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(20)
    return watched


def _client(port: int, watched: Watched) -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe([("drsn/v1/#", 1)])
    client.on_message = lambda _client, _data, message: watched.note(message)
    for _ in range(100):
        try:
            client.connect("127.0.0.1", port)
            break
        except OSError:
            time.sleep(0.1)
    client.loop_start()
    return client


def row_of(machines: Sequence[Machine], watched: Watched, parents: Sequence[str]) -> dict[str, Any]:
    """Count machines found, named right, wrong or by a parent condition, falsely alarmed, and `unknown`."""
    counts = dict.fromkeys(("faulty", "found", "right", "named_wrong", "parent", "healthy", "false", "unknown"), 0)
    wrong = []
    for it in machines:
        name = it.recording.name
        raised = [condition for condition in watched.raised.get(name, []) if condition not in OURS]
        active = {each["condition"] for each in watched.standing.get(name, {}).get("conditions", ()) if each["active"]}
        standing = [condition for condition in raised if condition in active]
        named = (standing or raised)[-1:]
        healthy = it.condition == NORMAL
        counts["healthy" if healthy else "faulty"] += 1
        counts["false" if healthy else "found"] += bool(raised)
        counts["right"] += named == [it.condition]
        counts["parent"] += not healthy and bool(named) and named[0] in parents
        counts["named_wrong"] += not healthy and bool(named) and named[0] not in (it.condition, *parents)
        counts["unknown"] += "unknown" in watched.raised.get(name, [])
        if healthy == bool(raised) or (raised and named != [it.condition]):
            wrong.append({"machine": name, "is": it.condition, "raised": raised})
    return {**counts, "wrong": wrong}


def opened_bundle(bundle: str) -> Bundle:
    """A bundle as `agent.bundle` names it."""
    return open_bundle(shipped(bundle.partition(":")[2]) if bundle.startswith("shipped:") else Path(bundle))


def conditioned(
    recording: Recording, contract: ModelContract, snr_db: float | None, noise: Noise, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The windows of a recording as the agent gives them to the network: float32[windows, 1, window]."""
    native = native_window(contract.window, recording.sample_rate_hz, contract.sample_rate_hz)
    count = recording.n_samples // native
    frames_ = recording.samples[:, : count * native].reshape(1, count, native).transpose(1, 0, 2)
    frames_ = frames_ if snr_db is None else add_noise(frames_, snr_db, noise, rng)
    x = np.empty((count, 1, contract.window), np.float32)
    Conditioner(contract.window, contract.sample_rate_hz, contract.bandwidth_hz, recording.sample_rate_hz)(frames_, x)
    return x


def auroc(machines: Sequence[Machine], bundle: str, snr_db: float | None) -> float:
    """The area under the curve of the network's log-odds of any fault, averaged over eight windows."""
    opened = opened_bundle(bundle)
    contract, rng = opened.contract, np.random.default_rng(0)
    backend = OnnxBackend(opened.read("model.onnx"), contract, 4096)
    healthy = np.array([label.healthy for label in contract.labels])
    parts: dict[bool, list[float]] = {True: [], False: []}
    for it in machines:
        x = conditioned(it.recording, contract, snr_db, Noise.GAUSSIAN, rng)
        p = backend.infer(x).probabilities[:, healthy].sum(axis=1).clip(1e-9, 1 - 1e-9)
        odds, size = np.log((1 - p) / p), min(AVERAGED, len(x))
        parts[it.condition == NORMAL] += np.convolve(odds, np.full(size, 1 / size), "valid").tolist()
    well, ill = np.array(parts[True]), np.array(parts[False])
    return float((ill[:, None] > well).mean() + 0.5 * (ill[:, None] == well).mean())


def measured(rig: str, bundle: str, levels_db: Sequence[float | None]) -> list[dict[str, Any]]:
    """Measure one rig, with and without geometry."""
    machines, rows, parents = list(RIGS[rig]()), [], opened_bundle(bundle).contract.parents
    for snr_db in levels_db:
        area = auroc(machines, bundle, snr_db)
        for geometry in (False, True):
            row = row_of(machines, played(machines, bundle, snr_db, geometry=geometry), parents)
            rows.append({"rig": rig, "bundle": bundle, "snr_db": snr_db, "geometry": geometry, "auroc": area, **row})
    return rows


def printed(rows: Sequence[dict[str, Any]]) -> None:
    """Print a table, and the machines that were not as they should be."""
    show(
        ["rig", "bundle", "level", "geometry", "AUROC", "found", "right", "no race", "wrong", "false alarm", "unknown"],
        [[r["rig"], r["bundle"], "as recorded" if r["snr_db"] is None else f"{r['snr_db']:+g} dB",
          "yes" if r["geometry"] else "no", f"{r['auroc']:.3f}", f"{r['found']} of {r['faulty']}",
          f"{r['right']} of {r['faulty']}", r["parent"], r["named_wrong"],
          f"{r['false']} of {r['healthy']}", r["unknown"]] for r in rows],
    )  # fmt: skip
    for row in rows:
        for it in row["wrong"]:
            print(f"{row['rig']} {row['snr_db']} {row['geometry']}: {it['machine']} is {it['is']}: {it['raised']}")


def main() -> int:
    """Measure one rig and print it, or carry out a plan and note it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rig", choices=RIGS, help="one rig, printed only")
    parser.add_argument("--plan", type=Path, help="rigs, levels and bundles of a committed plan")
    parser.add_argument("--bundle", default="shipped:universal")
    parser.add_argument("--snr", type=float, nargs="*", default=[0.0], metavar="DB", help="beside as recorded")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    if arguments.plan is None:
        rows = measured(arguments.rig or "self_built", arguments.bundle, [None, *arguments.snr])
    else:
        commit, plan = committed(arguments.plan), read_toml(arguments.plan)
        levels_db = [None, *plan["snr_db"]]
        rows = [row for rig in plan["rigs"] for bundle in plan["bundles"] for row in measured(rig, bundle, levels_db)]
        path = RESULTS / "foreign_machines.json"
        earlier = json.loads(path.read_text(encoding="utf-8"))["looks"] if path.exists() else []
        look = {"commit": commit, "date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine(), "rows": rows}
        path.write_text(json.dumps({"looks": [*earlier, look]}, indent=1) + "\n", encoding="utf-8")
    if arguments.json:
        print(json.dumps(rows))
    else:
        printed(rows)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run_command("benchmarks/foreign_machines.py", main))
