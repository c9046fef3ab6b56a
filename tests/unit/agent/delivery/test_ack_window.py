from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.delivery.ack_window import AckWindow


@given(st.permutations(range(6, 16)))
def test_the_cursor_is_the_last_event_that_is_confirmed_with_all_before_it(order: list[int]):
    window = AckWindow(5)
    for event_id in range(6, 16):
        window.add(event_id)
    for count, event_id in enumerate(order, 1):
        window.confirm(event_id)
        before, moved = window.cursor, window.advance()
        expected = next((n for n in range(6, 17) if n not in order[:count]), 16) - 1
        assert (window.cursor, moved) == (expected, expected != before)


def test_a_reset_drops_what_is_confirmed_out_of_order():
    window = AckWindow(0)
    for event_id in (1, 2):
        window.add(event_id)
    window.confirm(2)
    window.reset()
    for event_id in (1, 2):
        window.add(event_id)
    window.confirm(1)
    assert window.advance()
    assert window.cursor == 1
