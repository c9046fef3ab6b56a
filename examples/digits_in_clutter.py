"""The network of the paper on images: handwritten digits among random strokes, with convolutions in two dimensions.

The digits of scikit-learn (8 x 8 pixels) lie at a random place of a canvas of 12 x 12 pixels, between strokes as bright
as theirs and in white noise. The writers of the first 1,200 digits train, the others test. Prints the accuracy of the
shrinkage blocks (drsn_cw, drsn_cs) beside attention alone (senet) and the plain residual network (resnet).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from comparison import Task, mixed
from comparison_command import run
from sklearn.datasets import load_digits

from drsn.model.network import NetworkConfig, StemConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from comparison import Samples
    from numpy.typing import NDArray

DIGIT = 8
CANVAS = 12
STROKES = 4
TRAINED = 1200
LEVELS_DB = (None, 12.0, 6.0, 3.0, 0.0, -3.0)
TRAINING_DB = (-3.0, 18.0)
NOISE_SHARE = 0.3
"""Share of white noise in the power of the clutter; the rest is strokes."""


def clutter(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Straight strokes 3 to 8 pixels long and about 1.5 wide, and white noise, of RMS 1: float32[count, 12, 12]."""
    shape = (count, STROKES, 1, 1)
    angle, half_length = rng.uniform(0, np.pi, shape), rng.uniform(1.5, 4, shape)
    row, column = np.mgrid[:CANVAS, :CANVAS]
    down, right = row - rng.uniform(0, CANVAS, shape), column - rng.uniform(0, CANVAS, shape)
    beyond = np.maximum(np.abs(down * np.sin(angle) + right * np.cos(angle)) - half_length, 0)
    aside = down * np.cos(angle) - right * np.sin(angle)
    strokes = np.clip(1.5 - np.hypot(beyond, aside), 0, 1).max(axis=1)
    noise = rng.standard_normal(strokes.shape)
    mixture: NDArray[np.float64] = np.sqrt(1 - NOISE_SHARE) * rms_1(strokes) + np.sqrt(NOISE_SHARE) * rms_1(noise)
    return mixture.astype(np.float32)


def placed(digits: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Each digit at a random place of an empty canvas: float32[n, 8, 8] to float32[n, 12, 12].

    The RMS within the place of the digit is 1, so that 0 dB is clutter as strong as the digit where the digit is.
    """
    canvas = np.zeros((len(digits), CANVAS, CANVAS), np.float32)
    row, column = rng.integers(CANVAS - DIGIT + 1, size=(2, len(digits)))
    for image, digit, top, left in zip(canvas, rms_1(digits), row, column, strict=True):
        image[top : top + DIGIT, left : left + DIGIT] = digit
    return canvas


def rms_1(images: NDArray[Any]) -> NDArray[Any]:
    """Scale each image to RMS 1."""
    scaled: NDArray[Any] = images / np.sqrt(np.square(images).mean(axis=(1, 2), keepdims=True))
    return scaled


def task(*, quick: bool) -> Task:
    """Read the digits and draw the clutter; `quick` draws less of it."""
    rng = np.random.default_rng(1)
    images, label = load_digits(return_X_y=True)
    images, label = images.reshape(-1, DIGIT, DIGIT).astype(np.float32), label.astype(np.int64)
    behind = clutter(500 if quick else 2000, rng)
    test_images, test_label = placed(images[TRAINED:], rng), label[TRAINED:]
    test_clutter = clutter(len(test_images), rng)

    def draw(rng: np.random.Generator, count: int) -> Samples:
        """Draw digits, their places, clutter moved by a random distance, and levels."""
        chosen = rng.integers(TRAINED, size=count)
        around = np.roll(behind[rng.integers(len(behind), size=count)], rng.integers(CANVAS, size=2), axis=(1, 2))
        return mixed(placed(images[chosen], rng), around, rng.uniform(*TRAINING_DB, size=count)), label[chosen]

    tests = {level: (mixed(test_images, test_clutter, level), test_label) for level in LEVELS_DB}
    network = NetworkConfig(
        labels=10,
        dimensions=2,
        window=CANVAS,
        stem=StemConfig(channels=16, kernel=3, stride=1),
    )
    return Task("digits_in_clutter", tuple("0123456789"), network, draw, tests)


def main(words: Sequence[str] | None = None) -> int:
    """Run the example with the words of a command line."""
    return run(task, __doc__, words, steps=500, quick_steps=200)


if __name__ == "__main__":
    sys.exit(main())
