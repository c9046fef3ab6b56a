"""Ties between two readings, and what decides them."""

from __future__ import annotations

from pathlib import Path

import pytest

from drsn.model.data.readers.text_fields import Layout
from drsn.model.data.readers.text_layout import Table, find_table
from drsn.model.errors import BadDataError

PATH = Path("a.csv")


def found(text: str, decimal: str | None = None) -> Table:
    return find_table(PATH, list(enumerate(text.strip("\n").split("\n"), start=1)), decimal)


def counts(first: str, second: str) -> str:
    return "\n".join(f"{n * 37 % 900}{first}{1000 + n * 91 % 900}{second}" for n in range(40))


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("0,05\n0,51\n-0,30", Layout(None, ",")),
        ("Beschleunigung\n2,51\n2,60", Layout(None, ",")),
        ("x,y\n" + counts(",", ""), Layout(",", ".")),
        ("1,-2\n3,4", Layout(",", ".")),
        ("1, 2\n3, 4", Layout(",", ".")),
        ("1.5,2\n3,4", Layout(",", ".")),
        ("1,5;2\n3;4,25", Layout(";", ",")),
        ("1;2\n3;4", Layout(";", ".")),
        ("sep=\t\n1\t2\n3\t4", Layout("\t", ".")),
        ('"1,5","2,5"\n"3,0","4,25"', Layout(",", ",")),
        ("Title; a\n1,25\n0,05\n", Layout(None, ",")),
        ("25600\n1.5;2\n2.5;3\n4;5", Layout(";", ".")),
    ],
)
def test_what_is_written_decides(text: str, layout: Layout):
    assert found(text).layout == layout


@pytest.mark.parametrize(
    "text",
    [
        counts(",", ""),
        "2,51\n2,60\n2,71",
        "Acceleration, g\n2,51\n2,60\n2,71",  # one name with a comma, and no decimals with a zero in front
        "x,y\n0,05\n1,07",  # two names, and leading zeros
        "1,2\n\n3".replace("\n\n", "\n"),
    ],
)
def test_where_nothing_decides_the_remedy_is_named_and_works(text: str):
    with pytest.raises(BadDataError, match=r"a\.csv: its commas are decimal marks or part two columns.*--decimal"):
        found(text)
    assert found(text, ",").layout == Layout(None, ",")
    assert found(text, ".").layout == Layout(",", ".")


@pytest.mark.parametrize(
    "text",
    ["1.234;567\n12;1.000", "1,234\t567\n12\t1,000", "2,512;2,513\n2,514;2,515", "1,234.5;2\n1,200.0;3\n1,100.0;4"],
)
def test_numbers_that_may_group_thousands_are_refused(text: str):
    with pytest.raises(BadDataError, match="group thousands"):
        found(text)


def test_decimals_of_three_digits_are_decimals():
    assert found("2.512;2.513\n2.514;2.515").layout == Layout(";", ".")
    assert found("0,512;0,513\n2,514;2,515").layout == Layout(";", ",")
    assert found("2,512;2,513\n2,514;2,515", ",").layout == Layout(";", ",")


def test_remarks_at_the_end_are_no_lines_of_the_table():
    table = found("x\n1.5\n2.5\n# done\n% really")
    assert [line for _, line in table.body] == ["1.5", "2.5"]
    assert table.header == ((1, "x"),)
