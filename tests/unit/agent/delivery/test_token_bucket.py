from __future__ import annotations

from drsn.agent.delivery.token_bucket import TokenBucket


def test_a_burst_and_then_a_rate():
    bucket = TokenBucket(burst=3, per_s=2.0)
    for now_s, expected in ((1000.0, 3), (1000.0, 0), (1000.4, 0), (1000.5, 1), (9999.0, 3)):
        bucket.fill(now_s)
        assert bucket.available == expected
        for _ in range(bucket.available):
            bucket.take()
