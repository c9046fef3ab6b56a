from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.decision.voting import MAX_WINDOWS, Quorum, Votes, count_votes, mask_of, push_all


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


@given(
    rows=st.lists(st.lists(st.booleans(), min_size=300, max_size=300), min_size=1, max_size=3),
    start=st.integers(0, 2**256 - 1), of=st.integers(1, MAX_WINDOWS), windows=st.integers(0, 300),
)  # fmt: skip
def test_many_histories_are_as_one(rows: list[list[bool]], start: int, of: int, windows: int):
    votes = np.array(rows)[:, :windows]
    one = [Votes(start, MAX_WINDOWS) for _ in rows]
    many = np.frombuffer(start.to_bytes(32, "little") * len(rows), np.uint64).reshape(-1, 4)
    mask = np.frombuffer(mask_of(of), np.uint64)
    for column in votes.T:
        one = [history.push(bool(vote)) for history, vote in zip(one, column, strict=True)]
        many = push_all(many, column)
    assert [int.from_bytes(row.tobytes(), "little") for row in many] == [history.bits for history in one]
    for words in {-(-of // 64), 4}:
        assert count_votes(many, mask, words).tolist() == [history.votes_for(of) for history in one]
