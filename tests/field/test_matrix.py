"""The field's matrix: every payload that was collected is read right, or refused with words that name the remedy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from field.case import Case, holds, run
from field.payloads import CASES, FRACTIONS

from drsn.model.iso8601 import unix_ns

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

FIELD_DIR = Path(os.environ.get("DRSN_FIELD_DIR", Path(__file__).parents[3] / "shared" / "field"))
"""The collection itself: its folders are scripts that need a broker and recordings, so their payloads are made here."""

OTHERS = {"11", "12", "20", "21", "22", "23", "30", "32"}
"""URLs, loss, files, times and the throttle of the log: tested where they belong."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.folder}-{case.name}".replace(" ", "_"))
def test_what_people_send_is_read_right_or_refused_with_its_remedy(case: Case, contract: ModelContract):
    outcome = run(case, contract)
    if case.read is None:
        assert not outcome.windows
        assert outcome.refused
        assert all(case.words in refusal and len(refusal) < 250 for refusal in outcome.refused)
        return
    assert not [refusal for refusal in outcome.refused if "no samples" not in refusal]
    assert set(outcome.windows) == set(case.read)
    assert all(axis < 0 or holds(outcome.windows[sensor], axis) for sensor, axis in case.read.items())
    assert not outcome.notices


def test_each_folder_of_the_collection_is_in_the_matrix():
    if not FIELD_DIR.is_dir():
        pytest.skip("set DRSN_FIELD_DIR to the collection of field cases")
    folders = {path.name[:2] for path in FIELD_DIR.iterdir() if path.name[:2].isdigit()}
    assert folders <= {case.folder for case in CASES} | OTHERS


@pytest.mark.parametrize("text", FRACTIONS)
def test_a_time_is_read_alike_on_every_python(text: str):
    assert abs(unix_ns(text) - 1_796_018_400_000_000_000) in (
        0,
        123_456_700,
        123_456_789,
        5 * 10**8,
        123_000_000,
        72 * 10**11,
    )
