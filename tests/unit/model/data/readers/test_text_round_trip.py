"""Tables in every layout that a program may write: read to the digit, or refused. Never misread."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.data.readers.text import read_text
from drsn.model.errors import BadDataError

SIGNALS = {  # values of float64[n], and how they are written
    "acceleration": (lambda x: x, ("{:.1f}", "{:.3f}", "{:.5f}", "{:g}", "{:.4e}")),
    "small": (lambda x: x / 100, ("{:.2f}", "{:.6f}", "{:.4e}")),
    "volts": (lambda x: 2.5 + x / 10, ("{:.2f}", "{:.3f}", "{:.4f}")),
    "large": (lambda x: 100 * x, ("{:.3f}", "{:g}")),
    "counts": (lambda x: np.round(500 * x), ("{:.0f}",)),
    "unsigned": (lambda x: np.round(2048 + 300 * x), ("{:.0f}",)),
}


class Writing(NamedTuple):
    """How a table is written."""

    signal: str
    form: int
    channels: int
    delimiter: str
    decimal: str
    quoted: bool
    trailing: bool
    header: bool
    rate_hz: float | None


WRITINGS = st.builds(
    Writing,
    signal=st.sampled_from([*SIGNALS]),
    form=st.integers(0, 4),
    channels=st.integers(1, 4),
    delimiter=st.sampled_from([",", ";", "\t", "|", " "]),
    decimal=st.sampled_from(".,"),
    quoted=st.booleans(),
    trailing=st.booleans(),
    header=st.booleans(),
    rate_hz=st.sampled_from([None, None, 400.0, 12_000.0, 48_828.125]),
)


@given(WRITINGS, st.integers(0, 2**32 - 1), st.sampled_from([20, 60, 150]))
def test_a_table_is_read_right_or_refused(way: Writing, seed: int, n: int):
    make, forms = SIGNALS[way.signal]
    form = forms[way.form % len(forms)]
    values = make(np.random.default_rng(seed).normal(0, 1, (way.channels, n)))
    quote = '"' if way.quoted and way.delimiter != " " else ""

    def cell(value: float, pattern: str = form) -> str:
        return f"{quote}{pattern.format(value).replace('.', way.decimal)}{quote}"

    rows = [[cell(value) for value in row] for row in values.T]
    names = [f"ch{channel}" for channel in range(way.channels)]
    if way.rate_hz:
        rows = [[cell(k / way.rate_hz, "{:.8f}"), *row] for k, row in enumerate(rows)]
        names = ["time_s", *names]
    end = way.delimiter if way.trailing and way.delimiter != " " else ""
    lines = [way.delimiter.join(row) + end for row in ([names] if way.header or way.rate_hz else []) + rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            found = read_text(path)
        except BadDataError:
            return
    written = [[float(form.format(value)) for value in channel] for channel in values]
    np.testing.assert_allclose(np.atleast_2d(found.samples), written, rtol=1e-9)
    if way.rate_hz:
        assert abs(found.rate_hz / way.rate_hz - 1) < 2e-3
