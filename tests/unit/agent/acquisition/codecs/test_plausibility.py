from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import PayloadFormat
from drsn.agent.acquisition.codecs.plausibility import MIN_SAMPLES, flatness, other_reading, text_under_raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

DTYPES = {"i16": (30, 300, 3000), "i24": (300, 3e5), "i32": (300, 1e6, 1e8), "f32": (0.01, 1, 50), "f64": (0.01, 1, 50)}


def signals(count: int = 1024) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Signals with a deviation of 1: white, red, resonances, tones in noise, impacts, a short average."""
    rng, at = np.random.default_rng(0), np.arange(count)
    white = rng.standard_normal(count)
    yield "white", white
    yield "red", np.cumsum(white) - np.linspace(0, white.sum(), count)
    for frequency, decay in ((0.05, 0.95), (0.2, 0.97), (0.3, 0.9), (0.4, 0.8)):
        yield f"resonance at {frequency}", _rung(white, frequency, decay)
    yield "tone", np.sin(2 * np.pi * 0.05 * at) + 0.1 * white
    yield "tone in noise", np.sin(2 * np.pi * 0.05 * at) + 0.7 * white
    impacts = np.where(at % 110 == 0, 10.0, 0.0)
    yield "impacts", _rung(impacts, 0.25, 0.9) + white
    yield "impacts in noise", _rung(impacts, 0.25, 0.9) + 4 * white
    yield "average", np.convolve(white, [0.5, 0.5], "same")


def _rung(x: NDArray[np.float64], frequency: float, decay: float) -> NDArray[np.float64]:
    at = np.arange(300)
    return np.convolve(x, decay**at * np.cos(2 * np.pi * frequency * at))[: len(x)]


def encoded(x: NDArray[np.float64], dtype: str, *, big: bool) -> bytes:
    order = ">" if big else "<"
    if dtype == "i24":
        quads = np.frombuffer(np.rint(x).astype("<i4").tobytes(), "u1").reshape(-1, 4)[:, :3]
        return bytes((quads[:, ::-1] if big else quads).tobytes())
    counts = np.rint(x).clip(-(2.0**31), 2.0**31 - 1) if dtype[0] == "i" else x
    counts = counts.clip(-32768, 32767) if dtype == "i16" else counts
    return bytes(counts.astype(order + {"i16": "i2", "i32": "i4", "f32": "f4", "f64": "f8"}[dtype]).tobytes())


READINGS = list(itertools.product(DTYPES, (False, True)))


@pytest.mark.parametrize(("dtype", "big"), READINGS)
def test_what_is_read_right_is_never_doubted_and_advice_is_right(dtype: str, big: bool):  # noqa: FBT001
    advice = []
    for (_, signal), amplitude in itertools.product(signals(), DTYPES[dtype]):
        data = encoded(signal / signal.std() * amplitude, dtype, big=big)
        assert other_reading([data], PayloadFormat(dtype=dtype, big_endian=big)) is None
        for other, order in READINGS:
            found = other_reading([data], PayloadFormat(dtype=other, big_endian=order))
            if found is not None and found.certain:
                advice.append(other == dtype or f"dtype = '{dtype}'" in found.text)
    assert len(advice) > 40
    assert sum(advice) >= 0.9 * len(advice)


def test_noise_is_white_and_everything_else_is_not():
    rng = np.random.default_rng(1)
    assert all(flatness(rng.standard_normal((1, MIN_SAMPLES))) > 0.9 for _ in range(100))
    assert flatness(np.cumsum(rng.standard_normal((1, MIN_SAMPLES)), axis=1)) < 0.5
    assert flatness(np.zeros((2, MIN_SAMPLES))) == pytest.approx(1)


def test_a_header_of_half_a_sample_is_found():
    x = dict(signals(2048))["resonance at 0.2"] * 1e7
    found = other_reading([b"\1\2" + encoded(x, "i32", big=False) + b"\3\4"], PayloadFormat(dtype="i32"))
    assert found is not None
    assert "set header_bytes = 2" in found.text


def test_pairs_of_16_bit_samples_are_not_taken_for_32_bit_ones():
    for name, x in signals():
        data = encoded(x / x.std() * 1000, "i16", big=False)
        found = other_reading([data], PayloadFormat(dtype="i32"))
        assert found is None or "set dtype = 'i16'" in found.text, name
        assert found is not None or flatness(x[np.newaxis]) > 0.5


def test_the_channels_are_kept_apart():
    pair = np.stack([x for _, x in itertools.islice(signals(), 2, 4)], axis=1) * 1000
    assert other_reading([encoded(pair, "i16", big=False)], PayloadFormat(dtype="i16", channels=2)) is None
    found = other_reading([encoded(pair, "i16", big=True)], PayloadFormat(dtype="i16", channels=2))
    assert found is not None
    assert "set byte_order = 'big'" in found.text


def test_an_offset_binary_adc_is_found():
    x = dict(signals())["impacts"] * 3000
    data = (x + 32768).clip(0, 65535).astype("<u2").tobytes()
    found = other_reading([data], PayloadFormat(dtype="i16"))
    assert found is not None
    assert "set dtype = 'u16'" in found.text
    assert other_reading([data], PayloadFormat(dtype="u16")) is None


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("\n".join(f"{n / 7:.5f}" for n in range(100)), "encoding = 'text'"),
        (bytes(range(100)).hex(), "encoding = 'hex'"),
        ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ=", "encoding = 'base64'"),
        (json.dumps({"samples": list(range(100))}), "codec = 'json'"),
    ],
)
def test_text_is_no_samples(text: str, setting: str):
    found = text_under_raw(text.encode(), PayloadFormat(dtype="i16"))
    assert found is not None
    assert found.certain
    assert setting in found.text
    assert text_under_raw(text.encode(), PayloadFormat(dtype="u8")) is None  # a small signal around 50 counts


def test_samples_are_no_text():
    rng = np.random.default_rng(2)
    for amplitude in (1, 30, 1000, 20_000):
        counts = (rng.standard_normal(2048) * amplitude).astype("<i2")
        assert text_under_raw(counts.tobytes(), PayloadFormat(dtype="i16")) is None
    assert text_under_raw(b"00" * 2048, PayloadFormat(dtype="i16")) is None  # a sensor that stands still
