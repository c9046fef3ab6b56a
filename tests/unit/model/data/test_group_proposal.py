from __future__ import annotations

import re

import pytest

from drsn.model.data.group_proposal import propose_group_pattern


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["pump1_600.wav", "pump2_600.wav", "pump3_600.wav"], ("pump1", "pump2", "pump3")),
        (["a_600rpm_1.wav", "a_900rpm_1.wav", "a_1200rpm_1.wav"], ("1200rpm", "600rpm", "900rpm")),
        (["day1/x.1.csv", "day2/x.2.csv", "day3/x.3.csv"], ("day1", "day2", "day3")),
    ],
)
def test_the_part_that_recordings_share_makes_the_groups(names: list[str], groups: tuple[str, ...]):
    found = propose_group_pattern({"normal": names, "ball": names})
    assert found is not None
    pattern, proposed = found
    assert proposed == groups
    matched = [re.search(pattern, name) for name in names]
    assert {match["group"] for match in matched if match} == set(groups)


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"normal": ["1.wav", "2.wav", "3.wav"], "ball": ["4.wav", "5.wav", "6.wav"]},
        {"normal": ["a_1.wav", "a_2.wav", "a_3.wav"], "ball": ["b_4.wav", "b_5.wav", "b_6.wav"]},
    ],
)
def test_names_without_such_a_part_make_no_proposal(names: dict[str, list[str]]):
    assert propose_group_pattern(names) is None
