"""What a network makes of noise, hum, tones and shuffled windows, by the agent's decision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.backends.backend import Outputs
from drsn.agent.settings.alarm_sections import AlarmsSection
from drsn.export.noise_check import (
    FALL,
    REPORTED,
    RISE,
    SHUFFLED,
    STREAMS,
    WINDOWS,
    check_bundle,
    check_on_noise,
    noise_lines,
    refuse_misled,
    signals,
)
from drsn.model.bundle import open_bundle
from drsn.model.errors import BundleError
from drsn.model.foreign_signals import STRANGERS, resonances
from drsn.model.training.augmentation import NOISES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract, NoiseCheck

SHIPPED = sorted((Path(__file__).parents[3] / "agent/bundles").glob("*.zip"))


class Rule:
    """A network by a rule: which of the windows show a fault."""

    name = "rule"

    def __init__(self, contract: ModelContract, faulty: Callable[[NDArray[np.float32]], NDArray[np.bool_]]) -> None:
        self.labels, self.faulty, self.novelty = len(contract.labels), faulty, 0.0

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        probabilities = np.zeros((len(x), self.labels), np.float32)
        probabilities[np.arange(len(x)), np.where(self.faulty(x), self.labels - 1, 0)] = 1
        return Outputs(probabilities, np.full(len(x), self.novelty, np.float32), None)

    def close(self) -> None:
        pass


def tonal(x: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Three bins of the spectrum, above those of hum, hold most of the power; of noise it is less."""
    power = np.abs(np.fft.rfft(x[:, 0])) ** 2
    above_hum = power[:, x.shape[-1] // 16 :]
    return np.sort(above_hum, axis=1)[:, -3:].sum(axis=1) > 0.75 * power.sum(axis=1)


@pytest.fixture
def checked(contract: ModelContract) -> Callable[..., NoiseCheck]:
    recorded = np.random.default_rng(3).standard_normal((5, contract.channels, contract.window)).astype(np.float32)

    def check(faulty: Callable[[NDArray[np.float32]], NDArray[np.bool_]], novelty: float = -1e9) -> NoiseCheck:
        rule = Rule(contract, faulty)
        rule.novelty = novelty
        return check_on_noise(rule, contract, recorded)

    return check


def test_a_network_that_names_nothing_passes(checked):
    found = checked(lambda x: np.zeros(len(x), bool))
    assert not found.misled
    assert not found.refused
    refuse_misled(found, "c.pt", force=False)
    assert "raise no alarm" in noise_lines(found)[-1]


def test_a_network_that_names_everything_is_refused_and_force_builds_it(checked, contract: ModelContract):
    found = checked(lambda x: np.ones(len(x), bool))
    assert {signal.alarms for signal in found.signals} == {STREAMS}
    assert {signal.condition for signal in found.signals} == {contract.labels[-1].condition}
    assert {signal.named for signal in found.signals} == {1.0}
    with pytest.raises(BundleError, match=r"gaussian noise \(8 of 8 streams: .*--force"):
        refuse_misled(found, "c.pt", force=False)
    refuse_misled(found, "c.pt", force=True)
    assert noise_lines(found)[-1].startswith("warning: ")


def test_what_is_unknown_raises_no_alarm_of_a_fault(checked, contract: ModelContract):
    if contract.abstention_threshold is None:
        pytest.skip("this contract never abstains")
    found = checked(lambda x: np.ones(len(x), bool), novelty=1e9)
    assert {signal.abstained for signal in found.signals} == {1.0}
    assert not found.misled


def test_tones_are_reported_and_refuse_nothing(checked):
    found = checked(tonal)
    assert "tone" in {signal.signal for signal in found.misled} <= {*REPORTED}
    assert not found.refused
    assert "these do: tone" in str(found)


def test_kinds_that_no_training_uses_remain_and_one_of_them_decides():
    trained = {*NOISES, resonances}
    unseen = {name for name, make in STRANGERS.items() if make not in trained and "resonance" not in name}
    assert unseen == {"hum", *REPORTED}
    assert unseen - {*REPORTED} == {"hum"}


def test_votes_decide_not_single_windows(checked):
    """Every other window names a fault: half of the windows, and no alarm by six of eight."""
    calls = iter(range(10_000))
    found = checked(lambda x: np.full(len(x), next(calls) % 2 == 0))
    assert {signal.named for signal in found.signals} == {0.5}
    assert not found.misled


def test_the_votes_are_the_defaults_of_the_agent():
    assert (AlarmsSection().raise_after, AlarmsSection().clear_after) == (RISE, FALL)


def test_shuffled_windows_keep_their_values(contract: ModelContract):
    wide = contract.model_copy(update={"bandwidth_hz": contract.sample_rate_hz / 2})
    recorded = np.random.default_rng(3).standard_normal((5, wide.channels, wide.window)).astype(np.float32)
    made = dict(signals(wide, recorded, np.random.default_rng(0)))
    assert made[SHUFFLED].shape == (STREAMS, WINDOWS, wide.input_channels, wide.window)
    power = np.square(recorded).mean(axis=(1, 2))
    assert np.isin(np.round(np.square(made[SHUFFLED]).mean(axis=(2, 3)), 0), np.round(power, 0)).all()


def test_a_network_of_the_order_domain_gets_a_speed(contract: ModelContract):
    order = contract.model_copy(update={"domain": "order", "channels": 2})
    recorded = np.zeros((5, 3, order.window), np.float32)
    for _, x in signals(order, recorded, np.random.default_rng(0)):
        assert x.shape == (STREAMS, WINDOWS, 3, order.window)
        assert (x[:, :, -1, -1] > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_shipped_bundle_names_noise(path: Path):
    assert not check_bundle(open_bundle(path)).refused
