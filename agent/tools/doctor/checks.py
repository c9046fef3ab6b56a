"""The table of all checks, in the order of the report. One check is one function of the subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.tools.doctor import bearings, broker, gpu, host, sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.tools.doctor.finding import Finding
    from drsn.agent.tools.doctor.subject import Subject

CHECKS: Final[Mapping[str, Callable[[Subject], Finding]]] = {
    "configuration": host.configuration,
    "bundle": host.bundle,
    "jetpack": gpu.jetpack,
    "driver": gpu.driver,
    "tensorrt": gpu.library,
    "engine": gpu.engine,
    "backend": gpu.backend,
    "state": host.state,
    "clock": host.clock,
    "bearings": bearings.bearings,
    "broker.name": broker.name,
    "broker.line": broker.line,
    "broker.tls": broker.encryption,
    "broker.login": broker.login,
    "broker.read": broker.subscription,
    "broker.write": broker.publication,
    "broker.alarms": broker.alarms,
    "broker.retained": broker.retained,
    "broker.dots": broker.dots,
    "sources": sources.sources,
}


def examined(subject: Subject) -> dict[str, Finding]:
    """Run all checks; return check -> finding. A problem in one does not stop the others."""
    return {name: check(subject) for name, check in CHECKS.items()}
