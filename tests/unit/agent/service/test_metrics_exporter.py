"""The exporter and its families, over a real agent's parts on the stub broker, and over real HTTP."""

from __future__ import annotations

import re
import socket
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.acquisition.not_watched import REASONS
from drsn.agent.decision.alarm_state import Condition, State
from drsn.agent.observability.histogram import Histogram
from drsn.agent.schema.agent_state import HealthDocument, StatusDocument
from drsn.agent.schema.documents import BundleReference
from drsn.agent.service.metrics_snapshot import MetricsSnapshot, StandingCondition
from drsn.model.contract import Severity
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

# prometheus-client is an extra.
parser = pytest.importorskip("prometheus_client.parser")
MetricsExporter = pytest.importorskip("drsn.agent.service.metrics_exporter").MetricsExporter
families = pytest.importorskip("drsn.agent.service.metrics_families").families

PACKETS = ("received", "processed", "shed", "rejected", "duplicate", "stale", "other_shard", "in_flight")
HEALTH = HealthDocument(
    agent="a", instance="i", at="2026-11-30T12:00:10.000Z", uptime_s=10, sensors=2,
    packets={name: number for number, name in enumerate(PACKETS, start=1)}, rejected={"wrong_rate": 4}, windows=7,
    batches=3, gaps=1, lost_samples=5, results=6, events=2, inbox=0, reconnects=0, unpublished_events=0, lost_events=0,
    commands_dropped=0, commands_failed=0, latency_ms={}, inference_ms={},
    evidence={"written": 2, "failed": 1, "dropped": 0, "bytes": 10, "memory_bytes": 20},
)  # fmt: skip
STATUS = StatusDocument(
    agent="a", state="degraded", ingest="connected", backend="onnxruntime", version="1", config_sha256="0", epoch="e",
    bundle=BundleReference(name="b", version="1", sha256="00"), instance="i", since="2026-11-30T12:00:00.000Z",
)  # fmt: skip


def snapshot(*standing: StandingCondition) -> MetricsSnapshot:
    histogram = Histogram((0.1,))
    histogram.add_all([0.05, 2.0])
    buckets = histogram.cumulative(), histogram.sum_s
    connected = {"ingest": True, "control": False}
    return MetricsSnapshot(HEALTH, STATUS, standing, {"gaps": 2}, connected, {"broker": 1e9}, buckets, buckets)


def values(snapshot: MetricsSnapshot) -> dict[tuple[str, tuple[str, ...]], float]:
    """(Name, values of the labels) -> value of each series."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families(snapshot)
        for sample in family.samples
    }


def alarm(state: State, severity: Severity | None = Severity.MAJOR) -> Condition:
    return Condition(state=state, severity=severity)


def test_counters_and_gauges_are_the_numbers_of_the_documents():
    found = values(snapshot())
    expected = {
        ("drsn_windows_total", ()): 7,
        ("drsn_packets_received_total", ()): 1,
        ("drsn_packets_total", ("processed",)): 2,
        ("drsn_packets_rejected_total", ("wrong_rate",)): 4,
        ("drsn_agent_state", ("online",)): 0,
        ("drsn_agent_state", ("degraded",)): 1,
        ("drsn_connected", ("control",)): 0,
        ("drsn_sources_not_watched", ("gaps",)): 2,
        ("drsn_sources_not_watched", ("wrong_rate",)): 0,
        ("drsn_certificate_expiry_timestamp_seconds", ("broker",)): 1e9,
        ("drsn_packet_latency_seconds_bucket", ("0.1",)): 1,
        ("drsn_packet_latency_seconds_bucket", ("+Inf",)): 2,
        ("drsn_packet_latency_seconds_sum", ()): 2.05,
        ("drsn_evidence_records_total", ("failed",)): 1,
    }
    assert {key: found[key] for key in expected} == expected
    assert found["drsn_start_time_seconds", ()] == 1_796_040_000
    assert {labels[0] for name, labels in found if name == "drsn_sources_not_watched"} == set(REASONS)


def test_an_alarm_has_its_severity_as_a_value_and_ends_with_it():
    race, over = ("press4", "inner_race"), ("press4", "ball")
    standing = [
        StandingCondition(*race, alarm(State.ACTIVE_UNACKED)),
        StandingCondition(*over, alarm(State.CLEARED_UNACKED)),
        StandingCondition("fan", "silent", replace(alarm(State.ACTIVE_ACKED, None), suppressed_by="shelved")),
    ]
    found = values(snapshot(*standing))
    assert found["drsn_alarm_severity", race] == 2
    assert found["drsn_alarm_severity", ("fan", "silent")] == 1
    assert ("drsn_alarm_severity", over) not in found
    assert (found["drsn_alarm_acknowledged", race], found["drsn_alarm_acknowledged", ("fan", "silent")]) == (0, 1)
    assert (found["drsn_alarm_suppressed", race], found["drsn_alarm_suppressed", ("fan", "silent")]) == (0, 1)
    assert [found["drsn_alarms", (each.value,)] for each in Severity] == [0, 1, 0]


def test_every_family_has_a_help_text_a_prefix_and_base_units():
    for family in families(snapshot()):
        assert family.documentation.endswith("."), family.name
        assert re.fullmatch(r"drsn_[a-z0-9_]+", family.name)
        assert not re.search(r"_(ms|us|milliseconds|kb|mb|percent)(_|$)", family.name)


@pytest.fixture
def exporter() -> Iterator[MetricsExporter]:
    exporter = MetricsExporter(snapshot, lambda: None, timeout_s=0.2)
    yield exporter
    exporter.stop()


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def test_a_scrape_gets_a_snapshot_that_the_main_thread_made():
    threads = []

    def read() -> MetricsSnapshot:
        threads.append(threading.current_thread())
        return snapshot()

    woken = threading.Event()
    exporter = MetricsExporter(read, woken.set, timeout_s=10)
    port = exporter.start("127.0.0.1", 0)
    try:
        exporter.tend(0.0)
        assert not threads, "nothing is read before a scrape asks"
        texts: list[str] = []
        scraper = threading.Thread(target=lambda: texts.append(scrape(port)))
        scraper.start()
        assert woken.wait(5)
        exporter.tend(0.0)
        scraper.join(5)
        assert threads == [threading.main_thread()]
        names = {family.name for family in parser.text_string_to_metric_families(texts[0])}
        assert {"drsn_windows", "drsn_packet_latency_seconds", "process_cpu_seconds"} <= names
    finally:
        exporter.stop()


def test_a_scrape_fails_if_the_loop_makes_no_snapshot(exporter: MetricsExporter):
    port = exporter.start("127.0.0.1", 0)
    with pytest.raises((urllib.error.URLError, OSError)):
        scrape(port)
    with pytest.raises(UnavailableError, match="gave no metrics within"):
        list(exporter.collect())


def test_a_port_in_use_is_a_warning_and_not_the_end_of_the_agent(exporter: MetricsExporter):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert exporter.start("127.0.0.1", port) is None
    assert exporter.warnings == (
        f"metrics are not served on 127.0.0.1:{port}: Address already in use; set metrics.port",
    )
