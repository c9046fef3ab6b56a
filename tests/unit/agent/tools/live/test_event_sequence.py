from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.tools.live.event_sequence import MAX_MISSING, EventSequence, Stream

S = Stream("line4", "e1", "press4")


@given(st.permutations(range(11, 41)), st.sets(st.integers(11, 40)), st.randoms())
def test_each_event_is_new_once_whatever_the_order_and_the_losses(order: list[int], lost: set[int], random):
    """The document comes first, then events in any order with repeats; what did not come is asked for."""
    sequence, new = EventSequence(), []
    sequence.folded(S, 10)
    for seq in [seq for seq in order if seq not in lost]:
        for _ in range(random.choice((1, 1, 2))):
            new += [seq] if sequence.take(S, seq) else []
    sequence.folded(S, 40)
    assert sequence.missing() == ({S: min(lost)} if lost else {})
    assert sequence.seqs(S) == lost
    new += [seq for seq in range(min(lost, default=41), 41) if sequence.take(S, seq)]  # the agent's answer
    assert sorted(new) == list(range(11, 41))
    assert (sequence.missing(), sequence.given_up) == ({}, 0)


def test_what_was_before_the_first_document_is_not_missing():
    sequence = EventSequence()
    sequence.folded(S, 5000)
    assert sequence.missing() == {}
    assert not sequence.take(S, 4999)


def test_the_first_event_of_a_sensor_is_its_begin():
    sequence = EventSequence()
    assert sequence.take(S, 7)
    sequence.folded(S, 7)
    assert sequence.missing() == {}


def test_another_epoch_counts_anew():
    sequence = EventSequence()
    sequence.folded(S, 100)
    assert sequence.take(S._replace(epoch="e2"), 1)
    assert sequence.missing() == {}


@given(st.integers(1, 2**63), st.integers(1, 2**63))
def test_a_gap_of_any_length_takes_bounded_memory(first: int, second: int):
    sequence = EventSequence()
    sequence.folded(S, 0)
    for seq in (first, second):
        sequence.take(S, seq)
        assert len(sequence.seqs(S)) <= MAX_MISSING
    known = 2 if first != second else 1
    assert sequence.given_up + len(sequence.seqs(S)) + known == max(first, second) or second < first


def test_what_the_agent_cannot_give_is_counted():
    sequence = EventSequence()
    sequence.folded(S, 0)
    sequence.take(S, 5)
    assert sequence.give_up(S, [2, 9]) == 1
    assert sequence.give_up(S) == 3
    assert (sequence.missing(), sequence.given_up) == ({}, 4)
    assert sequence.give_up(S._replace(sensor="x")) == 0
