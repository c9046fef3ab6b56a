from __future__ import annotations

import numpy as np
import pytest
from alarm_quality.pool import ABSTAINED, FAULTY, QUIET, Pool, PoolBuilder, Scene, altered
from alarm_quality.rules import ceilings

from drsn.agent.backends.fake import ToneBackend, tone_of
from drsn.agent.bundles import shipped
from drsn.agent.decision.cusum import BOUND_NATS, DOUBT_NATS
from drsn.agent.tools.simulation.stretches import BATCH
from drsn.model.bundle import open_bundle
from drsn.model.data.recording import Recording
from drsn.model.noise import Noise

CONTRACT = open_bundle(shipped("synthetic")).contract
RATE_HZ, WINDOW = CONTRACT.sample_rate_hz, CONTRACT.window


def tone(label: str, windows: int = 6, name: str = "a") -> Recording:
    return Recording(name, label, tone_of(CONTRACT, label, windows * WINDOW, RATE_HZ), RATE_HZ)


@pytest.fixture
def builder() -> PoolBuilder:
    return PoolBuilder(CONTRACT, ToneBackend(CONTRACT, BATCH))


def test_a_pool_holds_the_diagnoses_of_stretches_of_windows(builder: PoolBuilder):
    steps: list[int] = []
    pool = builder.pool([tone("inner_race")], Scene(), 4, 1, steps.append)
    assert pool.vote.shape == (4, 5)
    assert (pool.vote == pool.conditions.index("inner_race")).all()
    assert pool.probability.shape == pool.z[..., :-1].shape == (4, 5, len(pool.conditions))
    assert (pool.z[..., :-1].argmax(axis=-1) == pool.vote).all()
    assert (pool.z[..., -1] > 0).all()
    assert (pool.excess <= 0).all()
    assert (pool.windows, steps) == (20, [1] * 4)
    assert (builder.pool([tone("normal")], Scene(), 2, 1, steps.append).vote == QUIET).all()


def test_a_dead_sensor_is_faulty(builder: PoolBuilder):
    dead = Recording("a", "normal", np.zeros((1, 6 * WINDOW), np.float32), RATE_HZ)
    assert (builder.pool([dead], Scene(), 2, 1, lambda _: None).vote == FAULTY).all()


def test_without_abstention_the_most_probable_condition_is_the_vote():
    probability = np.array([[[0.1, 0.2], [0.6, 0.1], [0.1, 0.8], [0.0, 0.1]]], np.float32)
    vote = np.array([[ABSTAINED, ABSTAINED, ABSTAINED, FAULTY]])
    pool = Pool(("inner_race", "ball"), vote, probability, probability, np.full((1, 4), 30.0))
    assert pool.without_abstention().vote.tolist() == [[QUIET, 0, 1, FAULTY]]
    assert (ceilings(pool.without_abstention().excess) == BOUND_NATS).all()
    assert (ceilings(pool.excess) == -DOUBT_NATS).all()


def test_recordings_take_turns(builder: PoolBuilder):
    pool = builder.pool([tone("inner_race"), tone("ball")], Scene(), 6, 1, lambda _: None)
    assert (pool.vote[0::2] == pool.conditions.index("inner_race")).all()
    assert (pool.vote[1::2] == pool.conditions.index("ball")).all()


def test_the_noise_has_the_strength_of_the_scene():
    x = np.sin(np.arange(100_000)).astype(np.float32)
    noisy = altered(x, RATE_HZ, Scene(-4.0), Noise.GAUSSIAN, np.random.default_rng(1))
    assert 10 * np.log10(np.var(x) / np.var(noisy - x)) == pytest.approx(-4, abs=0.05)
    assert altered(x, RATE_HZ, Scene(), Noise.GAUSSIAN, np.random.default_rng(1)) is x
