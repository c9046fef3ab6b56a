from __future__ import annotations

import numpy as np
import pytest
from baseline_windows import baseline, drawn
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.baseline_features import ENVELOPE, IMPULSIVENESS, LEVEL, MODEL, SPECTRUM
from drsn.agent.monitoring.baseline_model import SPEED_MARGIN, HealthBaseline
from drsn.agent.monitoring.baseline_score import BOUND_NATS
from drsn.agent.monitoring.baseline_stack import AGEING_S, BaselineStack, aged

BY_LEVEL = baseline(drawn(400))
BY_SPEED = baseline(drawn(400), 1_500.0)


def scored(
    learnt: HealthBaseline,
    features: np.ndarray,
    rpm: float = np.nan,
    *,
    stack: BaselineStack | None = None,
    seconds: float = 0.17,
    uses_model: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Return nats and whether the state is unknown, of the windows of one sensor in their order."""
    if stack is None:
        stack = BaselineStack()
        stack.set(0, learnt, uses_model=uses_model)
    one = np.zeros(1, np.intp)
    scores = [stack.score(one, row[np.newaxis], np.array([rpm]), np.array([seconds])) for row in features]
    return np.concatenate([s.nats for s in scores]), np.concatenate([s.unknown_state for s in scores])


def changed(part: slice, by: float, windows: int = 12) -> np.ndarray:
    features = drawn(windows, seed=9)
    features[:, part] += np.float32(by)
    return features


def test_healthy_windows_speak_against_a_change():
    nats, unknown = scored(BY_SPEED, drawn(1000, seed=5), 1_500.0)
    assert nats.mean() < -1
    assert not unknown.any()
    assert np.exp(nats).mean() < 1


@pytest.mark.parametrize("part", [LEVEL, IMPULSIVENESS, SPECTRUM, ENVELOPE, MODEL])
def test_a_change_of_any_kind_is_found_at_a_known_speed(part: slice):
    nats, _ = scored(BY_SPEED, changed(part, 3.0), 1_500.0)
    assert nats[6:].min() > 2.9  # less what the few windows of a baseline cost
    assert nats.max() <= BOUND_NATS


def test_where_the_speed_is_not_known_another_level_or_spectrum_is_an_unknown_state():
    for part, by in ((LEVEL, 2.0), (LEVEL, -2.0), (SPECTRUM, 3.0)):
        nats, unknown = scored(BY_LEVEL, changed(part, by))
        assert unknown.all()
        assert np.isnan(nats).all()


def test_another_speed_is_an_unknown_state_whatever_the_spectrum():
    features = changed(SPECTRUM, 5.0)
    features[:, LEVEL] += 4
    nats, unknown = scored(BY_SPEED, features, 2_400.0)
    assert unknown.all()
    assert np.isnan(nats).all()


def test_shocks_are_found_in_an_unknown_state_too():
    features = changed(IMPULSIVENESS, 2.0)
    features[:, LEVEL] += 4
    for learnt, rpm in ((BY_SPEED, 2_400.0), (BY_LEVEL, np.nan)):
        nats, unknown = scored(learnt, features, rpm)
        assert unknown.all()
        assert nats[6:].min() > 3


def test_a_time_in_an_unknown_state_takes_nothing_away():
    """What is handed on of it never sums to less than nothing."""
    rng = np.random.default_rng(3)
    features = drawn(300, seed=4, level=4.0)
    features[:, IMPULSIVENESS] += np.where(rng.uniform(size=(300, 1)) < 0.1, 2, 0).astype(np.float32)
    nats, unknown = scored(BY_LEVEL, features)
    assert unknown.all()
    assert np.nancumsum(nats).min() >= -1e-4
    assert np.isnan(nats).mean() > 0.5


def test_without_a_speed_a_baseline_in_orders_says_nothing():
    nats, unknown = scored(BY_SPEED, drawn(5))
    assert unknown.all()
    assert np.isnan(nats).all()


def test_the_model_is_left_out_if_it_is_another_one():
    nats, _ = scored(BY_SPEED, changed(MODEL, 5.0), 1_500.0, uses_model=False)
    assert (nats < 0).all()


@given(st.integers(1, 40), st.integers(0, 1000))
def test_many_sensors_at_once_are_as_each_alone(sensors: int, seed: int):
    rng = np.random.default_rng(seed)
    features = drawn(3 * sensors, seed).reshape(3, sensors, -1)
    features[:, :, ENVELOPE.start] += rng.uniform(0, 4, (1, sensors)).astype(np.float32)
    features[:, :, LEVEL] += rng.choice([0, 3], (3, sensors, 1)).astype(np.float32)
    learnt = [BY_LEVEL if sensor % 2 else BY_SPEED for sensor in range(sensors)]
    rpm = np.where(rng.uniform(size=sensors) < 0.7, 1_500.0, 2_000.0)
    together = BaselineStack()
    for slot, each in enumerate(learnt):
        together.set(slot, each, uses_model=True)
    slots = np.arange(sensors)
    found = [together.score(slots, row, rpm, np.full(sensors, 0.1)).nats for row in features]
    for sensor, each in enumerate(learnt):
        alone = BaselineStack()
        alone.set(0, each, uses_model=True)
        nats, _ = scored(each, features[:, sensor], rpm[sensor], stack=alone, seconds=0.1)
        assert np.array_equal(np.array(found)[:, sensor], nats, equal_nan=True)


def test_a_baseline_follows_its_machine_slowly_but_never_further_than_a_margin():
    stack = BaselineStack()
    stack.set(0, BY_SPEED, uses_model=True)
    drift, day = 0.0, 86_400.0
    for step in range(200):
        drift = min(drift + 0.02, 0.5)
        features = drawn(1, seed=step)
        features[:, SPECTRUM] += np.float32(drift)
        nats, _ = scored(BY_SPEED, features, 1_500.0, stack=stack, seconds=day / 2)
        assert nats[0] < 0
    aged = drawn(1, seed=1)
    aged[:, SPECTRUM] += np.float32(0.5 + SPEED_MARGIN[SPECTRUM.start] - 0.2)
    assert scored(BY_SPEED, aged, 1_500.0, stack=stack)[0][0] < 0  # it has followed
    for step in range(700):
        features = drawn(1, seed=step)
        features[:, SPECTRUM] += np.float32(min(0.5 + step / 200, 3.2))
        nats, _ = scored(BY_SPEED, features, 1_500.0, stack=stack, seconds=AGEING_S / 10)
    assert nats[0] > 3  # more than twice the margin is found, however slowly it came


def test_a_baseline_does_not_age_while_an_alarm_stands():
    stacks = [BaselineStack(), BaselineStack()]
    features = drawn(200, seed=3)
    features[:, SPECTRUM] += 1
    for stack in stacks:
        stack.set(0, BY_SPEED, uses_model=True)
        stack.frozen[0] = stack is stacks[0]
        scored(BY_SPEED, features, 1_500.0, stack=stack, seconds=AGEING_S)
    further = features[:20].copy()
    further[:, SPECTRUM] += np.float32(0.7)
    frozen, aged = (scored(BY_SPEED, further, 1_500.0, stack=stack)[0].mean() for stack in stacks)
    assert frozen > aged


@given(st.floats(-2, 2), st.floats(-100, 100, width=32), st.floats(0.03125, 2, width=32), st.floats(0.01, 1e6))
def test_ageing_is_slow_bounded_and_not_lost_in_rounding(drift: float, deviation: float, scale: float, seconds: float):
    shape = (1, len(SPEED_MARGIN))
    before = np.clip(np.full(shape, drift), -SPEED_MARGIN, SPEED_MARGIN)
    by = np.full(shape, deviation, np.float32), np.full(shape, scale, np.float32), np.array([seconds])
    after = aged(before, *by)
    assert (np.abs(after) <= SPEED_MARGIN).all()
    assert (np.abs(after - before) <= scale * seconds / AGEING_S + 1e-12).all()
    if abs(deviation) > 0.01 and (np.abs(before) < 0.9 * SPEED_MARGIN).all():
        assert (np.sign(after - before) == np.sign(deviation)).all()


def test_slots_grow_and_are_cleared():
    stack = BaselineStack()
    stack.set(100, BY_SPEED, uses_model=True)
    assert stack.present[100]
    stack.clear(100)
    stack.clear(500)
    assert not stack.present.any()


def followed(seconds: float = AGEING_S / 30) -> BaselineStack:
    """A stack whose baseline has followed a machine that ages."""
    stack = BaselineStack()
    stack.set(0, BY_SPEED, uses_model=True)
    slow = drawn(60, seed=3)
    slow[:, SPECTRUM] += np.float32(0.3)
    scored(BY_SPEED, slow, 1_500.0, stack=stack, seconds=seconds)
    return stack


def test_a_stored_drift_goes_on_after_a_restart():
    before = followed()
    stored = before.drift(0)
    assert stored is not None
    after = BaselineStack()
    after.set(0, BY_SPEED, uses_model=True)
    fresh = scored(BY_SPEED, drawn(20, seed=4), 1_500.0)[0]
    assert after.resume(0, stored)
    windows = drawn(20, seed=4)
    same = [scored(BY_SPEED, windows, 1_500.0, stack=stack)[0] for stack in (before, after)]
    np.testing.assert_allclose(same[1][0], same[0][0], rtol=0.2)  # `before` has evidence and weights of its windows
    assert not np.allclose(same[1], fresh)


def test_a_baseline_that_has_not_aged_has_nothing_to_store():
    stack = BaselineStack()
    stack.set(0, BY_SPEED, uses_model=True)
    assert stack.drift(0) is None
    stack.clear(0)
    assert stack.drift(0) is None


@pytest.mark.parametrize(
    "damage", [lambda s: s[:-4], lambda s: b"x" + s[1:], lambda s: s[:16] + b"\xff" * (len(s) - 16)]
)
def test_a_drift_of_another_baseline_or_a_damaged_one_is_not_used(damage):
    stack = followed()
    stored = stack.drift(0)
    assert stored is not None
    stack.set(0, BY_SPEED, uses_model=True)
    assert not stack.resume(0, damage(stored))
    assert stack.drift(0) is None
    stack.set(0, baseline(drawn(400, seed=77), 1_500.0), uses_model=True)
    assert not stack.resume(0, stored)
