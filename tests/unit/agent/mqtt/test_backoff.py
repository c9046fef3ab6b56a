from __future__ import annotations

from drsn.agent.mqtt.backoff import Backoff


def longest(_least_s: float, most_s: float) -> float:
    return most_s


def test_the_upper_bound_doubles_with_each_failure_up_to_thirty_seconds():
    backoff = Backoff(draw=longest)
    assert [backoff.next_s(connected=False) for _ in range(8)] == [2, 4, 8, 16, 30, 30, 30, 30]


def test_a_connection_resets_the_upper_bound_to_one_second():
    backoff = Backoff(draw=longest)
    assert [backoff.next_s(connected=connected) for connected in (False, False, True, False)] == [2, 4, 1, 2]


def test_waits_are_random_and_never_zero():
    """Full jitter: a thousand agents whose broker returns do not reconnect in the same second."""
    backoff = Backoff()
    waits = [backoff.next_s(connected=False) for _ in range(20)]
    assert len(set(waits)) == 20
    assert min(waits) >= Backoff.MIN_S


def test_many_failures_do_not_overflow():
    backoff = Backoff(draw=longest)
    assert max(backoff.next_s(connected=False) for _ in range(1100)) == 30
