"""The Grafana dashboard configs/grafana/drsn-edge.json, made with Grafana's foundation SDK from the tables below."""

from __future__ import annotations

from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DataTransformerConfig

UID: Final = "drsn-edge"
SELECTED: Final = 'job="drsn", instance=~"$instance"'
"""Of each series: the agents that the reader chose."""


class _Panel(NamedTuple):
    title: str
    description: str
    unit: str
    targets: tuple[tuple[str, str], ...]
    """(expression with `S` for the selection, legend)."""


STATS: Final = (
    _Panel("Agents online", "Agents whose status is online.", "short",
           (('sum(drsn_agent_state{state="online", S})', ""),)),
    _Panel("Active alarms", "Active alarms that nothing suppresses.", "short", (("sum(drsn_alarms{S})", ""),)),
    _Panel("Sources not watched", "Sources of packets that are not diagnosed. 0 is good.", "short",
           (("sum(drsn_sources_not_watched{S})", ""),)),
    _Panel("Sensors", "Sensors that have a place in an agent.", "short", (("sum(drsn_sensors{S})", ""),)),
)  # fmt: skip

TABLE: Final = _Panel(
    "Alarms", "Severity: 1 minor, 2 major, 3 critical.", "short", (("drsn_alarm_severity{S} > 0", ""),)
)

GRAPHS: Final = (
    _Panel("Alarms by severity", "Active alarms that nothing suppresses.", "short",
           (("sum by (severity) (drsn_alarms{S})", "{{severity}}"),)),
    _Panel("Windows a second", "Windows that were diagnosed.", "ops",
           (("rate(drsn_windows_total{S}[$__rate_interval])", "{{instance}}"),)),
    _Panel("Packets by outcome", "What became of packets.", "pps",
           (("sum by (outcome) (rate(drsn_packets_total{S}[$__rate_interval]))", "{{outcome}}"),
            ("sum by (reason) (rate(drsn_packets_rejected_total{S}[$__rate_interval]))", "refused: {{reason}}"))),
    _Panel("From packet to commit", "Time from the receipt of a packet to the commit of its windows.", "s",
           (("histogram_quantile(0.5, sum by (le) (rate(drsn_packet_latency_seconds_bucket{S}[$__rate_interval])))",
             "p50"),
            ("histogram_quantile(0.99, sum by (le) (rate(drsn_packet_latency_seconds_bucket{S}[$__rate_interval])))",
             "p99"))),
    _Panel("Call of the network", "Mean duration of a call of the neural network.", "s",
           ((("rate(drsn_inference_seconds_sum{S}[$__rate_interval]) / "
             "rate(drsn_inference_seconds_count{S}[$__rate_interval])"), "{{instance}}"),)),
    _Panel("Queues", "Packets before the diagnosis, and events that the broker has not confirmed.", "short",
           (("drsn_inbox_packets{S}", "{{instance}} packets"), ("drsn_events_unpublished{S}", "{{instance}} events"))),
    _Panel("Sources not watched, by reason", "The status of the agent has the remedy of each.", "short",
           (("sum by (reason) (drsn_sources_not_watched{S}) > 0", "{{reason}}"),)),
    _Panel("Gaps and lost samples", "Gaps in the signals, and samples that did not arrive.", "short",
           (("increase(drsn_gaps_total{S}[$__rate_interval])", "{{instance}} gaps"),
            ("increase(drsn_lost_samples_total{S}[$__rate_interval])", "{{instance}} samples"))),
    _Panel("CPU of the agent", "Share of one core.", "percentunit",
           (("rate(process_cpu_seconds_total{S}[$__rate_interval])", "{{instance}}"),)),
    _Panel("Memory of the agent", "Resident memory.", "bytes",
           (("process_resident_memory_bytes{S}", "{{instance}}"),)),
    _Panel("Connections to the broker", "1 while the connection is there.", "short",
           (("drsn_connected{S}", "{{instance}} {{connection}}"),)),
    _Panel("Days until certificates end", "Of the broker, of the agent, and of the authority.", "d",
           (("(drsn_certificate_expiry_timestamp_seconds{S} - time()) / 86400", "{{instance}} {{certificate}}"),)),
)  # fmt: skip

_COLUMNS: Final = DataTransformerConfig(
    id_val="organize", options={"excludeByName": dict.fromkeys(("Time", "__name__", "job"), True)}
)
"""What the table of alarms leaves out."""


def expressions() -> list[str]:
    """Every expression of the dashboard, without the selection."""
    return [expr for panel in (*STATS, TABLE, *GRAPHS) for expr, _ in panel.targets]


def document() -> str:
    """The dashboard as JSON."""
    source = DataSourceRef(type_val="prometheus", uid="${datasource}")
    instance = (
        dashboard.QueryVariable("instance")
        .label("Agent")
        .datasource(source)
        .query('label_values(drsn_agent_info{job="drsn"}, instance)')
        .include_all(True)
        .multi(True)
    )
    board = (
        dashboard.Dashboard("drsn-edge agents")
        .uid(UID)
        .tags(["drsn-edge"])
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(instance)
    )
    panels = [
        *((stat.Panel().height(4).span(6), panel) for panel in STATS),
        (table.Panel().height(8).span(24).with_transformation(_COLUMNS), TABLE),
        *((timeseries.Panel().height(8).span(12), panel) for panel in GRAPHS),
    ]
    for number, (builder, panel) in enumerate(panels, start=1):
        board = board.with_panel(_filled(builder.id(number), panel, source))
    return JSONEncoder(sort_keys=True, indent=1).encode(board.build()) + "\n"


def _filled(
    builder: stat.Panel | table.Panel | timeseries.Panel, panel: _Panel, source: DataSourceRef
) -> stat.Panel | table.Panel | timeseries.Panel:
    builder = builder.title(panel.title).description(panel.description).unit(panel.unit).datasource(source)
    for number, (expr, legend) in enumerate(panel.targets):
        query = prometheus.Dataquery().expr(selected(expr)).ref_id("ABCDEF"[number]).legend_format(legend)
        if isinstance(builder, table.Panel):
            query = query.format("table").instant()
        builder = builder.with_target(query)
    return builder


def selected(expr: str, selection: str = SELECTED) -> str:
    """An expression with a selection of agents in place of `S`."""
    return expr.replace("{S}", f"{{{selection}}}").replace(", S}", f", {selection}}}")
