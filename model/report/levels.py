"""The two levels of noise that tables and pictures show where there is no room for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from drsn.model.windows import Disturbance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.model.evaluate import Score
    from drsn.model.recipe import Evaluation

CLEAN = "as recorded"


class Level(NamedTuple):
    """A name, and the scores that belong to it."""

    name: str
    scores: list[Score]


def levels_of(scores: Sequence[Score]) -> list[Level]:
    """As recorded, and where noise was measured all noises at 0 dB, or the SNR nearest to it."""
    nearest = min((score.snr_db for score in scores if score.snr_db is not None), key=abs, default=None)
    levels = [Level(CLEAN, [score for score in scores if score.snr_db is None])]
    if nearest is not None:
        levels.append(Level(f"{nearest:g} dB", [score for score in scores if score.snr_db == nearest]))
    return levels


def disturbances_of(evaluation: Evaluation) -> dict[str, list[Disturbance]]:
    """The same levels by name, as what is done to the windows."""
    levels = {CLEAN: [Disturbance()]}
    nearest = min(evaluation.snr_db, key=abs, default=None)
    if nearest is not None and evaluation.noises:
        levels[f"{nearest:g} dB"] = [Disturbance(noise, nearest) for noise in evaluation.noises]
    return levels
