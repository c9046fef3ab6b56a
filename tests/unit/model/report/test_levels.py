from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.model.noise import Noise
from drsn.model.recipe import Evaluation
from drsn.model.report.levels import disturbances_of, levels_of
from drsn.model.windows import Disturbance

if TYPE_CHECKING:
    from drsn.model.evaluate import Score


def test_scores_are_shown_as_recorded_and_at_the_level_nearest_to_0_db(scores: list[Score]):
    clean, noisy = levels_of(scores)
    assert (clean.name, noisy.name) == ("as recorded", "3 dB")
    assert clean.scores == scores[:1]
    assert [(score.noise, score.snr_db) for score in noisy.scores] == [("gaussian", 3.0), ("pink", 3.0)]


@pytest.mark.parametrize("snr_db", [(), (6.0, -3.0), (0.0,)])
def test_windows_are_disturbed_at_the_same_levels(snr_db: tuple[float, ...]):
    levels = disturbances_of(Evaluation(noises=(Noise.PINK, Noise.GAUSSIAN), snr_db=snr_db))
    assert levels.pop("as recorded") == [Disturbance()]
    due = {(): {}, (6.0, -3.0): {"-3 dB": -3.0}, (0.0,): {"0 dB": 0.0}}[snr_db]
    assert levels == {name: [Disturbance(Noise.PINK, at), Disturbance(Noise.GAUSSIAN, at)] for name, at in due.items()}


def test_without_noise_there_is_one_level(scores: list[Score]):
    assert [level.name for level in levels_of(scores[:1])] == ["as recorded"]
    assert list(disturbances_of(Evaluation(noises=()))) == ["as recorded"]
