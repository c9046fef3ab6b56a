"""No command shows a traceback, whatever the file: an exit code of the table, and one line that names the file."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from field.file_cases import make_arrays, make_text, make_wav

from drsn.agent.__main__ import main as agent_main
from drsn.agent.tools.replay.player import ReplayPlan, frames
from drsn.model.__main__ import main as train_main
from drsn.model.data.content import Choice
from drsn.model.data.files import read_file
from drsn.model.errors import BadDataError, DrsnError, UnavailableError
from drsn.model.recipe import recipe_from
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GOOD_CODES = {0, 65}
"""Read, or bad data. Nothing else is wrong here."""

LONGER_THAN_ALL = "100000000"
"""Samples of a packet that no recording fills: the command ends before it looks for a broker."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    make_text(folder)
    make_wav(folder)
    make_arrays(folder)
    return folder


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., int]:
    """Run a command in this process; check its code and that each line of stderr is an error that names the file."""

    def command(main: Callable[[list[str]], int], *words: object) -> int:
        code = main([str(word) for word in words])
        said = capfd.readouterr().err.strip().splitlines()
        assert code in GOOD_CODES, said
        assert len(said) == (code != 0), said
        assert not said or said[0].startswith(("drsn-train: ", "drsn-agent: "))
        return code

    return command


def mutations(name: str, whole: bytes) -> Iterator[bytes]:
    """Cut and flipped forms of a file, the same in each run."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    yield b""
    for keep in (1, 9, len(whole) // 3, max(len(whole) - 1, 0)):
        yield whole[:keep]
    for flips in (1, 20):
        flipped = np.frombuffer(whole, np.uint8).copy()
        if flipped.size:
            flipped[rng.integers(0, flipped.size, flips)] ^= rng.integers(1, 256, flips).astype(np.uint8)
            flipped[rng.integers(0, min(64, flipped.size))] ^= 255
        yield flipped.tobytes()


def look_and_replay(path: Path, run: Callable[..., int]) -> None:
    run(train_main, "look", path, "--sample-rate-hz", 25600)
    words = ("replay", path, "--to", "mqtt://127.0.0.1:9", "--samples", LONGER_THAN_ALL)
    assert run(agent_main, *words) == 65


def some(made: Path, part: int) -> list[Path]:
    """One of so many files, and one of each kind of fault: all of them are slow, and the matrix reads all."""
    every = sorted(made.iterdir())
    return [path for number, path in enumerate(every) if number % part == 0 or path.name in OF_EACH_KIND]


def test_look_and_replay_take_files_as_people_have_them(made: Path, run: Callable[..., int]):
    for path in some(made, 6):
        look_and_replay(path, run)


@pytest.mark.slow
def test_look_and_replay_take_every_file(made: Path, run: Callable[..., int]):
    for path in sorted(made.iterdir()):
        look_and_replay(path, run)


def test_the_codec_can_send_what_is_read(made: Path):
    for path in some(made, 3):
        try:
            recording = read_file(path, Choice(25_600.0)).recording
        except DrsnError:
            continue
        assert next(frames([recording], ReplayPlan(samples_per_packet=64), 0)).payload


def test_look_takes_mutations_of_files(made: Path, tmp_path: Path, run: Callable[..., int]):
    """Two of some files; `test_look_takes_all_mutations` has all."""
    for path in some(made, 2):
        every = list(mutations(path.name, path.read_bytes()))
        for number in {zlib.crc32(path.name.encode()) % len(every), 3}:
            (tmp_path / path.name).write_bytes(every[number])
            run(train_main, "look", tmp_path / path.name, "--sample-rate-hz", 25600, "--json")


def test_a_training_takes_files_as_people_have_them(made: Path, tmp_path: Path, tiny: dict[str, Any]):
    """Among good recordings: the sets are made, or one line ends the command."""
    rng = np.random.default_rng(0)
    for label in ("normal", "inner_race", "outer_race"):
        (tmp_path / label).mkdir()
        for number in range(3):
            x = rng.normal(0, 1, 3000)
            np.savez(tmp_path / label / f"{label}{number}.npz", samples=x, sample_rate_hz=12_000)
    recipe = recipe_from({**tiny, "data": {"source": "folder", "path": str(tmp_path)}}, "a")
    for path in some(made, 3):
        among = tmp_path / "normal" / path.name
        among.write_bytes(path.read_bytes())
        try:
            assert corpus_of(recipe).train
        except (BadDataError, UnavailableError) as error:
            assert path.name in str(error)  # noqa: PT017 (most are refused, some train)
        among.unlink()


@pytest.mark.slow
def test_look_takes_all_mutations(made: Path, tmp_path: Path):
    for path in sorted(made.iterdir()):
        for content in mutations(path.name, path.read_bytes()):
            (tmp_path / path.name).write_bytes(content)
            try:
                samples = read_file(tmp_path / path.name, Choice(25_600.0)).recording.samples
            except (BadDataError, UnavailableError) as error:
                assert "\n" not in str(error)  # noqa: PT017 (most are refused, some are read)
            else:
                assert np.isfinite(samples).all()


OF_EACH_KIND = (
    "segments.mat",
    "thousands.csv",
    "v73.mat",
    "alaw.wav",
    "object.npy",
    "empty.csv",
    "html.mat",
    "xjtu.csv",
)


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_the_commands_that_train_and_simulate_refuse_it_alike(
    name: str, made: Path, tmp_path: Path, run: Callable[..., int]
):
    healthy = tmp_path / "rig" / "normal"
    healthy.mkdir(parents=True)
    (healthy / name).write_bytes((made / name).read_bytes())
    out = tmp_path / "baseline.json"
    assert run(train_main, "baseline", tmp_path / "rig", "--bundle", "shipped:synthetic", "--out", out) == 65
    words = (f"normal={healthy / name}", f"inner_race={healthy / name}", "--bundle", "shipped:synthetic")
    assert run(agent_main, "simulate", *words) == 65
    case = tmp_path / "case.toml"
    step = f'{{recording = "rig/normal/{name}"}}'
    case.write_text(f'[[case]]\nname = "a"\nbundle = "shipped:synthetic"\nsensor = "a"\nsteps = [{step}]\n')
    assert agent_main(["test-alarms", str(case)]) in (65, 74, 78)


HELPS = (
    (train_main, "look"),
    (train_main, "baseline"),
    (agent_main, "replay"),
    (agent_main, "simulate"),
)


@pytest.mark.parametrize(("main", "command"), HELPS, ids=lambda value: str(getattr(value, "__module__", value)))
def test_a_command_has_the_options_that_messages_name(
    main: Callable[[list[str]], int], command: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = capsys.readouterr().out
    assert [word for word in ("--variable", "--channels", "--decimal", "--sample-rate-hz") if word not in told] == []


def test_a_folder_without_recordings_names_what_lies_there(tmp_path: Path, run: Callable[..., int]):
    (tmp_path / "notes.md").write_text("a")
    assert run(train_main, "look", tmp_path) == 65
