from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from drsn.agent.evidence.json_form import read
from drsn.agent.tools.web.downloads import FORMATS


def test_the_npz_is_the_record(record):
    _, make = FORMATS["npz"]
    assert read(make(record)).header == record.header


def test_the_csv_has_each_sample(record):
    _, make = FORMATS["csv"]
    head, *rows = make(record).decode().splitlines()
    assert head == "t_s,window,channel_1_g"
    values = np.array([row.split(",") for row in rows], float)
    assert values.shape == (record.samples.shape[0] * record.samples.shape[2], 3)
    assert values[:, 2] == pytest.approx(record.samples[:, 0, :].ravel(), rel=1e-5)


def test_the_wav_has_each_sample_once_at_its_rate(record):
    _, make = FORMATS["wav"]
    with wave.open(io.BytesIO(make(record))) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (1, round(record.header.sample_rate_hz))
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    assert samples.size <= record.samples.shape[0] * record.samples.shape[2]
    assert np.abs(samples.astype(int)).max() == 32_767
