"""What a health baseline finds, and where it raises false alarms: simulated machines, and one real rig.

A baseline is learnt from a minute of a healthy machine. Then healthy time at the same and at another speed is played,
and faults at the same and at another speed, as recorded and with white noise at 0 dB on all of it. An alarm is the
CUSUM of the agent at 0.1 false alarms a sensor-year. Each is done with the speed given and without it.

A real recording lasts seconds: a baseline takes its first half, in windows from several starts and with its own noise,
as often as a minute needs. The gain follows the class in some of them, so that each recording is scaled to an RMS of 1;
and the column of the envelope alone shows what is found without the spectrum, which may be that of the recorder.

Needs scipy and DRSN_DATA_DIR for a real rig; minutes. `--rig` measures another one once: the margins and bounds were
set on simulation and on `self_built` alone.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _report import RESULTS, machine, show, timed_us
from _rigs import mfpt

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.bundles import shipped
from drsn.agent.decision.cusum import accumulate, threshold_nats
from drsn.agent.monitoring.baseline_features import ENVELOPE, FEATURES, LEVEL, BaselineFeatures
from drsn.agent.monitoring.baseline_model import learn
from drsn.agent.monitoring.baseline_stack import BaselineStack
from drsn.agent.monitoring.calibration import LogOdds
from drsn.model.bundle import open_bundle
from drsn.model.conditioning import Conditioner, native_window
from drsn.model.contract import NORMAL
from drsn.model.data import cwru, hit_sm
from drsn.model.data.synthetic import FAULTS, random_machine, synthesise
from drsn.model.errors import EXIT_OK, run_command
from drsn.model.noise import Noise, add_noise
from drsn.model.shaft_angle import shaft_angle
from drsn.model.sources import data_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from drsn.agent.monitoring.baseline_model import HealthBaseline
    from drsn.model.bundle import Bundle
    from drsn.model.data.synthetic import Machine

LEVELS_DB = (None, 0.0)
STARTS = 8
"""Starts of the windows of a recording that is shorter than a baseline."""

MINUTE_S = 60.0
FALSE_ALARMS = 0.1
SEVERITIES = (0.15, 0.3, 0.6)
SIMULATED_HZ = 12_000.0


@dataclass(frozen=True)
class Signal:
    """A part of a recording; `rpm` is None if it is unknown."""

    samples: NDArray[np.float32]
    rate_hz: float
    rpm: float | None
    scaled: bool = True
    """The RMS is made 1: the gain says nothing of the machine."""


@dataclass(frozen=True)
class Case:
    """A machine: a baseline, and what is played afterwards, by kind."""

    name: str
    healthy: Signal
    played: dict[str, list[Signal]]


class Bench:
    """Features and scores by one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self.contract = bundle.contract
        self.backend = OnnxBackend(bundle.read("model.onnx"), bundle.contract, 1 << 16)
        self.features, self.log_odds = BaselineFeatures(bundle.contract), LogOdds(bundle.contract)
        self.window_s = bundle.contract.window / bundle.contract.sample_rate_hz
        self.threshold_nats = threshold_nats(FALSE_ALARMS, self.window_s, 1)

    def windows(
        self, signal: Signal, snr_db: float | None, seed: int, start: float = 0.0
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return float32[windows, 1, window] and the RMS of each, from a start as a share of a window."""
        contract, rng = self.contract, np.random.default_rng(seed)
        native = native_window(contract.window, signal.rate_hz, contract.sample_rate_hz)
        samples = signal.samples[int(start * native) :]
        samples = samples / np.std(samples) if signal.scaled else samples
        frames = samples[: len(samples) // native * native].reshape(-1, 1, native).astype(np.float32)
        if snr_db is not None:
            frames = add_noise(frames, snr_db, Noise.GAUSSIAN, rng)
        condition = Conditioner(contract.window, contract.sample_rate_hz, contract.bandwidth_hz, signal.rate_hz)
        x = np.empty((len(frames), 1, contract.window), np.float32)
        condition(frames, x)
        return x, frames[:, 0].std(axis=1).astype(np.float64)

    def rows(
        self, x: NDArray[np.float32], rms: NDArray[np.float64], rpm: float | None, *, envelope_only: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float32]]:
        """Return features, speeds and log-odds of windows."""
        angle = shaft_angle(np.full(len(x), rpm or np.nan), self.contract.window, self.contract.sample_rate_hz)
        order = self.contract.domain == "order"
        graph = np.concatenate([x, angle[:, np.newaxis]], axis=1) if order else x
        probabilities = self.backend.infer(graph).probabilities
        speeds = np.full(len(x), np.nan if rpm is None else rpm)
        features = self.features(x, rms, speeds, probabilities)
        if envelope_only:
            kept = np.zeros(FEATURES, np.bool_)
            kept[ENVELOPE] = True
            features[:, ~kept] = np.nan
            features[:, LEVEL] = 0
        return features, speeds, self.log_odds(probabilities)

    def baseline(self, signal: Signal, snr_db: float | None, seconds: float, *, envelope_only: bool) -> HealthBaseline:
        """Learn from a signal, again and again if it is short."""
        parts, count, draw = [], 0, 0
        while count * self.window_s < seconds:
            start = draw % STARTS / STARTS
            x, rms = self.windows(signal, snr_db, 1_000 + draw, start)
            parts.append(self.rows(x, rms, signal.rpm, envelope_only=envelope_only))
            count, draw = count + len(x), draw + 1
        features, speeds, log_odds = (np.concatenate(each) for each in zip(*parts, strict=True))
        return learn(features, speeds, log_odds, self.log_odds.conditions)

    def played(
        self, baseline: HealthBaseline, signal: Signal, snr_db: float | None, seed: int, *, envelope_only: bool
    ) -> dict[str, Any]:
        """Return what the agent makes of a signal: the window of the alarm, and the share of unknown states."""
        x, rms = self.windows(signal, snr_db, seed)
        features, speeds, _ = self.rows(x, rms, signal.rpm, envelope_only=envelope_only)
        stack, slot, seconds = BaselineStack(), np.zeros(1, np.intp), np.full(1, self.window_s)
        stack.set(0, baseline, uses_model=True)
        evidence, most, alarm, unknown = 0.0, 0.0, None, 0
        for row in range(len(x)):
            scores = stack.score(slot, features[row : row + 1], speeds[row : row + 1], seconds)
            nats, unknown = float(scores.nats[0]), unknown + int(scores.unknown_state[0])
            evidence = evidence if math.isnan(nats) else accumulate(evidence, nats, 1.0)
            most = max(most, evidence)
            if alarm is None and evidence >= self.threshold_nats:
                alarm = row + 1
        return {"alarm": alarm, "most_nats": round(most, 1), "unknown": unknown / len(x), "windows": len(x)}


def halves(signal: Signal) -> tuple[Signal, Signal]:
    """Return the first and the second half of a signal."""
    middle = len(signal.samples) // 2
    return replace(signal, samples=signal.samples[:middle]), replace(signal, samples=signal.samples[middle:])


def by_speed(name: str, recordings: list[tuple[str, float, NDArray[np.float32], float]]) -> Iterator[Case]:
    """Make a case of each healthy recording: label, speed, samples, rate of all of a rig."""
    signals = [(label, Signal(samples, rate_hz, rpm)) for label, rpm, samples, rate_hz in recordings]
    healthy = [signal for label, signal in signals if label == NORMAL]
    faulty = [signal for label, signal in signals if label != NORMAL]
    for number, one in enumerate(healthy):
        first, second = halves(one)
        others = [each for each in healthy if each is not one]
        yield Case(f"{name} {one.rpm:g} rpm, recording {number}", first, {
            "healthy, same speed": [second, *(each for each in others if each.rpm == one.rpm)],
            "healthy, another speed": [each for each in others if each.rpm != one.rpm],
            "faulty, same speed": [each for each in faulty if each.rpm == one.rpm],
            "faulty, another speed": [each for each in faulty if each.rpm != one.rpm],
        })  # fmt: skip


def hit_sm_cases(rig: str) -> Iterator[Case]:
    """Return the cases of a rig of HIT-SM, at 12.8 kHz."""
    recordings = hit_sm.read_speeds(data_dir() / "hit_sm", rig, hit_sm.SPEEDS_RPM)
    yield from by_speed(rig, [(r.label, r.rpm or 0.0, r.samples[0], r.sample_rate_hz) for r in recordings])


def cwru_cases() -> Iterator[Case]:
    """Return the cases of CWRU at 0 and 3 hp, which are two speeds within 4 %."""
    recordings = cwru.read_loads(data_dir() / "cwru", (0, 3))
    yield from by_speed("cwru", [(r.label, r.rpm or 0.0, r.samples[0], r.sample_rate_hz) for r in recordings])


def mfpt_cases(folder: Path) -> Iterator[Case]:
    """Return the cases of MFPT, whose files lie anywhere below a folder; all at 1,500 rpm, at several loads."""
    recordings = [(it.label, it.rpm or 0.0, it.samples[0], it.sample_rate_hz) for it in mfpt(folder)]
    yield from by_speed("mfpt", recordings)


def simulated_cases(machines: int) -> Iterator[Case]:
    """Return simulated machines; the same seed draws the same harmonics of the shaft: it stays the same machine."""
    for number in range(machines):
        rng = np.random.default_rng([0, number])
        one = random_machine(rng, (600.0, 3600.0))
        factor = rng.uniform(0.6, 0.85) if rng.uniform() < 0.5 else rng.uniform(1.15, 1.5)
        other = replace(one, rpm=one.rpm * factor)

        def signal(
            of: Machine = one,
            fault: str | None = None,
            severity: float = 0.0,
            seconds: float = 70.0,
            number: int = number,
        ) -> Signal:
            rng = np.random.default_rng([0, number, 1])
            samples = synthesise(of, fault, severity, round(seconds * SIMULATED_HZ), SIMULATED_HZ, rng)
            return Signal(samples, SIMULATED_HZ, of.rpm, scaled=False)

        def rest(whole: Signal) -> Signal:
            return replace(whole, samples=whole.samples[round(MINUTE_S * SIMULATED_HZ) :].copy())

        healthy = signal(seconds=2 * MINUTE_S)
        yield Case(f"machine {number}", replace(healthy, samples=halves(healthy)[0].samples), {
            "healthy, same speed": [halves(healthy)[1]],
            "healthy, another speed": [rest(signal(of=other, seconds=1.5 * MINUTE_S))],
            **{
                f"faulty, same speed, severity {severity:g}": [rest(signal(fault=f, severity=severity)) for f in FAULTS]
                for severity in SEVERITIES
            },
            f"faulty, another speed, severity {SEVERITIES[1]:g}": [
                rest(signal(of=other, fault=f, severity=SEVERITIES[1])) for f in FAULTS
            ],
        })  # fmt: skip


def without_speed(case: Case) -> Case:
    """Return the case without the speed of any signal."""
    played = {kind: [replace(each, rpm=None) for each in signals] for kind, signals in case.played.items()}
    return Case(case.name, replace(case.healthy, rpm=None), played)


def measured(bench: Bench, cases: list[Case], seconds: float, *, envelope_only: bool) -> list[dict[str, Any]]:
    """Return a row for each noise, knowledge of the speed, and kind."""
    rows = []
    for snr_db in LEVELS_DB:
        for speed_known in (True, False):
            found: dict[str, list[dict[str, Any]]] = {}
            for case in cases:
                one = case if speed_known else without_speed(case)
                baseline = bench.baseline(one.healthy, snr_db, seconds, envelope_only=envelope_only)
                for kind, signals in one.played.items():
                    found.setdefault(kind, []).extend(
                        bench.played(baseline, each, snr_db, at, envelope_only=envelope_only)
                        for at, each in enumerate(signals)
                    )
            rows += [_row(snr_db, kind, each, speed_known=speed_known) for kind, each in found.items() if each]
    return rows


def _row(snr_db: float | None, kind: str, found: list[dict[str, Any]], *, speed_known: bool) -> dict[str, Any]:
    alarms = [each["alarm"] for each in found if each["alarm"] is not None]
    return {
        "snr_db": snr_db,
        "speed_known": speed_known,
        "kind": kind,
        "recordings": len(found),
        "alarms": len(alarms),
        "windows_to_alarm": float(np.median(alarms)) if alarms else None,
        "unknown": float(np.mean([each["unknown"] for each in found])),
        "most_nats": max(each["most_nats"] for each in found),
    }


def cost(bench: Bench) -> dict[str, float]:
    """Return microseconds for each window of a batch of 32 sensors."""
    rows, rng = 32, np.random.default_rng(0)
    x = rng.standard_normal((rows, 1, bench.contract.window)).astype(np.float32)
    probabilities = np.full((rows, len(bench.contract.labels)), 1 / len(bench.contract.labels), np.float32)
    stack, slots, ones = BaselineStack(), np.arange(rows), np.ones(rows)
    by = {}
    for name, rpm in (("hertz", np.full(rows, np.nan)), ("orders", np.full(rows, 1_797.0))):
        features = bench.features(x, ones, rpm, probabilities)
        baseline = learn(features, rpm, np.zeros((rows, 1), np.float32), ["fault"])
        for slot in range(rows):
            stack.set(slot, baseline, uses_model=True)
        by[f"features, {name}"] = timed_us(lambda rpm=rpm: bench.features(x, ones, rpm, probabilities))[0] / rows
        by[f"score, {name}"] = timed_us(lambda f=features, rpm=rpm: stack.score(slots, f, rpm, ones))[0] / rows
    return {name: round(value, 1) for name, value in by.items()}


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row of a table as text."""
    return [
        "clean" if row["snr_db"] is None else f"{row['snr_db']:g} dB",
        "given" if row["speed_known"] else "-",
        row["kind"],
        f"{row['alarms']} of {row['recordings']}",
        "" if row["windows_to_alarm"] is None else f"{row['windows_to_alarm']:.0f}",
        f"{100 * row['unknown']:.0f}",
        f"{row['most_nats']:.1f}",
    ]


def printed(document: dict[str, Any]) -> None:
    """Print all parts as tables."""
    for name, rows in document["sets"].items():
        print(name)
        columns = ["noise", "speed", "played", "alarms", "windows to it", "unknown state %", "most nats"]
        show(columns, [cells(row) for row in rows])
    print(document["us_per_window"])


def main() -> int:
    """Measure, and write results/baseline.json, or another file for another rig."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="shipped:synthetic", help="default: %(default)s")
    parser.add_argument("--rig", choices=("self_built", "spectraquest", "mfpt", "cwru"), help="this rig alone")
    parser.add_argument("--folder", type=Path, help="of MFPT's files")
    parser.add_argument("--machines", type=int, default=24, help="simulated; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=MINUTE_S, help="of a baseline; default: %(default)g")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    arguments = parser.parse_args()
    name, rig = arguments.bundle, arguments.rig or "self_built"
    bundle = open_bundle(shipped(name.removeprefix("shipped:")) if name.startswith("shipped:") else Path(name))
    bench = Bench(bundle)
    rigs: dict[str, Callable[[], Iterator[Case]]] = {
        "self_built": lambda: hit_sm_cases("self_built"),
        "spectraquest": lambda: hit_sm_cases("spectraquest"),
        "mfpt": lambda: mfpt_cases(arguments.folder or Path()),
        "cwru": cwru_cases,
    }
    sets: dict[str, list[dict[str, Any]]] = {}
    if arguments.rig is None:
        simulated = list(simulated_cases(arguments.machines))
        sets["simulated"] = measured(bench, simulated, arguments.seconds, envelope_only=False)
    cases = list(rigs[rig]())
    for envelope_only in (False, True):
        what = f"{rig}, envelope alone" if envelope_only else rig
        sets[what] = measured(bench, cases, arguments.seconds, envelope_only=envelope_only)
    document = {
        "machine": machine(),
        "bundle": {"name": bundle.manifest.name, "version": bundle.manifest.version, "sha256": bundle.sha256},
        "seconds": arguments.seconds,
        "threshold_nats": round(bench.threshold_nats, 2),
        "sets": sets,
        "us_per_window": cost(bench),
    }
    file = RESULTS / ("baseline.json" if arguments.rig is None else f"baseline_{arguments.rig}.json")
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if arguments.json:
        print(json.dumps(document))
    else:
        printed(document)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run_command("benchmarks/baseline.py", main))
