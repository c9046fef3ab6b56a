"""The metrics of a snapshot for Prometheus: a table of names, in base units.

The names follow "Metric and label naming" of Prometheus' documentation. A severity is a value and not a label, because
each new value of a label makes a new series. Series for each sensor exist only for conditions that stand.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)

from drsn.agent.acquisition.codecs.packet import Reason
from drsn.agent.acquisition.not_watched import REASONS
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from drsn.agent.schema.agent_state import HealthDocument
    from drsn.agent.service.metrics_snapshot import MetricsSnapshot


class _Simple(NamedTuple):
    """A metric without labels that is one number of the health document."""

    name: str
    help: str
    of: Callable[[HealthDocument], float]


_COUNTERS: Final = (
    _Simple("drsn_windows", "Windows that were diagnosed.", lambda h: h.windows),
    _Simple("drsn_batches", "Calls of the network.", lambda h: h.batches),
    _Simple("drsn_gaps", "Gaps in the signal of sensors.", lambda h: h.gaps),
    _Simple("drsn_lost_samples", "Samples that sensors sent and that did not arrive, by sequence numbers.",
            lambda h: h.lost_samples),
    _Simple("drsn_results", "Results that were published.", lambda h: h.results),
    _Simple("drsn_events", "Events that were made.", lambda h: h.events),
    _Simple("drsn_events_lost", "Events that neither the disk nor the broker took.", lambda h: h.lost_events),
    _Simple("drsn_commands_dropped", "Commands that found no room in the queue.", lambda h: h.commands_dropped),
    _Simple("drsn_commands_failed", "Commands that were answered with an internal error.",
            lambda h: h.commands_failed),
    _Simple("drsn_packets_received", "Packets that came from the broker.", lambda h: h.packets["received"]),
    _Simple("drsn_overdue_reconnects", "Connections that the agent cut because acknowledgements were overdue.",
            lambda h: h.reconnects),
)  # fmt: skip

_GAUGES: Final = (
    _Simple("drsn_sensors", "Sensors that have a place in the agent.", lambda h: h.sensors),
    _Simple("drsn_inbox_packets", "Packets in the queue before the diagnosis.", lambda h: h.inbox),
    _Simple("drsn_packets_in_flight", "Packets that are not acknowledged.", lambda h: h.packets["in_flight"]),
    _Simple("drsn_events_unpublished", "Events that the broker has not confirmed.", lambda h: h.unpublished_events),
    _Simple("drsn_sensors_wrong_clock", "Sensors whose time is in the future or long past.", lambda h: h.wrong_clocks),
    _Simple("drsn_evidence_bytes", "Size of the evidence on the disk.", lambda h: h.evidence.get("bytes", 0)),
    _Simple("drsn_evidence_memory_bytes", "Size of the evidence in memory.",
            lambda h: h.evidence.get("memory_bytes", 0)),
)  # fmt: skip

_OUTCOMES: Final = ("processed", "shed", "duplicate", "stale", "other_shard")
_EVIDENCE: Final = ("written", "failed", "dropped")
_STATES: Final = ("online", "degraded")


class _Labelled(NamedTuple):
    """A metric with one label."""

    kind: type[CounterMetricFamily | GaugeMetricFamily]
    name: str
    help: str
    label: str
    of: Callable[[MetricsSnapshot], Iterable[tuple[str, float]]]
    """Value of the label, and the number."""


_LABELLED: Final = (
    _Labelled(GaugeMetricFamily, "drsn_agent_state", "1 for the state that the agent's status has.", "state",
              lambda s: ((state, s.status.state == state) for state in _STATES)),
    _Labelled(GaugeMetricFamily, "drsn_connected", "1 while the connection to the broker is there.", "connection",
              lambda s: s.connected.items()),
    _Labelled(CounterMetricFamily, "drsn_packets", "Packets by what became of them, but for rejected ones.", "outcome",
              lambda s: ((name, s.health.packets[name]) for name in _OUTCOMES)),
    _Labelled(CounterMetricFamily, "drsn_packets_rejected", "Packets that were refused, by reason.", "reason",
              lambda s: ((each.value, s.health.rejected.get(each.value, 0)) for each in Reason)),
    _Labelled(CounterMetricFamily, "drsn_evidence_records", "Records of evidence by outcome.", "outcome",
              lambda s: ((name, s.health.evidence.get(name, 0)) for name in _EVIDENCE)),
    _Labelled(GaugeMetricFamily, "drsn_sources_not_watched", "Sources of packets that are not diagnosed, by reason.",
              "reason", lambda s: ((name, s.not_watched.get(name, 0)) for name in sorted({*REASONS, *s.not_watched}))),
    _Labelled(GaugeMetricFamily, "drsn_certificate_expiry_timestamp_seconds", "When a certificate ends, Unix time.",
              "certificate", lambda s: s.certificates.items()),
)  # fmt: skip


def families(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    """The metric families of a snapshot, in a fixed order."""
    health = snapshot.health
    yield _info(snapshot)
    started = datetime.fromisoformat(health.at.replace("Z", "+00:00")).timestamp() - health.uptime_s
    yield GaugeMetricFamily("drsn_start_time_seconds", "When the agent started, Unix time.", started)
    yield from (CounterMetricFamily(each.name, each.help, each.of(health)) for each in _COUNTERS)
    yield from (GaugeMetricFamily(each.name, each.help, each.of(health)) for each in _GAUGES)
    for each in _LABELLED:
        yield _filled(each.kind(each.name, each.help, labels=[each.label]), each.of(snapshot))
    yield from _alarms(snapshot)
    yield _histogram("drsn_packet_latency_seconds", "From the receipt of a packet to the commit of its windows.",
                     snapshot.latency)  # fmt: skip
    yield _histogram("drsn_inference_seconds", "Duration of a call of the network.", snapshot.inference)


def _info(snapshot: MetricsSnapshot) -> InfoMetricFamily:
    status = snapshot.status
    return InfoMetricFamily(
        "drsn_agent",
        "The agent, its backend and its bundle.",
        {
            "agent": status.agent,
            "version": status.version,
            "backend": status.backend,
            "bundle": status.bundle.name,
            "bundle_version": status.bundle.version,
            "bundle_sha256": status.bundle.sha256,
        },
    )


def _alarms(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    labels = ["sensor", "condition"]
    severity = GaugeMetricFamily(
        "drsn_alarm_severity", "Severity of an active alarm: 1 minor, 2 major, 3 critical.", labels=labels
    )
    acked = GaugeMetricFamily("drsn_alarm_acknowledged", "1 if an active alarm is acknowledged.", labels=labels)
    suppressed = GaugeMetricFamily(
        "drsn_alarm_suppressed", "1 if an active alarm is shelved, out of service, or suppressed by its sensor.",
        labels=labels,
    )  # fmt: skip
    counts = dict.fromkeys(Severity, 0)
    for each in snapshot.standing:
        condition = each.condition
        if not condition.state.active:
            continue
        bad = condition.severity or Severity.MINOR
        severity.add_metric([each.sensor, each.name], list(Severity).index(bad) + 1)
        acked.add_metric([each.sensor, each.name], condition.state.acked)
        suppressed.add_metric([each.sensor, each.name], condition.suppressed_by is not None)
        counts[bad] += condition.suppressed_by is None
    yield from (severity, acked, suppressed)
    yield _filled(
        GaugeMetricFamily("drsn_alarms", "Active alarms that nothing suppresses, by severity.", labels=["severity"]),
        ((each.value, count) for each, count in counts.items()),
    )


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Iterable[tuple[str, float]]
) -> CounterMetricFamily | GaugeMetricFamily:
    for label, value in values:
        family.add_metric([label], float(value))
    return family


def _histogram(name: str, help_text: str, of: tuple[list[tuple[float, int]], float]) -> HistogramMetricFamily:
    buckets, total_s = of
    named = [("+Inf" if bound == float("inf") else str(bound), float(count)) for bound, count in buckets]
    return HistogramMetricFamily(name, help_text, buckets=named, sum_value=total_s)
