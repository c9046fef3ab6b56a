from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.export.model_card import model_card
from drsn.export.parity import compare
from drsn.model.contract import NoiseCheck, SignalCheck

if TYPE_CHECKING:
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.contract import ModelContract

METRICS = {
    "parameters": 1234,
    "versions": {"torch": "2"},
    "validation_accuracy": 0.987654,
    "calibration": [
        {"set": "test", "windows": 500, "accuracy": 0.95, "calibration_error": 0.0123, "nll": 0.25, "accepted": 0.875}
    ],
    "test": [
        {"noise": None, "snr_db": None, "accuracy": 0.999, "false_alarms": 0.0},
        {"noise": "pink", "snr_db": -3.0, "accuracy": 0.5, "false_alarms": 0.25},
        {"noise": "pink", "snr_db": 6.0, "accuracy": 0.75, "false_alarms": 0.125},
    ],
}

NOISE = NoiseCheck(
    raise_after="6/8",
    signals=(
        SignalCheck(signal="hum", windows=384, named=0.0, abstained=0.5, streams=8, alarms=0),
        SignalCheck(
            signal="tone", windows=384, named=0.75, abstained=0, streams=8, alarms=6, condition="ball", decisive=False
        ),
    ),
)


@pytest.fixture
def card(checkpoint: Checkpoint, contract: ModelContract):
    """The card of the four-label contract, with metrics and changes of the contract."""

    def make(metrics: dict, description: str = "For gearboxes.", **changes: float | None) -> str:
        recipe = {**checkpoint.training.recipe, "description": description}
        training = checkpoint.training.model_copy(update={"metrics": metrics, "recipe": recipe})
        one = (np.array([[0.9, 0.1]], np.float32), np.zeros(1, np.float32))
        model = replace(checkpoint, contract=contract.model_copy(update=changes), training=training)
        return model_card(model, [compare("torch ~ onnxruntime", one, one, None, 1e-4)], NOISE)

    return make


def rows(card: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line.startswith("|")]


def test_it_says_what_the_model_is_for_and_what_it_takes(card):
    text = card({})
    assert text.startswith("# tiny 1\n\nFor gearboxes.\n\n## Input and labels\n")
    assert "float32[1, 256] at 12000 Hz, band-limited to 5300 Hz (21 ms)" in text
    assert ["inner_race_014", "inner_race", "critical", ""] in rows(text)


def test_it_says_what_noise_raises(card):
    text = card({})
    assert ["tone", "75.0", "0.0", "6 of 8", "ball"] in rows(text)
    assert "**Warning**: noise, hum and shuffled windows raise no alarm" in text
    assert "these do: tone (6 of 8 streams: ball)" in text


def test_it_says_which_conditions_have_a_parent_and_what_that_means(card, contract: ModelContract):
    labels = tuple(x if x.healthy else x.model_copy(update={"parent": "bearing"}) for x in contract.labels)
    text = card({}, labels=labels)
    assert ["inner_race_014", "inner_race", "bearing", "critical"] in rows(text)
    assert "unless the bearing detector finds the condition itself" in text


@pytest.mark.parametrize(
    ("threshold", "words"),
    [(None, "It never abstains."), (-2.5, "It abstains (`unknown`) above a novelty of -2.5. Under noise")],
)
def test_it_says_when_the_model_abstains(card, threshold: float | None, words: str):
    assert words in card({}, abstention_threshold=threshold)


def test_measurements_stand_by_noise_and_level_from_clean_down(card):
    table = rows(card(METRICS))
    assert [row for row in table if row[0] in ("noise", "pink")] == [
        ["noise", "none", "+6 dB", "-3 dB"],
        ["pink", "99.9", "75.0", "50.0"],
        ["noise", "none", "+6 dB", "-3 dB"],
        ["pink", "0.0", "12.5", "25.0"],
    ]
    assert ["test", "500", "95.0 %", "0.012", "0.250", "87.5 %"] in table
    assert ["validation accuracy", "0.9877"] in table
    assert ["parameters", "1234"] in table


def test_it_says_how_it_was_made_and_proven(card, checkpoint: Checkpoint):
    text = card(METRICS)
    assert f"seed {checkpoint.training.seed} on data of sha256 `{checkpoint.training.data_sha256}`" in text
    assert "* ok   torch ~ onnxruntime: 1 windows, largest difference 0" in text
    assert "10.1109/TII.2019.2943898" in text


@pytest.mark.parametrize("metrics", [{}, {"test": []}, {"test": METRICS["test"][:1]}, METRICS])
def test_every_table_is_whole_whatever_was_measured(card, metrics: dict):
    """As many cells in each row as in the head, which the rule follows."""
    lines = card(metrics, description="").splitlines()
    for is_table, group in groupby(lines, key=lambda line: line.startswith("|")):
        if is_table:
            head, rule, *body = rows("\n".join(group))
            assert set(rule) == {"---"}
            assert {len(row) for row in (rule, *body)} == {len(head)}
