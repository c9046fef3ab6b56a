"""Puts the exporter of the metrics together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.mqtt.certificate_expiry import expiry_times
from drsn.agent.observability.histogram import Histogram
from drsn.agent.service.metrics_snapshot import SnapshotReader
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.intake import Intake
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.observability.metrics import Metrics
    from drsn.agent.service.connections import Connections
    from drsn.agent.service.health import HealthReport, StatusReport
    from drsn.agent.service.metrics_exporter import MetricsExporter
    from drsn.agent.settings.loader import Configuration
    from drsn.agent.settings.sections import Settings


def check_metrics(settings: Settings) -> None:
    """Check that the metrics can be served.

    Raises:
        ConfigurationError: they are enabled, and the library is missing.
    """
    if settings.metrics.enabled:
        try:
            from drsn.agent.service import metrics_exporter  # noqa: F401, PLC0415 (prometheus-client is an extra)
        except ModuleNotFoundError:
            reason = "prometheus-client is missing; pip install 'drsn-edge[metrics]'"
            raise ConfigurationError(f"metrics.enabled: {reason}") from None


def exporter_of(
    configuration: Configuration,
    health: HealthReport,
    status: StatusReport,
    engine: AlarmEngine,
    intake: Intake,
    connections: Connections,
    metrics: Metrics,
    wake: Callable[[], None],
) -> MetricsExporter | None:
    """The exporter of an agent, which does not listen yet; None: the settings do not enable it.

    Raises:
        ConfigurationError: as `check_metrics`.
    """
    check_metrics(configuration.settings)
    if not configuration.settings.metrics.enabled:
        return None
    from drsn.agent.service.metrics_exporter import MetricsExporter  # noqa: PLC0415 (prometheus-client is an extra)

    metrics.latency.histogram, metrics.inference.histogram = Histogram(), Histogram()
    read = SnapshotReader(
        health.document,
        status.document,
        engine.sensors,
        lambda: intake.watch,
        connections,
        lambda: expiry_times(configuration.broker, connections.control.certificate),
        metrics,
    )
    return MetricsExporter(read, wake)
