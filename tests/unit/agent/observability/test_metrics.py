from __future__ import annotations

import pytest

from drsn.agent.observability.metrics import KEPT, Latencies, Metrics


def test_before_the_first_latency_there_is_nothing_to_say():
    assert Latencies().summary_ms() == {}


def test_percentiles_are_in_milliseconds():
    latencies = Latencies()
    for ms in range(101):
        latencies.add(ms / 1e3)
    assert latencies.summary_ms() == pytest.approx({"p50": 50, "p95": 95, "p99": 99, "max": 100})


def test_old_latencies_are_forgotten():
    latencies = Latencies()
    latencies.add(60.0)
    for _ in range(KEPT):
        latencies.add(0.001)
    assert latencies.summary_ms() == {"p50": 1.0, "p95": 1.0, "p99": 1.0, "max": 1.0}


def test_totals_add_up_the_reasons_of_refusal():
    metrics = Metrics()
    metrics.processed = 5
    metrics.rejected.update({"bad_crc": 2, "empty": 1})
    assert metrics.totals() == {
        "processed": 5,
        "rejected": 3,
        "duplicate": 0,
        "stale": 0,
        "other_shard": 0,
        "windows": 0,
        "events": 0,
    }
