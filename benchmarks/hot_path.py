"""Time of a window of 2,048 samples outside the network, step by step; ratio: to the first row of its group."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cbor2
import msgpack
import numpy as np
from _report import report, timed_us

from drsn.agent.acquisition.codecs import CODECS, Packet, PayloadFormat, codec
from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.ring_buffer import RingBuffer
from drsn.agent.acquisition.sensor_faults import WindowStats, find_fault
from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Diagnosis, Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.voting import Quorum
from drsn.model.conditioning import Conditioner
from drsn.model.contract import Label, ModelContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

WINDOW, RATE_HZ, BANDWIDTH_HZ = 2048, 12_000.0, 5_300.0
FORM = PayloadFormat()
BATCH = 32

FAULTS = ("inner_race", "outer_race", "ball")
CONTRACT = ModelContract(
    labels=(Label(name="ok", condition="normal", healthy=True), *(Label(name=n, condition=n) for n in FAULTS)),
    window=WINDOW,
    sample_rate_hz=RATE_HZ,
    bandwidth_hz=BANDWIDTH_HZ,
    abstention_threshold=0.0,
)
VOTES = AlarmRule(Quorum(6, 8), Quorum(7, 8))
POLICIES = {"votes": Policy(VOTES, VOTES), "sequential": Policy(replace(VOTES, threshold_nats=22.4), VOTES)}


def codecs(samples: NDArray[np.float32]) -> dict[str, Callable[[], object]]:
    """Decode one window, as each codec encodes it; codecs with a fast path also decode a list of numbers."""
    packet = Packet(samples, sample_rate_hz=RATE_HZ, seq=1)
    listed = {"sample_rate_hz": RATE_HZ, "seq": 1, "samples": samples[0].tolist()}
    payloads = {name: (name, codec(name).encode(packet)) for name in CODECS}
    payloads["cbor, a list"] = ("cbor", cbor2.dumps(listed))
    payloads["msgpack, a list"] = ("msgpack", msgpack.packb(listed))
    return {f"decode {form}": _decoding(name, payload) for form, (name, payload) in payloads.items()}


def _decoding(name: str, payload: bytes) -> Callable[[], object]:
    decode = codec(name).decode
    return lambda: decode(payload, {}, FORM)


def rings(samples: NDArray[np.float32]) -> dict[str, Callable[[], object]]:
    """Push one window in four packets, with three quarters of overlap: the mirrored ring, and a list, as is common."""
    ring, kept = RingBuffer(1, WINDOW, WINDOW // 4), samples[0].tolist()
    parts = np.array_split(samples, 4, axis=1)

    def mirrored() -> None:
        for part in parts:
            ring.push(part, lambda window, _end: window.max())

    def listed() -> None:
        for part in parts:
            kept.extend(part[0].tolist())
            del kept[: part.shape[1]]
            np.array(kept, dtype=np.float32).max()

    return {"ring, mirrored": mirrored, "ring, a list": listed}


def conditioners(rng: np.random.Generator) -> dict[str, Callable[[], object]]:
    """Band-limit and resample one window from each rate."""
    calls: dict[str, Callable[[], object]] = {}
    for rate_hz in (12_000.0, 12_800.0, 25_600.0, 48_000.0, 51_200.0):
        conditioner = Conditioner(WINDOW, RATE_HZ, BANDWIDTH_HZ, rate_hz)
        native = rng.standard_normal((1, conditioner.native_window)).astype(np.float32)
        out = np.empty((1, WINDOW), np.float32)
        calls[f"condition from {rate_hz:g} Hz"] = lambda c=conditioner, n=native, o=out: c(n, o)
    return calls


def looks(samples: NDArray[np.float32]) -> dict[str, Callable[[], object]]:
    """Checks of a window before the network: its level alone, and its level with the sensor faults."""

    def level() -> tuple[float, float]:
        centred = samples.astype(np.float64)
        centred -= centred.mean(axis=-1, keepdims=True)
        return float(np.sqrt(np.square(centred).mean())), float(np.abs(centred).max())

    def look() -> tuple[float, float, str | None]:
        it = WindowStats(samples)
        return it.rms, it.peak, find_fault(it)

    return {"level and peak alone": level, "level, peak, nine sensor faults": look}


def judgements() -> dict[str, Callable[[], object]]:
    """Feed one healthy window to a sensor with three machine conditions."""
    reading = Reading("s", 0, 10**8, advance_ns=10**8, fresh=False, rms=1, peak=2, unit=None, clock_synced=True)
    probabilities = dict.fromkeys(CONTRACT.conditions, 0.01) | {"normal": 0.97}
    diagnosis = Diagnosis(reading, "normal", "ok", 0.97, probabilities, {}, 0.0)
    calls: dict[str, Callable[[], object]] = {}
    for name, policy in POLICIES.items():
        engine = AlarmEngine(CONTRACT, "0" * 64, lambda _sensor, p=policy: p)
        calls[f"judge a window, {name}"] = lambda e=engine: e.feed(diagnosis, 0)
    return calls


def batches() -> dict[str, Callable[[], object]]:
    """Feed a batch of 32 windows: of as many sensors, healthy or with `unknown` standing; of eight; of one."""
    calls: dict[str, Callable[[], object]] = {}
    interpret = Interpreter(CONTRACT)
    for name, policy in POLICIES.items():
        for sensors, novelty in ((BATCH, -1.0), (BATCH, 9.0), (8, -1.0), (1, -1.0)):
            batch = WindowBatch(BATCH)
            for row in range(BATCH):
                sensor = f"s{row % sensors}"
                batch.append(Reading(sensor, 0, 10**8, False, 1.0, 2.0, None, clock_synced=True, advance_ns=10**8))
            probabilities = np.full((BATCH, len(CONTRACT.labels)), 0.01, np.float32)
            probabilities[:, 0] = 0.97
            outputs = Outputs(probabilities, np.full(BATCH, novelty, np.float32), None)
            engine = AlarmEngine(CONTRACT, "0" * 64, lambda _sensor, p=policy: p)
            judge = _judging(engine, interpret, batch, outputs)
            for _ in range(20):
                judge()  # `unknown` is raised
            what = "unknown stands" if novelty > 0 else "healthy"
            calls[f"judge {BATCH} windows of {sensors}, {what}, {name}"] = judge
    return calls


def _judging(engine: AlarmEngine, interpret: Interpreter, batch: WindowBatch, outputs: Outputs) -> Callable[[], object]:
    return lambda: engine.feed_batch(interpret.columns(batch, outputs), [0] * batch.size)


def main() -> None:
    """Measure and report."""
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((1, WINDOW)).astype(np.float32)
    rows: list[list[object]] = []
    for group in (codecs(samples), rings(samples), conditioners(rng), looks(samples), judgements(), batches()):
        first = None
        for name, call in group.items():
            median, least, greatest = timed_us(call)
            first = first or median
            rows.append([name, median, least, greatest, median / first])
    report("hot_path", ["step", "us", "least", "greatest", "ratio"], rows)


if __name__ == "__main__":
    main()
