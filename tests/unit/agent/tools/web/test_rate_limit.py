from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.tools.web import rate_limit
from drsn.agent.tools.web.rate_limit import RateLimit


def test_a_burst_is_allowed_then_the_rate():
    limit = RateLimit(2.0, 3.0)
    assert [limit.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert limit.take("b", 0.0), "another client has its own"
    assert limit.take("a", 0.5)
    assert not limit.take("a", 0.5)
    limit.charge("a", 100.0, 4.0)
    assert not limit.take("a", 100.9), "one less than nothing, and a second for two"
    assert limit.take("a", 101.1)


@given(st.lists(st.floats(0, 1), max_size=200))
def test_no_client_gets_more_than_the_burst_and_the_rate(pauses: list[float]):
    limit, now_s, taken = RateLimit(2.0, 5.0), 0.0, 0
    for pause_s in pauses:
        now_s += pause_s
        taken += limit.take("a", now_s)
    assert taken <= 5 + 2 * now_s + 1e-6


def test_many_addresses_take_bounded_memory():
    limit = RateLimit(1.0, 1.0)
    for number in range(rate_limit.MAX_CLIENTS + 10):
        limit.take(str(number), 0.0)
    assert len(limit._left) <= rate_limit.MAX_CLIENTS
