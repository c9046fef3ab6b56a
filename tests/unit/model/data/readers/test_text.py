from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.data.content import Choice
from drsn.model.data.readers.text import read_text
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.model.data.content import Content

TWO = [[1.5, 2.5, -3.0], [4.0, 5.0, 6.0]]


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Content]:
    def of(text: str) -> Content:
        (tmp_path / "a.csv").write_text(text, encoding="utf-8")
        return read_text(tmp_path / "a.csv")

    return of


@pytest.mark.parametrize(
    "text",
    [
        "1.5,4\n2.5,5\n-3,6\n",
        "1.5, 4\r\n2.5, 5\r\n\r\n-3, 6",
        "1,5;4\n2,5;5\n-3,0;6",
        "1,5\t4\n2,5\t5\n-3\t6",
        "  1.5   4e0\n 2.5 5\n-3 6\n",
        '"1.5","4"\n"2.5","5"\n"-3","6"\n',
        "# recorder 7\n% at noon\n1.5,4\n2.5,5\n-3,6\n",
    ],
)
def test_columns_are_channels_however_they_are_parted(text: str, read: Callable[[str], Content]):
    columns = read(text)
    np.testing.assert_array_equal(columns.samples, TWO)
    assert (columns.rate_hz, columns.names) == (None, ())


@pytest.mark.parametrize(
    ("header", "names"), [("x,z", ("x", "z")), ('"Acc X [g]", z', ("Acc X [g]", "z")), ("# x,z", ("x", "z"))]
)
def test_a_header_names_the_channels(header: str, names: tuple[str, ...], read: Callable[[str], Content]):
    columns = read(f"\ufeff{header}\n1.5,4\n2.5,5\n-3,6\n")
    assert columns.names == names
    np.testing.assert_array_equal(columns.samples, TWO)


def test_one_column_may_have_a_name_of_two_words(read: Callable[[str], Content]):
    assert read("Acc X\n1\n2\n").names == ("Acc X",)


@pytest.mark.parametrize(
    ("name", "scale"),
    [("time", 1), ("t", 1), ("Time_s", 1), ("time (s)", 1), ("T [ms]", 1e3), ("time_us", 1e6), ("timestamp", 1)],
)
def test_a_column_of_time_gives_the_rate_and_is_no_channel(name: str, scale: float, read: Callable[[str], Content]):
    time = 1_700.0 + np.arange(2000) / 25_600
    lines = [f"{t * scale:.9f},{n % 7}" for n, t in enumerate(time)]
    columns = read("\n".join([f"{name},x", *lines]))
    assert (columns.rate_hz, columns.names, columns.samples.shape) == (25_600, ("x",), (1, 2000))


def test_a_time_that_is_written_coarsely_still_gives_the_rate(read: Callable[[str], Content]):
    columns = read("\n".join(["time,x", *(f"{n / 25_600:.5f},{n % 7}" for n in range(25_601))]))  # steps: 0.00003906
    assert columns.rate_hz == 25_600


@pytest.mark.parametrize("lost", [1, 500, 998])
def test_a_lost_sample_is_noticed(lost: int, read: Callable[[str], Content]):
    with pytest.raises(BadDataError, match="uneven steps"):
        read("\n".join(["time,x", *(f"{n / 1000:.6f},{n % 7}" for n in range(1000) if n != lost)]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no line of numbers"),
        ("x,z\n", "no line of numbers"),
        ("see the other file\nand the third\n", "no line of numbers"),
        ("1.5,2\n\n3\n", "line 3: no recording: not 2 numbers"),
        ("x,z\n1,2\n3,n/a\n", "line 3"),
        ("x,y,z\n1.5,2\n", "does not name 2 columns"),
        ("time,x\n3,1\n2,1\n", "does not rise"),
        ("time,x\nnan,1\n2,1\n", "line 2: .*column 0 is 'nan'"),
        ("time,x\n1,1\n", "does not rise"),
    ],
)
def test_what_is_no_table_is_refused_by_its_line(text: str, said: str, read: Callable[[str], Content]):
    with pytest.raises(BadDataError, match=said):
        read(text)


def test_any_text_is_a_table_or_refused(read: Callable[[str], Content]):
    @given(st.lists(st.text(st.sampled_from("0123456789.,;\t -+eE#%tx\"'\0é_"), max_size=12), max_size=6))
    def read_or_refuse(lines: list[str]) -> None:
        try:
            columns = read("\n".join(lines))
        except BadDataError:
            return
        assert columns.samples.ndim == 2
        assert len(columns.names) in (0, len(columns.samples))

    read_or_refuse()


DIGITS = st.integers(1, 6)


@given(st.lists(st.floats(-20, 20), min_size=20, max_size=60), DIGITS, st.booleans())
def test_a_column_of_decimal_commas_is_never_two_channels(values: list[float], digits: int, header: bool):  # noqa: FBT001
    """It is one channel of these numbers, or refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        lines = [f"{value:.{digits}f}".replace(".", ",") for value in values]
        path.write_text("\n".join(["Beschleunigung"] * header + lines), encoding="utf-8")
        try:
            samples = read_text(path).samples
        except BadDataError:
            return
        np.testing.assert_allclose(samples, [np.round(values, digits)], atol=10.0**-digits)


@given(st.floats(1.5, 150_000), st.sampled_from(["time", "t", "timestamp"]))
def test_milliseconds_without_a_unit_are_never_seconds(rate_hz: float, name: str):
    """All rates below 1 MHz; the file is refused, or its rate is the true one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        rows = (f"{1000 * n / rate_hz:.7f},{n % 7}" for n in range(100))
        path.write_text("\n".join([f"{name},x", *rows]), encoding="utf-8")
        with pytest.raises(BadDataError, match=r"has no unit|uneven|does not rise"):
            read_text(path)
        found = read_text(path, Choice(rate_hz)).rate_hz
        assert found == pytest.approx(rate_hz, rel=2e-3)
