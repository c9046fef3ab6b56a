from __future__ import annotations

from pathlib import Path

import pytest

from drsn.model.data.readers.text_header import TextHeader, read_header
from drsn.model.data.readers.text_layout import find_table
from drsn.model.errors import BadDataError

PATH = Path("a.csv")
BODY = "0.5;1\n0.25;2\n0.75;3"


def header(text: str, body: str = BODY) -> TextHeader:
    lines = [(n, line) for n, line in enumerate(f"{text}\n{body}".split("\n"), start=1) if line.strip()]
    return read_header(PATH, find_table(PATH, lines))


@pytest.mark.parametrize(
    ("line", "rate_hz"),
    [
        ("Sampling rate;25600", 25_600),
        ("Sample Rate [Hz]: 25600", 25_600),
        ("# sampling frequency = 25.6 kHz", 25_600),
        ("fs=12000", 12_000),
        ("SampleRate;12000;;", 12_000),
        ("Abtastrate: 51200 Hz", 51_200),
        ("Delta_X;3.90625E-5", 25_600),
        ("Sample Interval (s);0.001", 1000),
        ("dt = 39.0625 us", 25_600),
        ("FS 4 g", None),  # the range of a sensor
        ("FS=16g", None),
        ("DT 2026-01-02", None),
        ("Samples;25600", None),
        ("Time;5", None),
        ("Sampled on Monday 2026", None),
    ],
)
def test_a_rate_is_read_from_a_line_that_states_one(line: str, rate_hz: float | None):
    assert header(f"Title;test\n{line}").rate_hz == rate_hz


def test_two_rates_are_refused():
    with pytest.raises(BadDataError, match="states 12000 Hz and 25600 Hz"):
        header("fs=12000\nSampling rate;25600")


@pytest.mark.parametrize(
    ("text", "names", "units"),
    [
        ("x;z", ("x", "z"), ()),
        ("time;x\ns;g", ("time", "x"), ("s", "g")),
        ("time;x\n[ms];[m/s²]", ("time", "x"), ("[ms]", "[m/s²]")),
        ("Writer;2\nX_Value;Acceleration;Comment", ("X_Value", "Acceleration"), ()),
        ("a;b\nData", ("a", "b"), ()),
        ("Title;test\nx;z", ("x", "z"), ()),
    ],
)
def test_names_and_units_are_those_of_the_columns(text: str, names: tuple[str, ...], units: tuple[str, ...]):
    found = header(text)
    assert (found.names, found.units) == (names, units)


def test_a_single_line_that_does_not_fit_is_refused():
    with pytest.raises(BadDataError, match="does not name 2 columns"):
        header("x;y;z")
