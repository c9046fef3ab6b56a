"""Folders as people have them, given to `drsn-train`: the sets are made right, or one line names what to do."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from drsn.model.errors import DrsnError
from drsn.model.recipe import recipe_from
from drsn.model.sources import corpus_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Samples = NDArray[np.float64]
    Writer = Callable[[Path, Samples], object]

N = 3000
LABELS = ("normal", "fault")
EACH = 5
"""Recordings of a label."""


def signal(label: str, number: int) -> Samples:
    """The truth of one recording."""
    return np.random.default_rng(zlib.crc32(f"{label}{number}".encode())).normal(0, 0.3, N).round(5)


def lines_to(suffix: str, line: Callable[[int, float], str], head: str = "") -> Writer:
    """Write a line for each moment, under a header where one is given."""

    def write(path: Path, x: Samples) -> None:
        text = "\n".join(line(i, v) for i, v in enumerate(x.tolist()))
        path.with_name(path.name + suffix).write_text(f"{head}\n{text}\n" if head else f"{text}\n")

    return write


csv = lines_to(".csv", lambda _, v: f"{v}", "x")
decimal_comma = lines_to(".txt", lambda _, v: f"{v:.5f}".replace(".", ","))


def ims(path: Path, x: Samples) -> None:
    """Four equal columns in a file whose name is its time."""
    rows = "\n".join("\t".join([f"{v}"] * 4) for v in x.tolist())
    path.with_name(f"2003.10.22.12.0{path.name[1:]}.24").write_text(rows)


def put(name: str, content: bytes = b"x") -> Callable[[Path], None]:
    """Another file in the folder."""

    def add(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return add


def recording(name: str, samples: int = N) -> Callable[[Path], None]:
    """Another recording in the folder."""
    return put(f"{name}.csv", "\n".join(["x", *map(str, signal(name, 0)[:samples])]).encode())


def junk(folder: Path) -> None:
    for name in ("normal/Thumbs.db", "fault/.DS_Store", "normal/desktop.ini", "__MACOSX/normal/._r0.csv"):
        put(name)(folder)


def renamed(folder: Path) -> None:
    (folder / "fault").rename(folder / "Fault")


class FolderCase(NamedTuple):
    """A folder: how its recordings are written, what else lies there, what the recipe says, what must come of it."""

    write: Writer = csv
    more: Callable[[Path], None] | None = None
    data: dict[str, Any] = {"sample_rate_hz": 12_000}  # noqa: RUF012 (nothing changes it)
    words: str = ""
    """Of the refusal; empty: it trains."""
    recordings: int = EACH * len(LABELS)
    note: str = ""
    """What the notes on the sets must contain."""


RATE = {"sample_rate_hz": 12_000}
CASES = {
    "decimal_comma": FolderCase(decimal_comma),
    "decimal_comma_ch0": FolderCase(decimal_comma, data=RATE | {"channels": [1]}, words=r"no channel 1; name one of"),
    "junk": FolderCase(more=junk, note=r"left out: .*Thumbs\.db|left out: .*desktop\.ini|left out: .*__MACOSX"),
    "readme": FolderCase(
        more=put("normal/readme.txt", b"Recorded at the mill\non Monday\n"),
        words=r"normal/readme\.txt: .*no line of numbers",
    ),
    "appledouble": FolderCase(more=put("normal/._r0.csv", b"\0\5\x16\7\0\2\0\0Mac OS X")),
    "ims_names": FolderCase(ims, data={"sample_rate_hz": 20_000, "channels": [0]}),
    "epoch_ms": FolderCase(
        lines_to(".csv", lambda i, v: f"{1767323045000 + i},{v}", "timestamp,x"),
        data={},
        words=r"sampled at 1000 Hz, and 5300 Hz bandwidth needs 11276\.6 Hz",
    ),
    "femto": FolderCase(
        lines_to(".csv", lambda i, v: f"9,39,39,{65000 + i * 39.0625:.1f},{v},{v / 2:.5f}"), data={"channels": [0]}
    ),
    "femto_by_columns": FolderCase(
        lines_to(".csv", lambda i, v: f"9,39,39,{65000 + i * 39.0625:.1f},{v},{v / 2:.5f}"),
        data={"sample_rate_hz": 25_600, "channels": [4]},
        words=r"no channel 4; name one of",
    ),
    "spare_label": FolderCase(
        more=recording("ball/r9"), words=r"no label in the recipe for ball; call folders .* or move what is not meant"
    ),
    "twolevels": FolderCase(more=recording("fault/a/b/r9"), recordings=11),
    "upper": FolderCase(lines_to(".CSV", lambda _, v: f"{v}", "x")),
    "case_label": FolderCase(more=renamed, recordings=10),
    "short": FolderCase(more=recording("fault/r8", 500), note=r"left out: 1 recordings shorter than .*fault/r8"),
    "empty": FolderCase(more=put("fault/r8.csv", b""), words=r"fault/r8\.csv: .*no line of numbers"),
}
"""`case.py` of the folder 23 has these names, and `femto_by_columns` as `femto`: the time is no longer a channel."""


@pytest.mark.parametrize("name", CASES)
def test_a_folder_is_read_right_or_refused_with_the_right_words(name: str, tmp_path: Path, tiny: dict[str, Any]):
    case, folder = CASES[name], tmp_path / "rig"
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number in range(EACH):
            case.write(folder / label / f"r{number}", signal(label, number))
    if case.more is not None:
        case.more(folder)
    labels = [{"name": "normal", "condition": "normal", "healthy": True}, {"name": "fault", "condition": "fault"}]
    data = {"source": "folder", "path": str(folder), **case.data}
    recipe = recipe_from({**tiny, "labels": labels, "data": data}, "a")
    if case.words:
        with pytest.raises(DrsnError) as caught:
            corpus_of(recipe)
        said = str(caught.value)
        assert re.search(case.words, said), said
        assert "\n" not in said
        assert caught.value.exit_code == 65
        return
    corpus = corpus_of(recipe)
    read = (*corpus.train, *corpus.validation, *corpus.test)
    assert len(read) == case.recordings
    assert re.search(case.note, "\n".join(corpus.notes)), corpus.notes
    truth = {(label, number): signal(label, number) for label in LABELS for number in range(EACH)}
    for (label, number), x in truth.items():
        assert any(
            one.label == label and one.samples.shape == (1, N) and np.allclose(one.samples[0], x, atol=1e-5)
            for one in read
        ), (label, number)
