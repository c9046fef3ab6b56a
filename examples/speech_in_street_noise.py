"""The network of the paper on sound: ten synthesised words in street noise, from the raw waveform.

Words are made by a formant synthesiser, each utterance by another speaker; the noise is traffic, horns, impacts and the
babble of other speakers. Speakers and noises of the test set are not those of the training set. Prints the accuracy
of the shrinkage blocks (drsn_cw, drsn_cs) beside attention alone (senet) and the plain residual network (resnet).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from comparison import Task, mixed
from comparison_command import run
from formant_synthesiser import SAMPLES, WORDS, spoken
from street_noise import street

from drsn.model.network import NetworkConfig, StemConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from comparison import Samples

LEVELS_DB = (None, 12.0, 6.0, 0.0, -6.0, -12.0)
TRAINING_DB = (-12.0, 18.0)


def task(*, quick: bool) -> Task:
    """Synthesise the words and the noises; `quick` makes fewer of them."""
    rng = np.random.default_rng(1)
    utterances, noises, tested = (500, 60, 150) if quick else (3000, 300, 400)
    word, test_word = (rng.integers(len(WORDS), size=count) for count in (utterances, tested))
    voice, test_voice = spoken(word, rng), spoken(test_word, rng)
    noise, test_noise = street(noises, voice, rng), street(tested, test_voice, rng)
    endless = np.concatenate([noise, noise], axis=1)

    def draw(rng: np.random.Generator, count: int) -> Samples:
        """Draw utterances, noises from a random time on, and levels."""
        chosen, shifts = rng.integers(utterances, size=count), rng.integers(SAMPLES, size=count)
        behind = np.stack([endless[rng.integers(noises), shift : shift + SAMPLES] for shift in shifts])
        return mixed(voice[chosen], behind, rng.uniform(*TRAINING_DB, size=count)), word[chosen]

    tests = {level: (mixed(test_voice, test_noise, level), test_word) for level in LEVELS_DB}
    network = NetworkConfig(labels=len(WORDS), window=SAMPLES, stem=StemConfig(stride=16))
    return Task("speech_in_street_noise", tuple(WORDS), network, draw, tests)


def main(words: Sequence[str] | None = None) -> int:
    """Run the example with the words of a command line."""
    return run(task, __doc__, words, steps=300, quick_steps=80)


if __name__ == "__main__":
    sys.exit(main())
