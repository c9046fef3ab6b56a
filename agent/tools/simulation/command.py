"""`drsn-agent simulate`: false alarms and delays of your settings and bundle, on your recordings."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.agent.acquisition.sample_rate import bundle_for
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.settings.loader import bundle_path, read_settings
from drsn.agent.settings.policies import ignored_faults, policy_of
from drsn.agent.tools.simulation.arguments import DEFAULT_BUNDLE
from drsn.agent.tools.simulation.progress import ProgressLine
from drsn.agent.tools.simulation.report import lines_of, plot
from drsn.agent.tools.simulation.simulation import Simulation, SimulationPlan, Targets
from drsn.agent.tools.simulation.stretches import BATCH, WindowDiagnoser
from drsn.model.bundle import open_bundle
from drsn.model.conditioning import RateTooLowError, check_rate
from drsn.model.contract import NORMAL
from drsn.model.data.content import ANY, Choice
from drsn.model.data.file_options import choice_of
from drsn.model.data.files import read_file
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, BadDataError, StorageError, UsageError
from drsn.model.report.canvas import canvas
from drsn.model.suggestion import did_you_mean

if TYPE_CHECKING:
    import argparse

    from drsn.agent.decision.rule import AlarmRule
    from drsn.agent.settings.sections import Settings
    from drsn.model.bundle import Bundle
    from drsn.model.contract import ModelContract
    from drsn.model.data.recording import Recording

MOST_S = 60.0
"""A fault that is not found in this time is missed."""

DEFAULT_CONFIGURATION = """
[[inputs]]
topic = "simulated/{sensor}/frame"
sensor = "{sensor}"
"""
"""Where no configuration is named: every setting that alarms depend on has its default, or the value of --set."""


def simulate(arguments: argparse.Namespace) -> int:
    """Simulate and print; 1 if a target is not met.

    Raises:
        UsageError: an amount is out of range.
        BadDataError: a recording is too short, or none is healthy, or none is faulty.
        StorageError: the plot can't be written.
    """
    targets = Targets(arguments.max_false_alarms, arguments.max_delay)
    amounts = (arguments.days, arguments.trials, targets.false_alarms_per_sensor_day, targets.delay_s)
    if not 0 <= arguments.gaps < 1:
        raise UsageError(f"--gaps {arguments.gaps:g} is no share of the windows: give 0 to 1")
    if min(amounts) <= 0 or arguments.stretches < 8:
        raise UsageError("--days, --trials, --max-false-alarms and --max-delay must be above 0, --stretches 8 at least")
    if arguments.plot is not None:
        canvas(1, 1)  # without matplotlib or the folder the command ends here, not after minutes
        if not arguments.plot.parent.is_dir():
            raise StorageError(f"{arguments.plot}: can't be written, its folder does not exist")
    settings, bundle_path = _settings(arguments)
    bundle = open_bundle(bundle_path)
    healthy, faulty = sorted_recordings(arguments.recordings, bundle.contract, choice_of(arguments))
    plan = SimulationPlan(
        snr_db=tuple(arguments.snr),
        days=arguments.days,
        stretches=arguments.stretches,
        trials=arguments.trials,
        most_s=max(MOST_S, targets.delay_s),
        seed=arguments.seed,
        reset_share=0.0 if settings.inputs[0].bridged_windows else arguments.gaps,
    )
    found = _run(bundle, settings, arguments.sensor, (healthy, faulty), plan, targets)
    if arguments.plot is not None:
        try:
            plot(found).savefig(arguments.plot, dpi=110)
        except (OSError, ValueError) as error:
            raise StorageError(f"{arguments.plot}: can't be written ({error})") from None
    print(json.dumps(found) if arguments.json else "\n".join(lines_of(found)))
    return EXIT_OK if found["met"] else EXIT_NEGATIVE


def _settings(arguments: argparse.Namespace) -> tuple[Settings, Path]:
    """The settings that alarms depend on, and where the bundle lies."""
    # Nothing is stored, and a directory that the agent's own account alone may open is no reason to stop.
    overrides = [*arguments.set, "agent.state_dir=unused"]
    if arguments.config is not None:
        settings = read_settings(arguments.config, overrides)
        return settings, bundle_path(arguments.bundle or settings.agent.bundle)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "default.toml"
        path.write_text(DEFAULT_CONFIGURATION, encoding="utf-8")
        settings = read_settings(path, [*overrides, f"agent.bundle={arguments.bundle or DEFAULT_BUNDLE}"])
    return settings, bundle_path(settings.agent.bundle)


def _run(
    bundle: Bundle,
    settings: Settings,
    sensor: str,
    recordings: tuple[list[Recording], dict[str, list[Recording]]],
    plan: SimulationPlan,
    targets: Targets,
) -> dict[str, Any]:
    contract = bundle.contract
    with OnnxBackend(bundle.read("model.onnx"), contract, BATCH) as backend:
        diagnoser = WindowDiagnoser(contract, backend, ignored_faults(settings)(sensor))
        policy = policy_of(settings, contract)(sensor)
        simulation = Simulation(diagnoser, policy, *recordings, plan)
        progress = ProgressLine(simulation.steps)
        found = simulation.run(targets, progress.step)
    progress.end()
    return {**found, "settings": f"{_rule_text(policy.machine)} (sensor {sensor}, bundle {bundle.manifest.name})"}


def _rule_text(rule: AlarmRule) -> str:
    """The rule by which machine conditions are raised, in the terms of the settings."""
    if rule.threshold_nats is not None:
        return f"alarms.rule = sequential, threshold {rule.threshold_nats:.3g} nats"
    return f"alarms.raise_after = {rule.rise}, clear_after = {rule.fall}"


def sorted_recordings(
    named: list[str], contract: ModelContract, choice: Choice = ANY
) -> tuple[list[Recording], dict[str, list[Recording]]]:
    """Return the healthy recordings, and condition -> those of a fault.

    Raises:
        UsageError: an entry is not LABEL=FILE, its label is not the model's, or the model takes several channels.
        BadDataError: a file holds no recording or is sampled too slowly, none is healthy, or none is faulty.
    """
    if contract.channels != 1:
        raise UsageError(f"the bundle needs {contract.channels} channels at once; only bundles of one can be simulated")
    condition_of = {name: name for name in contract.conditions} | {x.name: x.condition for x in contract.labels}
    by_condition: dict[str, list[Recording]] = {name: [] for name in contract.conditions}
    for entry in named:
        found = re.fullmatch(r"(?P<label>[^=]+)=(?P<file>.+?)(@(?P<rate_hz>[0-9]+(\.[0-9]+)?))?", entry)
        if found is None:
            raise UsageError(f"{entry!r} is not LABEL=FILE or LABEL=FILE@HZ")
        if found["label"] not in condition_of:
            near = did_you_mean(found["label"], condition_of)
            raise UsageError(f"{found['label']!r} is no label of the bundle: {', '.join(condition_of)}{near}")
        rate_hz = float(found["rate_hz"]) if found["rate_hz"] else choice.sample_rate_hz
        recording = read_file(Path(found["file"]), replace(choice, sample_rate_hz=rate_hz)).recording
        _check_rate(found["file"], recording, contract)
        by_condition[condition_of[found["label"]]].append(recording)
    healthy = by_condition.pop(NORMAL)
    faulty = {name: recordings for name, recordings in by_condition.items() if recordings}
    if not healthy or not faulty:
        raise BadDataError("one recording at least must be healthy, and one must not; give normal=FILE and others")
    return healthy, faulty


def _check_rate(name: str, recording: Recording, contract: ModelContract) -> None:
    try:
        check_rate(recording.sample_rate_hz, contract.bandwidth_hz)
    except RateTooLowError as error:
        raise BadDataError(f"{name}: {error}; {bundle_for(recording.sample_rate_hz)}") from None
