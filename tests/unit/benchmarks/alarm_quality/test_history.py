from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from alarm_quality.history import Draws, delays, dependence_windows, false_alarms, misled_streams
from alarm_quality.pool import ABSTAINED, FAULTY, QUIET, Pool
from alarm_quality.rules import Argmax, ByVotes, Dropping, Sequential

from drsn.agent.decision.voting import Quorum

if TYPE_CHECKING:
    from numpy.typing import NDArray


def with_any(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Any fault is as likely as the most likely one."""
    return np.concatenate([z, z.max(axis=-1, keepdims=True)], axis=-1)


def pool(vote: list[list[int]], z: float = 1.0) -> Pool:
    """A pool of two conditions; z is `z` for the condition that a window votes for, and -1 for the other."""
    votes = np.array(vote)
    zs = np.where(votes[..., np.newaxis] == np.arange(2), z, -1.0)
    probability = (zs > 0).astype(np.float32)
    return Pool(("inner_race", "ball"), votes, probability, with_any(zs), np.zeros(votes.shape))


def single(vote: NDArray[np.int64], z: NDArray[np.float64], excess: float = 0.0) -> Pool:
    """A pool of one condition."""
    return Pool(("a",), vote, z.astype(np.float32), with_any(z), np.full(vote.shape, excess))


HEALTHY = pool([[QUIET] * 4] * 3)


def test_whole_stretches_are_drawn_one_after_the_other():
    draws = Draws(pool([[0, 1, QUIET], [1, 1, 0]]), 50, np.random.default_rng(1))
    drawn = np.array([draws.next()[0] for _ in range(9)]).T.reshape(-1, 3)
    assert {tuple(stretch) for stretch in drawn.tolist()} == {(0, 1, QUIET), (1, 1, 0)}


def test_the_other_pool_gets_its_share():
    draws = Draws(HEALTHY, 20_000, np.random.default_rng(1), pool([[0] * 4] * 5), 0.1)
    assert np.mean(draws.next()[0] == 0) == pytest.approx(0.1, abs=0.01)


def test_false_alarms_are_counted_once_each():
    draws = Draws(pool([[0, 0, QUIET, 1]]), 3, np.random.default_rng(1))
    assert false_alarms(Argmax(), draws, 3, 4) == 6


def test_a_delay_counts_from_the_onset_within_a_window():
    rule = ByVotes(Quorum(3, 3), Quorum(3, 3))
    found = delays(rule, HEALTHY, pool([[1] * 5] * 2), 1000, 20, seed=1)
    assert (found.condition == 1).all()
    assert (found.windows.min(), found.windows.max()) == pytest.approx((3, 4), abs=0.01)


def test_a_fault_without_an_alarm_is_missed():
    found = delays(Argmax(), HEALTHY, pool([[ABSTAINED] * 5] * 2), 10, 20, seed=1)
    assert (found.condition == -1).all()
    assert np.isinf(found.windows).all()


@pytest.mark.slow
def test_the_dependence_is_what_the_bound_on_false_alarms_requires():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2000, 30, 1))
    z = 1.5 * x - 1.5**2 / 2
    vote = np.full(z.shape[:2], QUIET)
    assert dependence_windows(single(vote, z)) <= 1.25
    alike = np.repeat(z[:, ::3], 3, axis=1)  # each window three times
    assert dependence_windows(single(vote, alike)) >= 2.25
    wrong = np.ones_like(z)
    assert dependence_windows(single(vote, wrong)) is None
    for silent in (single(np.full_like(vote, FAULTY), wrong), single(vote, wrong, excess=100.0)):
        assert dependence_windows(silent) == 1.0


def test_a_stream_is_counted_once_however_often_it_raises_an_alarm():
    streams = pool([[0, QUIET], [1, 1], [QUIET, QUIET], [ABSTAINED, ABSTAINED]], z=3.0)
    assert misled_streams(Argmax(), streams, 2) == 2
    assert misled_streams(Argmax(), streams, 100) == 2
    streams = replace(streams, z=np.where(streams.vote[..., np.newaxis] == ABSTAINED, 3.0, streams.z))
    assert misled_streams(Dropping(20.0), streams, 100) == 2
    assert misled_streams(Sequential(20.0), streams, 100) == 3
    assert misled_streams(Sequential(20.0), replace(streams, excess=streams.excess + 100), 100) == 0
