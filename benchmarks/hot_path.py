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
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Diagnosis
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
    names = ("inner_race", "outer_race", "ball")
    contract = ModelContract(
        labels=(Label(name="ok", condition="normal", healthy=True), *(Label(name=n, condition=n) for n in names)),
        window=WINDOW,
        sample_rate_hz=RATE_HZ,
        bandwidth_hz=BANDWIDTH_HZ,
    )
    terms = AlarmRule(Quorum(6, 8), Quorum(7, 8))
    probabilities = {"normal": 0.97, **dict.fromkeys(names, 0.01)}
    reading = Reading("s", 0, 10**8, advance_ns=10**8, fresh=False, rms=1, peak=2, unit=None, clock_synced=True)
    diagnosis = Diagnosis(reading, "normal", "ok", 0.97, probabilities, {}, 0.0)
    calls: dict[str, Callable[[], object]] = {}
    for name, threshold in (("votes", None), ("sequential", 22.4)):
        policy = Policy(replace(terms, threshold_nats=threshold), terms)
        pipeline = AlarmEngine(contract, "0" * 64, lambda _sensor, p=policy: p)
        calls[f"judge a window, {name}"] = lambda p=pipeline: p.feed(diagnosis, 0)
    return calls


def main() -> None:
    """Measure and report."""
    rng = np.random.default_rng(1)
    samples = rng.standard_normal((1, WINDOW)).astype(np.float32)
    rows: list[list[object]] = []
    for group in (codecs(samples), rings(samples), conditioners(rng), looks(samples), judgements()):
        first = None
        for name, call in group.items():
            median, least, greatest = timed_us(call)
            first = first or median
            rows.append([name, median, least, greatest, median / first])
    report("hot_path", ["step", "us", "least", "greatest", "ratio"], rows)


if __name__ == "__main__":
    main()
