"""Costs of evidence: time for each window compared with inference, memory of 1,000 sensors, size and time of a record.

Writes results/evidence.json and, from a recorded CWRU bearing with a damaged inner race, results/evidence.png; needs
DRSN_DATA_DIR and matplotlib. `--plot` only draws the figure.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import tracemalloc
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
from _report import RESULTS, report, timed_us

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.codecs import Packet, PayloadFormat, frame
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.router import Input
from drsn.agent.acquisition.sensor_stream import Window
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import shipped
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.severity import severities_of
from drsn.agent.decision.voting import Quorum
from drsn.agent.evidence.capture import WAITING_BYTES, Capture
from drsn.agent.evidence.json_form import to_message
from drsn.agent.evidence.npz_form import from_bytes, to_bytes
from drsn.agent.evidence.quantise import quantise, samples_of
from drsn.agent.evidence.record import Record, SensorSetup, record_of
from drsn.agent.evidence.record_files import RecordFiles
from drsn.agent.evidence.recorder import Recorder
from drsn.agent.mqtt.message import Message
from drsn.agent.mqtt.topics import TopicPattern
from drsn.agent.schema.bearing import Geometry
from drsn.agent.schema.render import Identity, Renderer
from drsn.agent.service.bootstrap import reference_to
from drsn.agent.service.pipeline import Pipeline
from drsn.agent.tools.evidence.figure import figure
from drsn.agent.tools.evidence.replay import diagnose_again, judge_again
from drsn.model.bearing import SKF_6205
from drsn.model.bundle import open_bundle
from drsn.model.conditioning import Conditioner
from drsn.model.data import cwru
from drsn.model.noise import Noise, add_noise
from drsn.model.sources import data_dir

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.model.data.recording import Recording

BUNDLE = open_bundle(shipped("cwru"))
CONTRACT = BUNDLE.contract
RENDERER = Renderer(Identity("bench", "epoch", reference_to(BUNDLE)), severities_of(CONTRACT))
WINDOWS, BATCH, SENSORS = 8, 32, 1000
POLICY = Policy.votes(Quorum(6, 8), Quorum(7, 8))
BEARING = Geometry(
    balls=SKF_6205.balls,
    ball_diameter_mm=SKF_6205.ball_diameter_mm,
    pitch_diameter_mm=SKF_6205.pitch_diameter_mm,
)
ABOUT = SensorSetup(CONTRACT, POLICY, (), BEARING)
LOAD_HP = 3
SPELL = 64
"""Windows between two readings of the clock."""

ROUNDS, ROUND_S = 25, 0.05
NO_PACKET = InFlight(Message("", b"", 0, False, 0.0, 0))
G_PER_COUNT = 10 / 32_768
"""Resolution of a simulated 16-bit sensor of ±10 g, to which the recording is rounded."""


class MemoryWriter:
    """A writer that keeps the snapshots in memory."""

    written = failed = bytes = 0
    problem = None

    def __init__(self) -> None:
        self.taken: list[Capture] = []

    def take(self, snapshot: Capture) -> bool:
        """Keep a snapshot; there is always room."""
        self.taken.append(snapshot)
        return True

    def close(self) -> None:
        """Do nothing: no snapshot waits."""


def pipeline() -> AlarmEngine:
    """Return a new alarm engine."""
    return AlarmEngine(CONTRACT, BUNDLE.sha256, lambda _sensor: POLICY)


def messages(recordings: list[Recording], dtype: str) -> list[Message]:
    """Yield the packets of one recording after the other, as of one sensor."""
    n, sent = CONTRACT.window, []
    for recording in recordings:
        for at in range(0, recording.n_samples - n, n):
            t0_unix_ns = 1_800_000_000_000_000_000 + round(len(sent) * n * 1e9 / recording.sample_rate_hz)
            packet = Packet(recording.samples[:, at : at + n].clip(-9.99, 9.99), t0_unix_ns=t0_unix_ns, seq=len(sent),
                            sample_rate_hz=recording.sample_rate_hz, boot_id=1, rpm=recording.rpm, unit="g",
                            clock_synced=True)  # fmt: skip
            payload = frame.encode(packet, dtype, G_PER_COUNT if dtype == "i16" else 1.0)
            sent.append(Message("plant/press4/frame", payload, 1, False, 0.0, t0_unix_ns))
    return sent


def record_of_a_raise(dtype: str) -> Record:
    """Return the record of an alarm: two seconds of a healthy bearing, then of one with a damaged inner race."""
    loads = {recording.label: recording for recording in cwru.read_loads(data_dir() / "cwru", (LOAD_HP,))}
    healthy = loads["normal"].part(0, 24_000 / loads["normal"].n_samples)
    desk = MemoryWriter()
    keeper = Recorder(WINDOWS, desk, RENDERER.event)
    pattern = TopicPattern("plant/{point}/frame", "{point}")
    entry = Input(pattern, "frame", PayloadFormat(), None, (), 1.0, False, 1 << 20)
    with OnnxBackend(BUNDLE.read("model.onnx"), CONTRACT, BATCH) as backend:
        line = Pipeline(
            Intake(CONTRACT, (entry,), 1, {}),
            Batcher(CONTRACT, BATCH, 0.0),
            backend,
            Interpreter(CONTRACT),
            pipeline(),
            recorder=keeper,
            decided_at=lambda batch: batch.end_unix_ns[: batch.size].tolist(),
        )
        decisions = []
        for message in messages([healthy, loads["inner_race_007"]], dtype):
            decisions += line.process(InFlight(message))
        decisions += line.flush()
    outcomes = [outcome for each in decisions for _, outcome in each.outcomes]
    events = [RENDERER.event(outcome.name, change) for outcome in outcomes for change in outcome.changes]
    keeper.release()
    raised = next(e for e in events if e.active and e.condition == "inner_race")
    return record_of(next(each for each in desk.taken if each.event == raised), ABOUT)


def window_of(rng: np.random.Generator, count: float | None) -> Window:
    """Return noise of one model window; with `count`, rounded to 16-bit counts."""
    samples = rng.standard_normal((1, CONTRACT.window)).astype(np.float32)
    if count is not None:
        samples = np.rint(samples / np.float32(count)).astype(np.int16) * np.float32(count)
    return Window(samples, CONTRACT.sample_rate_hz, 0, False, "g", True, CONTRACT.window, None, False, 0.0, count)


def interleaved(calls: dict[str, tuple[Callable[[], object], int]]) -> list[list[object]]:
    """Return processor time for each window. The steps take turns, so that other load affects all of them.

    Args:
        calls: name -> call, and the windows in it; the first is what the others are compared with.
    """
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, (call, windows) in calls.items():
            started_s = time.process_time()
            count = 0
            while time.process_time() - started_s < ROUND_S or not count:
                for _ in range(SPELL // windows):
                    call()
                count += SPELL // windows * windows
            spent[name].append((time.process_time() - started_s) / count * 1e6)
    first = spent[next(iter(calls))]
    return [
        [name, median(us), min(us), max(us), median(mine / other for mine, other in zip(us, first, strict=True))]
        for name, us in spent.items()
    ]


def per_window() -> list[list[object]]:
    """Time a window in a batch of 32 sensors with and without evidence, beside its inference."""
    rng = np.random.default_rng(1)
    with OnnxBackend(BUNDLE.read("model.onnx"), CONTRACT, BATCH) as backend:
        x = rng.standard_normal((BATCH, 1, CONTRACT.window)).astype(np.float32)
        outputs = backend.infer(x)
        calls: dict[str, tuple[Callable[[], object], int]] = {
            "inference, batch 32": (lambda: backend.infer(x), BATCH),
            "inference, alone": (lambda: backend.infer(x[:1]), 1),
        }
        windows = [window_of(rng, None) for _ in range(BATCH)]
        for name, kept in (("all but inference, without evidence", 0), ("all but inference, with evidence", WINDOWS)):
            recorder = Recorder(kept, MemoryWriter(), RENDERER.event)
            instant = SimpleNamespace(infer=lambda _x: outputs)
            batcher = Batcher(CONTRACT, BATCH, 0.0)
            line = Pipeline(None, batcher, instant, Interpreter(CONTRACT), pipeline(), recorder=recorder)

            def batch(line: Pipeline = line) -> None:
                for number, window in enumerate(windows):
                    line.add(f"s{number}", window, NO_PACKET)
                line.flush()

            calls[name] = (batch, BATCH)
        return interleaved(calls)


def memory_mb() -> dict[str, float]:
    """Return the memory of the full rings of a thousand sensors, as traced."""
    rng = np.random.default_rng(2)
    held: dict[bool, int] = {}
    arrays = 0
    windows = [window_of(rng, None) for _ in range(BATCH)]
    with OnnxBackend(BUNDLE.read("model.onnx"), CONTRACT, BATCH) as backend:
        for kept in (False, True):
            tracemalloc.start()
            keeper = Recorder(WINDOWS if kept else 0, MemoryWriter(), RENDERER.event)
            batcher = Batcher(CONTRACT, BATCH, 0.0)
            line = Pipeline(None, batcher, backend, Interpreter(CONTRACT), pipeline(), recorder=keeper)
            for number in range(0, SENSORS * (WINDOWS + 1), BATCH):
                for index in range(BATCH):
                    line.add(f"s{(number + index) % SENSORS}", windows[index], NO_PACKET)
                line.flush()
            held[kept], arrays = tracemalloc.get_traced_memory()[0], keeper.nbytes
            tracemalloc.stop()
    more = held[True] - held[False]
    return {"all": more / 1e6, "arrays": arrays / 1e6, "states and readings": (more - arrays) / 1e6}


def per_event(record: Record, per_us: float) -> list[list[object]]:
    """Time copying, writing, reading and printing of one record; ratio: to the inference of a window."""
    data = to_bytes(record)
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        shelf = RecordFiles(Path(folder), 256_000_000)
        calls = {
            "event: copy the windows": lambda: record.arrays.at(list(range(WINDOWS))),
            "writer: record to bytes": lambda: to_bytes(record),
            "writer: write to disk": lambda: shelf.put("press4", record.event.event_id, data),
            "read and check": lambda: from_bytes(data),
            "record to message": lambda: to_message(record),
        }
        for name, call in calls.items():
            cost = timed_us(call)
            rows.append([name, *cost, cost[0] / per_us])
    return rows


def replays() -> dict[str, dict[str, object]]:
    """Replay the record of the alarm: from 16-bit frames, which are kept without loss, and from float32."""
    found = {}
    with OnnxBackend(BUNDLE.read("model.onnx"), CONTRACT, 1) as backend:
        for dtype in ("i16", "f32"):
            record = record_of_a_raise(dtype)
            rules, windows = judge_again(record), diagnose_again(record, backend)
            found[dtype] = {
                "rules equal": rules.equal,
                "windows equal": windows.equal,
                "same decision": windows.agrees,
                "probabilities differ by": windows.difference,
            }
    return found


def quantising(snr_db: float) -> dict[str, object]:
    """Return the largest change by 16 bits in windows of ten recordings with noise, and how many decisions change."""
    samples = np.concatenate(
        [
            add_noise(recording.samples, snr_db, Noise.GAUSSIAN, np.random.default_rng(3))[0]
            for recording in cwru.read_loads(data_dir() / "cwru", (LOAD_HP,))
        ]
    )
    windows = samples[: samples.size // CONTRACT.window * CONTRACT.window].reshape(-1, 1, CONTRACT.window)
    kept = np.empty_like(windows)
    counts = np.zeros((1, CONTRACT.window), np.int16)
    scale, offset = np.zeros(1, np.float32), np.zeros(1, np.float32)
    for window, out in zip(windows, kept, strict=True):
        quantise(window, None, counts, scale, offset)
        out[:] = samples_of(counts, scale, offset)
    conditioner = Conditioner(CONTRACT.window, CONTRACT.sample_rate_hz, CONTRACT.bandwidth_hz, CONTRACT.sample_rate_hz)
    threshold = CONTRACT.abstention_threshold
    assert threshold is not None
    said = []
    with OnnxBackend(BUNDLE.read("model.onnx"), CONTRACT, 64) as backend:
        for x in (windows, kept):
            conditioner(x, x)
            parts = [backend.infer(x[at : at + 64]) for at in range(0, len(x), 64)]
            said.append([np.concatenate([p.probabilities for p in parts]), np.concatenate([p.novelty for p in parts])])
    (before, novel_before), (after, novel_after) = said
    changed = (before.argmax(1) != after.argmax(1)) | ((novel_before > threshold) != (novel_after > threshold))
    return {
        "windows": len(windows),
        "probability": float(np.abs(before - after).max()),
        "novelty": float(np.abs(novel_before - novel_after).max()),
        "windows that say something else": int(changed.sum()),
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", action="store_true")
    arguments = parser.parse_args()
    record = record_of_a_raise("i16")
    figure(record).savefig(RESULTS / "evidence.png", dpi=100)
    if arguments.plot:
        return
    rows = per_window()
    report(
        "evidence", ["step", "us", "least", "greatest", "ratio"], [*rows, *per_event(record, float(str(rows[0][1])))]
    )
    message = to_message(record)
    assert message is not None
    more = {
        "bytes": {
            "a sensor's arrays": array_bytes(record),
            "file": len(to_bytes(record)),
            "message": len(message),
            "events that wait, twice at most": WAITING_BYTES,
        },
        f"memory of {SENSORS} sensors, MB": memory_mb(),
        "replays": replays(),
        "largest change by 16 bits, of float32 windows": {f"{db} dB": quantising(db) for db in (20, 0, -4)},
    }
    path = RESULTS / "evidence.json"
    document = {**json.loads(path.read_text(encoding="utf-8")), **more}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(more, indent=1))


def array_bytes(record: Record) -> int:
    """Return the bytes of its arrays."""
    return sum(array.nbytes for array in record.arrays.named().values())


if __name__ == "__main__":
    main()
