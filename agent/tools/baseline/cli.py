"""`drsn-train baseline FOLDER`: learns a health baseline from recordings, with the code that an agent learns with."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.monitoring.baseline_features import BaselineFeatures, BaselineSignal
from drsn.agent.monitoring.baseline_file import BaselineFile
from drsn.agent.monitoring.baseline_model import UnfitError, learn
from drsn.agent.monitoring.calibration import LogOdds
from drsn.agent.settings.loader import bundle_path
from drsn.agent.tools.operator.baselines import shown_lines, write_baseline
from drsn.model.bundle import open_bundle
from drsn.model.conditioning import Conditioner, RateTooLowError, native_window
from drsn.model.contract import NORMAL
from drsn.model.data.file_options import add_file_options, choice_of
from drsn.model.data.files import read_file
from drsn.model.data.folder import list_folder
from drsn.model.data.formats import is_recording
from drsn.model.data.manifest import NAME as MANIFEST
from drsn.model.errors import EXIT_OK, BadDataError, Parser
from drsn.model.shaft_angle import shaft_angle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract
    from drsn.model.data.content import Choice
    from drsn.model.data.recording import Recording

BATCH = 256


def baseline_command(argv: Sequence[str]) -> int:
    """Learn from a folder and write the file.

    Raises:
        BadDataError: there is no healthy recording, or no baseline can be learnt from those that are there.
    """
    arguments = _parser().parse_args(argv)
    bundle = open_bundle(bundle_path(arguments.bundle))
    recordings = healthy_recordings(arguments.folder, choice_of(arguments), arguments.rpm)
    backend = OnnxBackend(bundle.read("model.onnx"), bundle.contract, BATCH)
    log_odds = LogOdds(bundle.contract)
    features, rpm, odds = features_of(recordings, bundle.contract, backend, log_odds)
    try:
        health = learn(features, rpm, odds, log_odds.conditions)
    except UnfitError as error:
        raise BadDataError(f"{arguments.folder}: {error}") from None
    file = BaselineFile(health, BaselineSignal.of(bundle.contract), bundle.sha256, arguments.folder.resolve().name)
    text = file.to_text()
    write_baseline(arguments.out, file.source, text)
    for line in shown_lines(text, None):
        print(line)
    return EXIT_OK


def _parser() -> Parser:
    parser = Parser(
        prog="drsn-train baseline",
        description="Learns a health baseline from recordings of a healthy machine. The file is for "
        "`drsn-agent commission SENSOR --import FILE`.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="files, or LABEL/FILE of which `normal` counts")
    parser.add_argument("--bundle", required=True, help="of the agent: a path or shipped:NAME")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a new file")
    add_file_options(parser)
    parser.add_argument("--rpm", type=float, help="speed of the shaft in all files; default: that of the manifest")
    return parser


def healthy_recordings(folder: Path, choice: Choice, rpm: float | None) -> list[Recording]:
    """Read the healthy recordings of a folder: those with the label `normal`, or all if no file has a label.

    Raises:
        BadDataError: there are none, or one cannot be read.
    """
    flat = folder.is_dir() and [
        path
        for path in sorted(folder.iterdir())
        if is_recording(path) and path.is_file() and not path.name.startswith(".")
    ]
    if flat and not (folder / MANIFEST).is_file():
        read = (read_file(path, choice).recording for path in flat)
        return [replace(recording, rpm=rpm or recording.rpm) for recording in read]
    healthy = [entry for entry in list_folder(folder).entries if entry.label == NORMAL]
    if not healthy:
        raise BadDataError(f"{folder}: no recording has the label {NORMAL!r}; a baseline is learnt from healthy ones")
    return [
        replace(
            read_file(entry.path, entry.choice(choice)).recording,
            rpm=rpm or entry.rpm,
        )
        for entry in healthy
    ]


def features_of(
    recordings: Sequence[Recording], contract: ModelContract, backend: OnnxBackend, log_odds: LogOdds
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float32]]:
    """Features, speeds and log-odds of all windows, in the order of the recordings.

    Raises:
        BadDataError: a recording has other channels than the model, too low a rate, or no window.
    """
    compute = BaselineFeatures(contract)
    with_speed = all(recording.rpm is not None for recording in recordings)
    parts: list[tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float32]]] = []
    for recording in recordings:
        native = _windows(recording, contract)
        rms = np.sqrt(native.var(axis=2, dtype=np.float64).mean(axis=1))
        x = np.empty((len(native), contract.channels, contract.window), np.float32)
        _conditioner(recording, contract)(native, x)
        rpm = np.full(len(x), recording.rpm if with_speed and recording.rpm else math.nan)
        if contract.domain == "order":
            x = np.concatenate([x, shaft_angle(rpm, contract.window, contract.sample_rate_hz)[:, np.newaxis]], axis=1)
        for start in range(0, len(x), BATCH):
            rows = slice(start, start + BATCH)
            probabilities = backend.infer(x[rows]).probabilities
            parts.append((compute(x[rows], rms[rows], rpm[rows], probabilities), rpm[rows], log_odds(probabilities)))
    features, rpm, odds = (np.concatenate(each) for each in zip(*parts, strict=True))
    return features, rpm, odds


def _windows(recording: Recording, contract: ModelContract) -> NDArray[np.float32]:
    """float32[windows, channels, samples]: adjacent windows at the recording's rate."""
    if len(recording.samples) != contract.channels:
        raise BadDataError(
            f"{recording.name}: {len(recording.samples)} channels, the model takes {contract.channels}; "
            "choose them in a manifest"
        )
    native = native_window(contract.window, recording.sample_rate_hz, contract.sample_rate_hz)
    count = recording.n_samples // native
    if not count:
        raise BadDataError(f"{recording.name}: {recording.n_samples} samples, shorter than one window of {native}")
    cut = recording.samples[:, : count * native]
    return np.ascontiguousarray(cut.reshape(len(cut), count, native).transpose(1, 0, 2))


def _conditioner(recording: Recording, contract: ModelContract) -> Conditioner:
    try:
        return Conditioner(contract.window, contract.sample_rate_hz, contract.bandwidth_hz, recording.sample_rate_hz)
    except RateTooLowError as error:
        raise BadDataError(f"{recording.name}: {error}") from None
