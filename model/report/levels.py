"""The two noise levels that tables and figures show where there is no room for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from drsn.model.windows import Disturbance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.model.evaluate import Score
    from drsn.model.recipe import Evaluation

CLEAN = "as recorded"


class Level(NamedTuple):
    """A noise level with its name and scores."""

    name: str
    scores: list[Score]


def levels_of(scores: Sequence[Score]) -> list[Level]:
    """The levels of the scores: without added noise, and all noises at 0 dB (or the nearest SNR), if measured."""
    nearest = min((score.snr_db for score in scores if score.snr_db is not None), key=abs, default=None)
    levels = [Level(CLEAN, [score for score in scores if score.snr_db is None])]
    if nearest is not None:
        levels.append(Level(f"{nearest:g} dB", [score for score in scores if score.snr_db == nearest]))
    return levels


def disturbances_of(evaluation: Evaluation) -> dict[str, list[Disturbance]]:
    """Level name -> the disturbances of the windows at that level."""
    levels = {CLEAN: [Disturbance()]}
    nearest = min(evaluation.snr_db, key=abs, default=None)
    if nearest is not None and evaluation.noises:
        levels[f"{nearest:g} dB"] = [Disturbance(noise, nearest) for noise in evaluation.noises]
    return levels
