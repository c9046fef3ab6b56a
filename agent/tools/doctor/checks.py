"""Every check, in the order of its answer. One check is one function of the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.tools.doctor import broker, gpu
from drsn.agent.tools.doctor import host as machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.tools.doctor.finding import Finding
    from drsn.agent.tools.doctor.subject import Subject

CHECKS: Final[Mapping[str, Callable[[Subject], Finding]]] = {
    "configuration": machine.configuration,
    "bundle": machine.bundle,
    "jetpack": gpu.jetpack,
    "driver": gpu.driver,
    "tensorrt": gpu.library,
    "engine": gpu.engine,
    "backend": gpu.backend,
    "state": machine.state,
    "clock": machine.clock,
    "broker.name": broker.name,
    "broker.line": broker.line,
    "broker.tls": broker.encryption,
    "broker.login": broker.login,
    "broker.read": broker.subscription,
    "broker.write": broker.publication,
}


def examined(patient: Subject) -> dict[str, Finding]:
    """Check -> what it found; none stops another."""
    return {name: check(patient) for name, check in CHECKS.items()}
