"""What the pages of operators assume: an agent with sensors, alarms and events, and recordings in the folder."""

from __future__ import annotations

import re
import shutil
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from servers import poll

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.bundles import shipped
from drsn.agent.tools.demo.machines import DEMO_MACHINES, DemoMachine, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from servers import Mosquitto

SENSOR: Final = "press4-de"
TWIN: Final = "press5-de"
OLD_AGENT: Final = "old-line4"
EVENT_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
"""The event ids that the pages show are UUIDs of version 5, as the agent's are."""

FAULTY: Final = frozenset(
    f"docs/{page}.md"
    for page in ("reference/brokers", "reference/mqtt", "use/alarms", "use/evidence", "use/false-alarm", "use/level",
                 "use/old-alarms")
)  # fmt: skip
"""Pages whose sensor has an active alarm of the inner race, and most of them a latched one of a ball before it."""

HEALTHY: Final = frozenset({"docs/use/baseline.md"})
SETTINGS: Final = """
[alarms]
latch = true
[commission]
seconds = 6
"""
STEP_S: Final = 1.0


def _machine(fault: str | None) -> DemoMachine:
    return next(machine for machine in DEMO_MACHINES if machine.fault == fault)


def samples_of(fault: str | None, seconds: float) -> np.ndarray:
    """The signal of a machine of the demo: float32[1, samples] at 12 kHz."""
    machine = _machine(fault)
    made = record(replace(machine, severity_from=machine.severity_to), seconds, DEMO_MACHINES.index(machine))
    return np.asarray(made.samples, np.float32).reshape(1, -1)


class Sender:
    """Sends signals of machines, with `seq`; a sensor's packets follow each other."""

    def __init__(self, broker: Mosquitto) -> None:
        self._broker, self._seq = broker, dict.fromkeys((SENSOR, TWIN), 0)

    def play(self, sensor: str, samples: np.ndarray) -> None:
        """Send one packet."""
        self._seq[sensor] += 1
        packet = Packet(samples, sample_rate_hz=12_000.0, seq=self._seq[sensor], boot_id=1, unit="g")
        self._broker.publish(f"plant/hall/{sensor}/frame", frame.encode(packet))


@contextmanager
def running(page: str, mosquitto: Mosquitto, make_agent: Callable, folder: Path) -> Iterator[Mapping[str, str]]:
    """The agent of a page, while its commands run.

    Args:
        page: its name.
        mosquitto: the broker.
        make_agent: the fixture.
        folder: of the page's commands; its `agent.toml` becomes that of this agent.

    Yields:
        Text of the page -> what it is here.
    """
    if page not in FAULTY | HEALTHY:
        yield {}
        return
    with ExitStack() as stack:
        agent = make_agent(mosquitto.url, more=SETTINGS)
        agent.config.write_text(agent.config.read_text("utf-8").replace('"tester"', '"line4"'), "utf-8")
        if OLD_AGENT in Path(page).read_text("utf-8"):
            agent.start("--set", f"agent.id={OLD_AGENT}", "--set", f"agent.state_dir={folder / 'old'}")
            agent.stop()
        agent.start()
        status = "drsn/v1/_agent/line4/status"
        poll(lambda: mosquitto.one(status).get("ingest") == "connected", what=agent.text())
        shutil.copy(agent.config, folder / "agent.toml")
        shutil.copy(agent.config, folder / "line4.toml")
        sender, fault = Sender(mosquitto), "inner_race" if page in FAULTY else None
        words = {"/var/lib/drsn/line4": str(agent.config.parent / "state")}
        if page in FAULTY:
            words |= _alarms(sender, mosquitto, page, folder, agent.config.parent / "state" / "evidence")
        stack.enter_context(_sending(sender, {SENSOR: fault, TWIN: None}))
        poll(lambda: mosquitto.one(f"drsn/v1/{TWIN}/alarm"), what=agent.text())
        yield words


def _alarms(sender: Sender, mosquitto: Mosquitto, page: str, folder: Path, evidence: Path) -> dict[str, str]:
    """Raise two alarms; return the event ids of the page -> those of the alarms, the active one first."""
    ids = []
    for fault in ("inner_race",) if OLD_AGENT in Path(page).read_text("utf-8") else ("ball", "inner_race"):
        sender.play(SENSOR, samples_of(fault, 4.0))
        poll(lambda fault=fault: mosquitto.one(f"drsn/v1/{SENSOR}/alarm").get("condition") == fault, what=fault)
        ids.insert(0, mosquitto.one(f"drsn/v1/{SENSOR}/alarm")["event_id"])
    kept = evidence / SENSOR / f"{ids[0]}.npz"
    poll(kept.exists, what="the evidence")
    shutil.copy(kept, folder / "why.npz")
    shown = dict.fromkeys(EVENT_ID.findall(Path(page).read_text("utf-8")))
    return dict(zip(shown, ids, strict=False))


@contextmanager
def _sending(sender: Sender, faults: Mapping[str, str | None]) -> Iterator[None]:
    """Send the signals of sensors, three times as fast as they are sampled, until the page is done."""
    signals = {sensor: samples_of(fault, 3 * STEP_S) for sensor, fault in faults.items()}
    ended = threading.Event()

    def send() -> None:
        while True:
            for sensor, samples in signals.items():
                sender.play(sensor, samples)
            if ended.wait(STEP_S):
                return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def write_recordings(folder: Path) -> None:
    """The recordings that the pages name."""
    healthy, faulty = samples_of(None, 6.0)[0], samples_of("inner_race", 6.0)[0]
    ball = samples_of("ball", 6.0)[0]
    shutil.copy(shipped("synthetic"), folder / "mine.zip")
    np.save(folder / "b.npy", ball)
    for name, samples in {"ok.wav": healthy, "broken.wav": faulty}.items():
        write_wav(folder / name, samples)
    for path in ("recordings/pump1.csv", "recordings/normal/pump1.csv"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(folder / path, np.stack([np.arange(healthy.size) / 12_000.0, healthy], 1), "%.6f", ",",
                   header="time_s,acceleration_g", comments="")  # fmt: skip
    (folder / "recordings" / "press4").mkdir()
    write_wav(folder / "recordings" / "press4" / "ok.wav", np.tile(healthy, 4))
    np.savetxt(folder / "mafaulda.csv", np.stack([faulty[:25_000]] * 8, 1), "%.6f", ",")
    try:
        from scipy.io import savemat
    except ImportError:
        return
    savemat(folder / "ottawa.mat", {"Channel_1": faulty[:24_000, None], "Channel_2": healthy[:24_000, None]})


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write 16 bits at 12 kHz."""
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(12_000)
        file.writeframes((samples / np.abs(samples).max() * 32_000).astype("<i2").tobytes())
