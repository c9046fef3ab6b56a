"""`drsn-agent doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.observability import logs
from drsn.agent.settings.loader import load
from drsn.agent.tools.doctor import devices
from drsn.agent.tools.doctor.finding import exit_code_of
from drsn.model.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    import argparse

    from drsn.agent.tools.doctor.finding import Finding

MARKS = {"ok": "ok", "soon": "SOON", "limited": "LIMITED", "problem": "PROBLEM", "unneeded": "-"}


def doctor(arguments: argparse.Namespace) -> int:
    """Run and print all checks; the exit code is that of the worst finding. Or write the drop-in.

    Raises:
        UsageError: neither --config nor --write-device-dropin is given.
    """
    if arguments.write_device_dropin is not None:
        return write_dropin(arguments.write_device_dropin)
    if arguments.config is None:
        raise UsageError("drsn-agent doctor needs --config FILE, or --write-device-dropin FILE")
    configuration = load(arguments.config, arguments.set)
    from drsn.agent.tools.doctor.checks import examined  # noqa: PLC0415 (as in service_commands)
    from drsn.agent.tools.doctor.subject import Subject  # noqa: PLC0415

    logs.configure("critical")  # the findings already hold what would be logged
    findings = examined(Subject(configuration))
    exit_code = exit_code_of(findings.values())
    if arguments.json:
        listed = [{"check": name, **_plain(finding)} for name, finding in findings.items()]
        print(json.dumps({"config": str(arguments.config), "exit_code": exit_code, "findings": listed}))
    else:
        print("\n".join(line for name, finding in findings.items() for line in _lines(name, finding)))
    return exit_code


def write_dropin(path: Path, dev: Path = Path("/dev")) -> int:
    """Write the drop-in for the GPU's device nodes under `dev`, and print them."""
    nodes = devices.write(path, dev)
    print(f"{path}: {', '.join(map(str, nodes))}; then: sudo systemctl daemon-reload, and restart the service")
    return EXIT_OK


def _plain(finding: Finding) -> dict[str, object]:
    return {"state": finding.state, "said": finding.text, "remedy": finding.remedy or None}


def _lines(name: str, finding: Finding) -> list[str]:
    lines = [f"{MARKS[finding.state]:8}{name:14}{finding.text}"]
    return [*lines, f"{'':8}{'':14}-> {finding.remedy}"] if finding.remedy else lines
