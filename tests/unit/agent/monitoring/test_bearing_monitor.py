from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.agent.bundles import shipped
from drsn.agent.monitoring.bearing_monitor import BearingMonitor, KnownBearing
from drsn.model.bearing import SKF_6205
from drsn.model.bundle import open_bundle
from drsn.model.data.synthetic import Machine, synthesise

RATE_HZ, RPM = 12_000.0, 1797.0
CONTRACT = open_bundle(shipped("synthetic")).contract
WINDOW = CONTRACT.window
NS = 1_000_000_000
BEARINGS = {
    "known": KnownBearing(SKF_6205.orders, RPM, excludes=True),
    "estimated": KnownBearing(SKF_6205.orders, RPM, excludes=False),
    "no speed": KnownBearing(SKF_6205.orders, None, excludes=True),
}


@dataclass
class Windows:
    """What a monitor takes of a batch."""

    batch: WindowBatch
    rows: np.ndarray
    slots: np.ndarray
    x: np.ndarray


def signal(fault: str | None, seconds: float = 5.0, seed: int = 0) -> np.ndarray:
    return synthesise(Machine(), fault, 0.5, int(seconds * RATE_HZ), RATE_HZ, np.random.default_rng(seed))


def monitor() -> BearingMonitor:
    made = BearingMonitor(CONTRACT, BEARINGS.get)
    for slot, name in enumerate(BEARINGS):
        made.begin(slot, name)
    return made


def windows(
    parts: list[np.ndarray],
    slots: list[int] | None = None,
    rpm: float | None = None,
    fault: str | None = None,
    hop: float = 1.0,
    *,
    fresh: bool = False,
) -> Windows:
    batch, duration = WindowBatch(len(parts)), round(WINDOW / RATE_HZ * NS)
    for _ in parts:
        batch.append(Reading("s", 0, duration, fresh, 1.0, 1.0, "g", True, round(hop * duration), rpm, fault))
    x = np.stack(parts).astype(np.float32)[:, None]
    return Windows(batch, np.arange(len(parts)), np.array(slots or [0] * len(parts)), x)


def run(made: BearingMonitor, x: np.ndarray, hop: float = 1.0, **more: Any) -> list[tuple[np.ndarray, np.ndarray]]:  # noqa: ANN401
    """One window after the other."""
    step = int(hop * WINDOW)
    starts = range(0, x.size - WINDOW + 1, step)
    return [made(windows([x[s : s + WINDOW]], hop=1.0 if s == 0 else hop, **more)) for s in starts]


def column(condition: str) -> int:
    return CONTRACT.conditions.index(condition)


@pytest.mark.parametrize("fault", ["outer_race", "inner_race", "ball"])
def test_a_defect_is_named_after_some_windows(fault):
    last = run(monitor(), signal(fault))[-1][0][0]
    assert CONTRACT.conditions[last.argmax()] == fault
    assert last.max() > 3
    assert last[column("normal")] == 0


def test_there_is_no_evidence_before_the_series_is_long_enough():
    first = run(monitor(), signal("outer_race"))[0]
    assert np.all(first[0] == 0)


def test_a_healthy_bearing_excludes_defects_unless_its_orders_are_an_estimate():
    assert run(monitor(), signal(None))[-1][0][0, column("inner_race")] < 0
    assert np.all(run(monitor(), signal(None), slots=[1])[-1][0] >= 0)


def test_without_any_speed_there_is_no_evidence():
    assert np.all(run(monitor(), signal("outer_race"), slots=[2])[-1][0] == 0)


def test_the_speed_of_a_packet_has_priority():
    named = run(monitor(), signal("outer_race"), slots=[2], rpm=RPM)[-1][0][0]
    assert CONTRACT.conditions[named.argmax()] == "outer_race"
    wrong = run(monitor(), signal("outer_race"), rpm=RPM * 1.3)[-1][0][0]
    assert wrong[column("outer_race")] < 1


def test_a_window_is_its_part_of_the_series():
    """A sum over the windows of one series takes its evidence once."""
    shares = np.array([float(share[0]) for _, share in run(monitor(), signal("outer_race", 8.0))])
    turns = WINDOW / RATE_HZ * RPM / 60
    assert shares[-1] == pytest.approx(turns / 64, rel=0.02)
    assert shares[-int(64 / turns) :].sum() == pytest.approx(1, abs=0.1)


def test_windows_that_overlap_have_the_same_series_and_the_same_part_of_it():
    """What is new in each, the sequential rule weighs itself."""
    (*_, (plain, share)), (*_, (dense, dense_share)) = (
        run(monitor(), signal("outer_race", 6.0), hop) for hop in (1.0, 0.25)
    )
    assert dense_share[0] == pytest.approx(share[0], rel=0.05)
    assert dense[0].argmax() == plain[0].argmax()
    assert dense[0].max() == pytest.approx(plain[0].max(), abs=1.5)


def test_the_series_begins_again_after_a_gap():
    made = monitor()
    assert run(made, signal("outer_race"))[-1][0].any()
    x = signal("outer_race")[:WINDOW]
    assert not made(windows([x], fresh=True))[0].any()


@pytest.mark.parametrize("more", [{"rpm": 0.0}, {"rpm": 60.0}, {"fault": "clipping"}])
def test_a_machine_that_stands_and_a_faulty_sensor_give_no_evidence(more):
    made = monitor()
    x = signal("outer_race")
    run(made, x)
    assert not made(windows([x[:WINDOW]], **more))[0].any()
    assert not made(windows([x[:WINDOW]]))[0].any(), "the series begins again"


def test_several_windows_of_several_sensors_in_one_batch():
    """The same as one batch for each window."""
    x, y = signal("outer_race", 4.0), signal("inner_race", 4.0, seed=1)
    alone = [run(monitor(), signal_, slots=[slot]) for slot, signal_ in enumerate((x, y))]
    made, count = monitor(), x.size // WINDOW
    for start in range(0, count - 1, 2):
        parts = [s[k * WINDOW : (k + 1) * WINDOW] for k in (start, start + 1) for s in (x, y)]
        found = made(windows(parts, slots=[0, 1, 0, 1]))
        for at, (sensor, k) in enumerate([(0, start), (1, start), (0, start + 1), (1, start + 1)]):
            np.testing.assert_allclose(found[0][at], alone[sensor][k][0][0], atol=2e-2)
            assert found[1][at] == pytest.approx(float(alone[sensor][k][1][0]))


def test_a_slot_begins_anew_with_another_sensor():
    made = monitor()
    run(made, signal("outer_race"))
    made.begin(0, "known")
    assert not made(windows([signal("outer_race")[:WINDOW]]))[0].any()


def test_many_sensors_have_their_own_series():
    made = BearingMonitor(CONTRACT, lambda _sensor: BEARINGS["known"])
    for slot in range(200):
        made.begin(slot, str(slot))
    x = signal("outer_race")
    for start in range(0, x.size - WINDOW + 1, WINDOW):
        found = made(windows([x[start : start + WINDOW]], slots=[177]))
    assert found[0][0].argmax() == column("outer_race")
    assert not made(windows([x[:WINDOW]], slots=[176]))[0].any()


def test_a_sensor_without_a_bearing_does_not_concern_it():
    assert [monitor().concerns(name) for name in ("known", "pump")] == [True, False]
