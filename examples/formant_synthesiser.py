"""A formant synthesiser: ten short words of voiced sounds, by the source-filter model, in numpy.

Klatt, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67(3), 1980, doi 10.1121/1.383940:
the cascade branch with its voicing source (impulses through a low-pass resonator), four formant resonators in series,
the radiation of the lips as a first difference, and parameters that change every 5 ms. The formants are those of its
Tables II and III. Left out: frication, and the pole and zero of nasals, for which the bandwidths stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ = 8000
FRAME = 40  # samples: 5 ms
FRAMES = 103
SAMPLES = FRAME * FRAMES  # 0.515 s

CONSONANTS = {  # formants 1 to 3 in Hz, then their bandwidths in Hz
    "w": (290, 610, 2150, 50, 80, 60),
    "y": (260, 2070, 3020, 40, 250, 500),
    "r": (310, 1060, 1380, 70, 100, 120),
    "l": (310, 1050, 2880, 50, 100, 280),
    "n": (480, 1340, 2470, 40, 300, 300),
}
VOWELS = {  # at the beginning of the vowel, and at its end
    "ee": ((310, 2020, 2960, 45, 200, 400), (290, 2070, 2960, 60, 200, 400)),
    "ey": ((480, 1720, 2520, 70, 100, 200), (330, 2020, 2600, 55, 100, 200)),
    "ah": ((620, 1660, 2430, 70, 150, 320), (650, 1490, 2470, 70, 100, 320)),
    "eye": ((660, 1200, 2550, 100, 70, 200), (400, 1880, 2500, 70, 100, 200)),
    "ow": ((640, 1230, 2550, 80, 70, 140), (420, 940, 2350, 80, 70, 80)),
    "oh": ((540, 1100, 2300, 80, 70, 70), (450, 900, 2300, 80, 70, 70)),
    "oo": ((350, 1250, 2200, 65, 110, 140), (320, 900, 2200, 65, 110, 140)),
    "aw": ((600, 990, 2570, 90, 100, 80), (630, 1040, 2600, 90, 100, 80)),
}
WORDS = {
    "we": ("w", "ee"),
    "way": ("w", "ey"),
    "why": ("w", "eye"),
    "you": ("y", "oo"),
    "yeah": ("y", "ah"),
    "no": ("n", "oh"),
    "now": ("n", "ow"),
    "law": ("l", "aw"),
    "ray": ("r", "ey"),
    "row": ("r", "oh"),
}
KNOTS = (0.0, 0.15, 0.35, 0.6, 1.0)
"""Parts of a word at which its formants are given: consonant, consonant, vowel, vowel, end of the vowel."""


def spoken(word: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """One utterance of each word, each by another speaker: float32[n, SAMPLES], of RMS 1.

    A speaker has a pitch from 80 to 250 Hz and a vocal tract whose length goes with it; an utterance has its own
    beginning, duration of 0.28 to 0.42 s, and fall of the pitch.
    """
    count = len(word)
    pitch_hz = np.exp(rng.uniform(np.log(80), np.log(250), count))
    tract = 1 + 0.16 * np.log(pitch_hz / 110) / np.log(2) + rng.normal(0, 0.03, count)
    frames = rng.uniform(0.28, 0.42, count) * RATE_HZ / FRAME
    start = rng.uniform(2, FRAMES - 2 - frames)
    part = (np.arange(FRAMES) - start[:, np.newaxis]) / frames[:, np.newaxis]  # 0 to 1 within the word
    fall = 1 - rng.uniform(0, 0.3, count)[:, np.newaxis] * (part - 0.5)
    loudness = np.clip(np.minimum(part / 0.12, (1 - part) / 0.25), 0, 1)
    source = voicing(pitch_hz[:, np.newaxis] * fall, loudness, rng)
    x = np.diff(filtered(source, *resonators(targets(word, part, tract))), axis=1, prepend=np.float32(0))
    scaled: NDArray[np.float32] = x / np.sqrt(np.square(x).mean(axis=1, keepdims=True))
    return scaled


def targets(word: NDArray[np.int64], part: NDArray[np.float64], tract: NDArray[np.float64]) -> NDArray[np.float64]:
    """Formants, then bandwidths, of each frame in Hz: float64[n, FRAMES, 2, 4]."""
    found = np.empty((*part.shape, 2, 4))
    found[..., 0, 3], found[..., 1, 3] = 3300, 250
    for index, (consonant, vowel) in enumerate(WORDS.values()):
        begin, end = VOWELS[vowel]
        knots = np.array([CONSONANTS[consonant], CONSONANTS[consonant], begin, begin, end])
        for row in np.flatnonzero(word == index):
            track = [np.interp(part[row], KNOTS, column) for column in knots.T]
            found[row, :, :, :3] = np.stack(track, axis=1).reshape(-1, 2, 3)
    found[:, :, 0] *= tract[:, np.newaxis, np.newaxis]
    return found


def voicing(
    pitch_hz: NDArray[np.float64], loudness: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Glottal impulses with 1 % of jitter, and breath 40 dB below their peak: float32[n, SAMPLES]."""
    jitter = 1 + 0.01 * rng.standard_normal(pitch_hz.shape)
    turns = np.cumsum(np.repeat(pitch_hz * jitter, FRAME, axis=1) / RATE_HZ, axis=1)
    impulses = np.diff(np.floor(turns), axis=1, prepend=0)
    breath = 0.01 * rng.standard_normal(turns.shape)
    return ((impulses + breath) * np.repeat(loudness, FRAME, axis=1)).astype(np.float32)


def resonators(parameters: NDArray[np.float64]) -> tuple[NDArray[np.float32], ...]:
    """Klatt's coefficients A, B, C of the glottal low-pass and four formants: each float32[5, FRAMES, n].

    A formant above 3.8 kHz would fold at 4 kHz, so it is set to 3.8 kHz.
    """
    low_pass = np.broadcast_to(np.array([[0.0], [100.0]]), (*parameters.shape[:2], 2, 1))
    frequency_hz, bandwidth_hz = np.moveaxis(np.concatenate([low_pass, parameters], axis=3), (2, 3), (0, 1))
    radius = np.exp(-np.pi * bandwidth_hz / RATE_HZ)
    b = 2 * radius * np.cos(2 * np.pi * np.minimum(frequency_hz, 3800) / RATE_HZ)
    c = -np.square(radius)
    return tuple(np.ascontiguousarray(k.transpose(0, 2, 1), np.float32) for k in (1 - b - c, b, c))


def filtered(
    source: NDArray[np.float32], a: NDArray[np.float32], b: NDArray[np.float32], c: NDArray[np.float32]
) -> NDArray[np.float32]:
    """All resonators in series, y[t] = A x[t] + B y[t - 1] + C y[t - 2]; a loop over samples, not utterances."""
    before = np.zeros((2, len(a), len(source)), np.float32)  # y[t - 1] and y[t - 2] of each resonator
    out = np.empty(source.shape[::-1], np.float32)
    for t, x in enumerate(np.ascontiguousarray(source.T)):
        frame, last, older = t // FRAME, before[t % 2], before[(t + 1) % 2]
        past = b[:, frame] * last + c[:, frame] * older
        for k in range(len(a)):
            x = a[k, frame] * x + past[k]  # noqa: PLW2901 (the output of a resonator is the input of the next)
            older[k] = x
        out[t] = x
    filtered_source: NDArray[np.float32] = out.T
    return filtered_source
