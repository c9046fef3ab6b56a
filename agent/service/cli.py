"""`drsn-agent run` and `drsn-agent check`."""

from __future__ import annotations

import faulthandler
import json
import logging
import signal
import sys
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from drsn.agent.mqtt.certificate_expiry import expiry_warnings
from drsn.agent.observability import logs
from drsn.agent.service import systemd
from drsn.agent.service.memory import settle
from drsn.agent.service.reload import Reload, restart
from drsn.agent.settings.credentials import disable_core_dumps
from drsn.agent.settings.loader import load
from drsn.model.errors import EXIT_OK

if TYPE_CHECKING:
    import argparse
    from types import FrameType

    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract

log = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """The service."""
    configuration = load(arguments.config, arguments.set)
    from drsn.agent.service.bootstrap import assembled  # noqa: PLC0415 (a wrong configuration answers before the runtime loads)

    faulthandler.enable()  # a watchdog's SIGABRT leaves the stacks in the journal
    disable_core_dumps()
    logs.configure(configuration.settings.agent.log_level)
    for warning in configuration.warnings:
        log.warning("configuration", extra=logs.fields(reason=warning))
    stop = threading.Event()
    reload = Reload(_check_of(arguments), stop)

    def on_stop(_number: int, _frame: FrameType | None) -> None:
        reload.cancel()
        systemd.notify("STOPPING=1")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_stop)
    signal.signal(signal.SIGHUP, lambda _number, _frame: reload.request())
    with assembled(configuration, reload=reload) as runner:
        settle()
        runner.run(stop)
    if reload.due:
        restart()
    return EXIT_OK


def _check_of(arguments: argparse.Namespace) -> list[str]:
    """The `check` of what this `run` was given."""
    settings = [part for setting in arguments.set for part in ("--set", setting)]
    return [sys.executable, "-m", "drsn.agent", "check", "--config", str(arguments.config), *settings]


def check(arguments: argparse.Namespace) -> int:
    """All that `run` checks before it serves."""
    configuration = load(arguments.config, arguments.set)
    from drsn.agent.service.bootstrap import opened_model  # noqa: PLC0415 (as above)

    with opened_model(configuration) as (bundle, chosen):
        soon = expiry_warnings(configuration.broker, None, time.time())
        manifest, noise = bundle.manifest, f"bundle {bundle.manifest.name}: {bundle.manifest.noise_verdict}"
        named = [noise] if manifest.names_noise else []
        warnings = [*configuration.warnings, *configuration.degraded, *chosen.reasons, *soon, *named]
        report: dict[str, object] = {
            "config": str(arguments.config),
            "config_sha256": configuration.sha256,
            "bundle": {"name": manifest.name, "version": manifest.version, "sha256": bundle.sha256},
            "noise": manifest.noise_verdict,
            "backend": chosen.backend.name,
            "engine": chosen.engine,
            "conditions": list(bundle.contract.alarm_conditions),
            "warnings": warnings,
        }
        contract = bundle.contract
    lines: list[str] = []
    if arguments.sample is not None:
        report["sample"], lines = _read_sample(arguments, configuration.settings, contract)
    if arguments.json:
        print(json.dumps(report))
        return EXIT_OK
    for warning in warnings:
        print(f"drsn-agent: warning: {warning}", file=sys.stderr)
    name = f"{manifest.name} {manifest.version} ({bundle.sha256[:12]})"
    print(f"{arguments.config}: ready to run; bundle {name} on {chosen.backend.name}")
    for line in (*(() if named else (noise,)), *lines):
        print(line)
    return EXIT_OK


def _read_sample(
    arguments: argparse.Namespace, settings: Settings, contract: ModelContract
) -> tuple[list[dict[str, object]], list[str]]:
    """What the inputs read in the payload of --sample: for JSON, and as lines."""
    from drsn.agent.service.sample import reports_of, shown  # noqa: PLC0415 (as above)

    reports = reports_of(arguments.sample, arguments.topic, settings, contract)
    return [asdict(report) for report in reports], [shown(report) for report in reports]
