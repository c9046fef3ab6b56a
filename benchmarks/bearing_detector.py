"""The bearing detector: fits its densities on simulation, measures it, and measures what it costs.

    python benchmarks/bearing_detector.py --fit                 # writes model/bearing_densities.py; minutes
    python benchmarks/bearing_detector.py                       # measures; writes results/bearing_detector.json
    python benchmarks/bearing_detector.py --rig spectraquest    # one rig, printed only: MFPT, HIT-SM's or CWRU's

A rig is measured window by window of the agent: each recording is one machine, its windows follow each other, and the
figures are those after the series is full.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _report import RESULTS, commit, machine
from bearing_rigs import RIGS, Recorded
from bearing_simulation import BANDWIDTH_HZ, RATE_HZ, synthetic

from drsn.model.bearing_detector import DEFECTS, FEATURES, Densities, detect, features, find_lines, orders_array
from drsn.model.noise import Noise, add_noise
from drsn.model.order_spectrum import BINS, LENGTH, Envelope, order_spectrum, to_angle, usable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

TABLE = Path(__file__).parents[1] / "model" / "bearing_densities.py"
CLASSES = ("healthy", *DEFECTS)
WINDOWS = (4096, 2048)
SNRS_DB = (None, 0.0, -6.0)
PENALTY = 1e-2
"""Of the squared coefficients of standardised features, in the mean over windows."""


class Series(NamedTuple):
    """The angle series of a signal after some of its windows."""

    window: int
    values: NDArray[np.float32]  # [1, LENGTH]
    length: NDArray[np.intp]  # [1]
    top_order: NDArray[np.float32]  # [1]


def fitted() -> Densities:
    """The densities in the source; not imported above, for they cannot be when the features have changed."""
    from drsn.model.bearing_densities import DENSITIES  # noqa: PLC0415 (see above)

    return DENSITIES


def series_of(x: NDArray[np.float32], rate_hz: float, bandwidth_hz: float, rpm: float, window: int) -> Iterator[Series]:
    """Yield the angle series after each window of a conditioned signal, once it is long enough to be evaluated."""
    count, shaft_hz = x.size // window, rpm / 60
    envelope = Envelope(window, rate_hz, bandwidth_hz)
    envelopes = envelope(x[: count * window].reshape(count, window))
    offset, ring = np.zeros(1), np.zeros(0, np.float32)
    for index in range(count):
        per_bin = np.array([envelope.rate_hz / (BINS * shaft_hz)])
        new, _, offset = to_angle(envelopes[index : index + 1], per_bin, offset)
        ring = np.concatenate([ring, new[0]])[-LENGTH:]
        length = usable(np.array([ring.size]), np.array([shaft_hz]))
        if length[0]:
            values = np.zeros((1, LENGTH), np.float32)
            values[0, : length[0]] = ring[-length[0] :]
            yield Series(index, values, length, np.array([envelope.rate_hz / 2 / shaft_hz], np.float32))


class Examples(NamedTuple):
    """Features of simulated machines."""

    features: NDArray[np.float32]  # [rows, FEATURES]
    labels: NDArray[np.intp]  # [rows], index into CLASSES
    machines: NDArray[np.intp]  # [rows]


def examples(simulator: Callable[..., object], machines: int, seed: int, snr_db: float | None = None) -> Examples:
    """The features after up to three windows of each of some machines, as many of each class."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[NDArray[np.float32], int, int]] = []
    for index in range(machines):
        label = index % len(CLASSES)
        made = simulator(rng, CLASSES[label], snr_db)
        orders = orders_array(made.orders)[None]
        found = list(series_of(made.samples, RATE_HZ, BANDWIDTH_HZ, made.rpm, int(rng.choice(WINDOWS))))
        chosen = {len(found) - 1, *rng.integers(0, len(found), 2).tolist()} if found else set()
        for it in (found[step] for step in chosen):
            spectrum = order_spectrum(it.values, it.length)
            rows.append((features(spectrum, find_lines(spectrum, orders, it.top_order), orders)[0], label, index))
    return Examples(*(np.array(column) for column in zip(*rows, strict=True)))


def fit(found: Examples) -> Densities:
    """Multinomial logistic regression with equal priors (scipy's L-BFGS)."""
    from scipy.optimize import minimize  # noqa: PLC0415 (of the extra `train`)

    mean, scale = found.features.mean(axis=0), found.features.std(axis=0) + 1e-3
    x = np.hstack([np.ones((len(found.labels), 1)), (found.features - mean) / scale])
    share = np.bincount(found.labels, minlength=len(CLASSES)) / len(found.labels)
    weight = 1 / (len(CLASSES) * share[found.labels] * len(found.labels))
    hot = np.eye(len(CLASSES))[found.labels]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = flat.reshape(x.shape[1], len(CLASSES))
        logits = x @ w
        logits -= logits.max(axis=1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        gradient = x.T @ ((np.exp(logs) - hot) * weight[:, None]) + 2 * PENALTY * w
        return float(-(hot * logs).sum(axis=1) @ weight + PENALTY * np.sum(w * w)), gradient.ravel()

    start = np.zeros(x.shape[1] * len(CLASSES))
    w = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000}).x.reshape(x.shape[1], -1)
    ratios = w[:, 1:] - w[:, :1]
    ratios[1:] /= scale[:, None]
    ratios[0] -= mean @ ratios[1:]
    return Densities(ratios.astype(np.float32))


def write(densities: Densities, machines: int, seed: int) -> None:
    """Write the densities as a table into the source."""
    names = ("bias", *FEATURES)
    lines = [
        f"{name:22}" + "".join(f"{v:10.4f}" for v in row) for name, row in zip(names, densities.weights, strict=True)
    ]
    head = f"{'':22}" + "".join(f"{name:>10}" for name in ("outer", "inner", "ball"))
    TABLE.write_text(
        f'''"""The densities of the bearing detector: a row for each feature, a column for each defect, in nats.

Written by `python benchmarks/bearing_detector.py --fit --machines {machines} --seed {seed}`; not by hand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from drsn.model.bearing_detector import DEFECTS, FEATURES, Densities

_TABLE: Final = """\\
{head}
{chr(10).join(lines)}
"""

_ROWS: Final = [line.split() for line in _TABLE.splitlines()[1:]]
assert [row[0] for row in _ROWS] == ["bias", *FEATURES], "the table is of other features: fit it again"

DENSITIES: Final = Densities(np.array([row[1 : 1 + len(DEFECTS)] for row in _ROWS], np.float32))
"""Fitted on simulation alone."""
''',
        encoding="utf-8",
    )


def area(healthy: NDArray[np.float32], faulty: NDArray[np.float32]) -> float:
    """Area under the ROC curve: the chance that a faulty window has more nats than a healthy one."""
    ordered = np.sort(healthy)
    below, equal = np.searchsorted(ordered, faulty, "left"), np.searchsorted(ordered, faulty, "right")
    return float((below + equal).sum() / 2 / healthy.size / faulty.size)


def figures(nats: NDArray[np.float32], labels: NDArray[np.intp]) -> dict[str, float]:
    """AUROC of healthy against each defect and against all, the share of right names, and calibration."""
    present = [k for k in range(len(DEFECTS)) if np.any(labels == k + 1)]
    healthy, faulty = nats[labels == 0], nats[labels > 0]
    out = {"windows": len(nats), "auroc": area(healthy.max(axis=1), faulty.max(axis=1))}
    for k in present:
        mine = nats[labels == k + 1]
        out |= {f"auroc {DEFECTS[k]}": area(healthy[:, k], mine[:, k])}
        out |= {f"right {DEFECTS[k]}": float(np.mean(mine.argmax(axis=1) == k))}
        out |= {f"above 3 nats {DEFECTS[k]}": float(np.mean(mine[:, k] > 3))}
    out["healthy above 3 nats"] = float(np.mean(healthy.max(axis=1) > 3))
    return out


def measure_rig(recordings: Iterable[Recorded], snr_db: float | None, window: int) -> dict[str, float]:
    """The figures of all windows of a rig's recordings after the first two seconds of each."""
    rows: list[NDArray[np.float32]] = []
    labels: list[int] = []
    for index, it in enumerate(recordings):
        x = it.samples
        if snr_db is not None:
            noisy = x[: x.size // window * window].reshape(-1, window)
            x = add_noise(noisy, snr_db, Noise.GAUSSIAN, np.random.default_rng(index)).ravel()
        orders = orders_array(it.orders)[None]
        for found in series_of(x, it.sample_rate_hz, it.bandwidth_hz, it.rpm, window):
            if (found.window + 1) * window >= min(2 * it.sample_rate_hz, x.size - window):
                nats, _ = detect(found.values, found.length, orders, found.top_order, fitted())
                rows.append(nats[0])
                labels.append(CLASSES.index(it.condition))
    return figures(np.array(rows), np.array(labels))


def measure_simulation(machines: int, seed: int, snr_db: float | None) -> dict[str, float]:
    """The figures of machines that the fit has not seen, at one level of white noise."""
    found = examples(synthetic, machines, seed, snr_db)
    return figures(fitted().nats(found.features), found.labels)


def cpu_us(call: Callable[[], object]) -> float:
    """CPU time of a call in microseconds: the least of 200, so that other processes on the machine do not count."""
    times = []
    for _ in range(200):
        before_ns = time.process_time_ns()
        call()
        times.append(time.process_time_ns() - before_ns)
    return min(times) / 1000


def cost_us(window: int, rows: int = 32) -> dict[str, float]:
    """CPU time of a window in microseconds, in batches of 32, at 1,500 rpm."""
    np.ones(28 << 20, np.uint8)  # once freed, glibc keeps arrays below this size, as in an agent that has run a while
    rng = np.random.default_rng(0)
    x, envelope = rng.standard_normal((rows, window), np.float32), Envelope(window, RATE_HZ, BANDWIDTH_HZ)
    per_bin, made = np.full(rows, envelope.rate_hz / BINS / 25), envelope(x)
    ring, length = rng.random((rows, LENGTH), np.float32), np.full(rows, LENGTH)
    orders, top = np.tile(np.array([3.58, 5.42, 4.71, 0.4], np.float32), (rows, 1)), np.full(rows, 120, np.float32)
    return {
        "envelope": cpu_us(lambda: envelope(x)) / rows,
        "angle": cpu_us(lambda: to_angle(made, per_bin, np.zeros(rows))) / rows,
        "evaluation": cpu_us(lambda: detect(ring, length, orders, top, fitted())) / rows,
    }


def _text(snr_db: float | None) -> str:
    return "clean" if snr_db is None else f"{snr_db:g} dB"


def main() -> None:
    """Fit, or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="fit the densities, and write them into the source")
    parser.add_argument("--machines", type=int, default=2000, help="simulated, in the fit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rig", choices=sorted(RIGS), help="measure this one alone, and write nothing")
    parser.add_argument("--window", type=int, default=4096, help="samples of a window at the contract's rate")
    arguments = parser.parse_args()
    if arguments.fit:
        write(fit(examples(synthetic, arguments.machines, arguments.seed)), arguments.machines, arguments.seed)
        return
    if arguments.rig is not None:
        rig = list(RIGS[arguments.rig]())
        result = {_text(snr): measure_rig(rig, snr, arguments.window) for snr in SNRS_DB}
        print(json.dumps(result, indent=1))
        return
    rig = list(RIGS["self_built"]())
    report = {
        "self_built": {_text(snr): measure_rig(rig, snr, arguments.window) for snr in SNRS_DB},
        "simulation": {f"{snr:g} dB": measure_simulation(240, 1000, snr) for snr in (20.0, 0.0, -6.0)},
        "cost_us": {str(window): cost_us(window) for window in WINDOWS},
        "machine": machine(),
        "code": commit(),
    }
    (RESULTS / "bearing_detector.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
