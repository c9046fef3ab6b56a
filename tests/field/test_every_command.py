"""Every command that reads a file, over files and payloads of the field, our own files, and mutations of them.

There is never a traceback: the exit code is in the table of docs/reference/mqtt.md, and an error is one line of stderr.
"""

from __future__ import annotations

import random
import shutil
import zipfile
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from baseline_windows import baseline, drawn
from field.file_cases import make_arrays, make_text, make_wav
from field.payloads import CASES
from field.test_file_commands import mutations
from fuzz.seeds import SEEDS, SENT

from drsn.agent.__main__ import main as agent
from drsn.agent.acquisition.codecs import CODECS, READ_ONLY_CODECS, codec
from drsn.agent.monitoring.baseline_features import BaselineSignal
from drsn.agent.monitoring.baseline_file import BaselineFile
from drsn.agent.settings.loader import bundle_path
from drsn.export.__main__ import main as export
from drsn.model.__main__ import main as train
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Main = Callable[[list[str]], int]

CODES = {0, 1, 64, 65, 69, 74, 78}
"""Read, its verdict is no, or one of the errors."""

TOPICS = dict.fromkeys((*CODECS, *READ_ONLY_CODECS), "plant/a/data") | {"sparkplug": "spBv1.0/hall/NDATA/gw"}
"""Codec -> the topic of a payload."""


class Command(NamedTuple):
    """One command that reads FILE; HEALTHY is a folder of it alone, CASE and RECIPE name it, OUT is new."""

    main: Main
    words: str


RATE = "--sample-rate-hz 25600"
COMMANDS: dict[str, Command] = {
    "replay": Command(agent, f"replay FILE --to mqtt://127.0.0.1:9 --samples 100000000 {RATE}"),
    "simulate": Command(
        agent, f"simulate normal=FILE inner_race=FILE --bundle shipped:synthetic {RATE} --snr 0 --days 0.001 "
        "--stretches 8 --trials 1",
    ),
    "simulate by a bundle": Command(agent, "simulate normal=FILE inner_race=FILE --bundle FILE"),
    "test-alarms": Command(agent, "test-alarms FILE"),
    "test-alarms of a recording": Command(agent, "test-alarms CASE"),
    "check": Command(agent, "check --config FILE"),
    "baselines": Command(agent, "baselines FILE FILE"),
    "commission": Command(agent, "commission a --import FILE --config FILE"),
    "evidence": Command(agent, "evidence FILE"),
    "evidence, decided again": Command(agent, "evidence FILE --replay --bundle shipped:synthetic --json"),
    "alarms": Command(agent, "alarms --broker mqtts://127.0.0.1:9 --ca-file FILE --cert-file FILE"),
    "look": Command(train, f"look FILE {RATE} --json"),
    "baseline": Command(train, f"baseline HEALTHY --bundle shipped:synthetic --out OUT {RATE}"),
    "a recipe": Command(train, "FILE --out OUT"),
    "a recipe of recordings": Command(train, "RECIPE --out OUT"),
    "fine-tuning": Command(train, "RECIPE --from FILE --out OUT"),
    "evaluate": Command(train, "evaluate FILE --recipe FILE"),
    "verify": Command(export, "verify FILE --calls 0 --seed 1"),
    "inspect": Command(export, "inspect FILE"),
    "a network": Command(export, "--onnx FILE --contract CONTRACT --golden GOLDEN --out OUT --force"),
    "golden windows": Command(export, "--onnx ONNX --contract CONTRACT --golden FILE --out OUT --force"),
    "a contract": Command(export, "--onnx ONNX --contract FILE --golden GOLDEN --out OUT --force"),
    "a checkpoint": Command(export, "--target onnx --checkpoint FILE --out OUT"),
} | {
    f"check --sample of {name}": Command(agent, f"check --config {name}.toml --sample FILE --topic {topic}")
    for name, topic in TOPICS.items()
}  # fmt: skip

CONFIGURATION = """
[agent]
bundle = "shipped:synthetic"
state_dir = "state"
[[inputs]]
topic = "TOPIC"
sensor = "a"
codec = "CODEC"
sample_rate_hz = 12000
"""
CASE = """
[[case]]
name = "a"
bundle = "shipped:synthetic"
sensor = "a"
steps = [{recording = "FILE"}]
"""
RECIPE = """
name = "a"
version = "1"
signal = {window = 512, sample_rate_hz = 12000, bandwidth_hz = 5300}
data = {source = "folder", path = "FOLDER", sample_rate_hz = 25600}
network = {stages = [{channels = 4}]}
optimisation = {steps = 1, batch = 4}
[[labels]]
name = "normal"
condition = "normal"
healthy = true
[[labels]]
name = "fault"
condition = "fault"
"""
"""All recordings of `fault` are too short: the command ends when the last recording has been read."""


class Place(NamedTuple):
    """A folder in which the commands run, and their inputs: by kind, then by name."""

    work: Path
    inputs: dict[str, dict[str, bytes]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    work, files = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("files")
    for make in (make_text, make_wav, make_arrays):
        make(files)
    for name, topic in TOPICS.items():
        (work / f"{name}.toml").write_text(CONFIGURATION.replace("CODEC", name).replace("TOPIC", topic))
    for label, samples in {"normal": 3000, "fault": 100}.items():
        (work / "rig" / label).mkdir(parents=True)
        for number in range(3):
            text = "\n".join(map(str, np.random.default_rng(number).normal(0, 1, samples)))
            (work / "rig" / label / f"r{number}.csv").write_text(text)
    with zipfile.ZipFile(bundle_path("shipped:synthetic")) as bundle:
        for name in ("model.onnx", "golden.npz"):
            (work / name).write_bytes(bundle.read(name))
    for name, text in {"contract.toml": _contract(), "recipe.toml": RECIPE.replace("FOLDER", "rig")}.items():
        (work / name).write_text(text)
    own = {path.name: path.read_bytes() for path in work.iterdir() if path.is_file()}
    own |= {"bundle.zip": bundle_path("shipped:synthetic").read_bytes(), "case.toml": SEEDS["cases"][0]}
    own |= {
        "baseline.json": _baseline().encode(),
        "record.json": SEEDS["evidence"][0],
        "record.npz": SEEDS["evidence"][1],
    }
    payloads = {f"{number}.bin": case.publish()[-1][1] for number, case in enumerate(CASES)}
    payloads |= {f"{name}.bin": codec(name).encode(SENT) for name in CODECS}
    recordings = {path.name: path.read_bytes() for path in sorted(files.iterdir())}
    return Place(work, {"recordings": recordings, "payloads": payloads, "own": own})


def _contract() -> str:
    """What the network of the bundle expects and returns, as its owner would write it."""
    contract = open_bundle(bundle_path("shipped:synthetic")).contract
    lines = ['name = "a"', 'version = "1"', 'origin = "elsewhere"']
    lines += [f"{name} = {getattr(contract, name)}" for name in ("window", "sample_rate_hz", "bandwidth_hz")]
    for label in contract.labels:
        lines += ["[[labels]]", f'name = "{label.name}"', f'condition = "{label.condition}"']
        lines += [f"healthy = {str(label.healthy).lower()}"]
    return "\n".join(lines)


def _baseline() -> str:
    signal = BaselineSignal(2048, 12_000.0, 5_300.0, 1)
    return BaselineFile(baseline(drawn(100), 1_500.0), signal, "ab", "a").to_text()


def run(command: Command, name: str, content: bytes, work: Path, capfd: pytest.CaptureFixture[str]) -> int:
    """Run a command in this process over a file of this name; check its exit code and what it writes to stderr."""
    alone, among = work / "alone", work / "rig" / "normal"
    shutil.rmtree(alone, ignore_errors=True)
    alone.mkdir()
    (work / "case_of_it.toml").write_text(CASE.replace("FILE", f"alone/{name}"))
    places = {
        "FILE": f"alone/{name}", "HEALTHY": "alone", "CASE": "case_of_it.toml", "RECIPE": "recipe.toml", "OUT": "out",
        "CONTRACT": "contract.toml", "GOLDEN": "golden.npz", "ONNX": "model.onnx",
    }  # fmt: skip
    words = command.words.split()
    for word, path in places.items():
        words = [
            path if each == word else each.replace("=FILE", f"={path}") if word == "FILE" else each for each in words
        ]
    (alone / name).write_bytes(content)
    if "RECIPE" in command.words:
        (among / name).write_bytes(content)
    try:
        code = command.main(words)
    finally:
        (among / name).unlink(missing_ok=True)
        for path in (work / "out", work / "state"):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    said = capfd.readouterr().err.strip().splitlines()
    print("\n".join(said))  # shown where the test fails
    assert code in CODES, (words, code, said)
    errors = [line for line in said if not line.startswith(("preparing data", "drsn-agent: warning: "))]
    assert len(errors) == (code > 1), (words, code, said)
    assert all(line.startswith(("drsn-agent: ", "drsn-train: ", "drsn-export: ")) for line in errors), (words, said)
    assert max(map(len, errors), default=0) < 1500, (words, said)
    return code


def renamed(name: str, draw: random.Random) -> str:
    """The name with another suffix, in one of four cases."""
    suffixes = (".csv", ".wav", ".mat", ".npz", ".zip", ".json", ".toml", ".h5", ".tdms", ".mf4", ".parquet", ".uff")
    return f"{name.partition('.')[0]}{draw.choice(suffixes)}" if draw.random() < 0.25 else name


def drawn_inputs(place: Place, draw: random.Random, each: int) -> Iterator[tuple[str, bytes]]:
    """Some inputs of each kind, and a mutation of each."""
    for inputs in place.inputs.values():
        for name in draw.sample(sorted(inputs), min(each, len(inputs))):
            yield name, inputs[name]
            yield renamed(name, draw), draw.choice(list(mutations(name, inputs[name])))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_no_traceback(
    name: str, place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """Six inputs; `test_no_command_shows_a_traceback` has all."""
    monkeypatch.chdir(place.work)
    for given, content in drawn_inputs(place, random.Random(name), 1):
        run(COMMANDS[name], given, content, place.work, capfd)


def test_a_recording_that_is_too_slow_for_the_bundle_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """`seu.csv` has 5,120 Hz: `simulate` showed a traceback."""
    monkeypatch.chdir(place.work)
    assert run(COMMANDS["simulate"], "seu.csv", slow_recording(), place.work, capfd) == 65
    assert "seu.csv: 5120 Hz holds no 5300 Hz bandwidth" in capfd.readouterr().out


def slow_recording() -> bytes:
    """One channel at 5,120 Hz."""
    return "\n".join(["time_s,x", *(f"{n / 5120:.8f},{n % 7}" for n in range(20_000))]).encode()


GOOD = {
    "replay": ("xjtu.csv", 65),
    "test-alarms": ("case.toml", 0), "check": ("json.toml", 0), "baselines": ("baseline.json", 0),
    "evidence": ("record.npz", 0), "look": ("xjtu.csv", 0), "verify": ("bundle.zip", 0), "inspect": ("bundle.zip", 0),
    "a network": ("model.onnx", 0), "golden windows": ("golden.npz", 0), "a contract": ("contract.toml", 0),
    "check --sample of json": ("json.bin", 0), "check --sample of frame": ("frame.bin", 0),
}  # fmt: skip
"""Command -> an input that it reads. The packet of `replay` is longer than every recording."""


@pytest.mark.parametrize("name", GOOD)
def test_the_same_command_reads_what_is_right(
    name: str, place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(place.work)
    given, code = GOOD[name]
    content = next(inputs[given] for inputs in place.inputs.values() if given in inputs)
    assert run(COMMANDS[name], given, content, place.work, capfd) == code


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_shows_a_traceback(
    name: str, place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    """More inputs and mutations; a thousand of each kind tries every one, for a quarter of an hour."""
    monkeypatch.chdir(place.work)
    for given, content in drawn_inputs(place, random.Random(name), 15):
        run(COMMANDS[name], given, content, place.work, capfd)
