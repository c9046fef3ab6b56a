from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.voting import MAX_WINDOWS, Quorum, Votes


@given(votes=st.lists(st.booleans(), max_size=2 * MAX_WINDOWS), of=st.integers(1, MAX_WINDOWS))
def test_they_count_like_the_end_of_a_list(votes: list[bool], of: int):
    history = Votes()
    for vote in votes:
        history = history.push(vote)
    assert history.votes_for(of) == sum(votes[-of:])
    assert history.votes_against(of) == len(votes[-of:]) - sum(votes[-of:])


def test_a_window_that_never_voted_is_no_vote_against():
    assert Votes().votes_against(8) == 0
    assert Votes().push(True).votes_against(8) == 0


def test_a_history_stays_small():
    history = Votes()
    for _ in range(3 * MAX_WINDOWS):
        history = history.push(True)
    assert history.bits.bit_length() == history.cast == MAX_WINDOWS


@given(of=st.integers(1, MAX_WINDOWS), data=st.data())
def test_a_quorum_is_written_as_it_is_read(of: int, data: st.DataObject):
    votes = data.draw(st.integers(1, of))
    quorum = Quorum.parse(f"{votes}/{of}")
    assert quorum == Quorum(votes, of)
    assert str(quorum) == f"{votes}/{of}"


@pytest.mark.parametrize("text", ["", "6", "6/", "/8", "9/8", "0/8", "0/0", "-6/8", "6 / 8", "6/8\n", "1/257", "6/8/9"])
def test_what_can_not_be_reached_is_no_quorum(text: str):
    with pytest.raises(ValueError, match="no quorum such as '6/8'"):
        Quorum.parse(text)
