"""`drsn-train look FILE…`: what would be read of each file, before anything is trained or replayed."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.model.data import manifest
from drsn.model.data.file_options import add_file_options, choice_of
from drsn.model.data.files import read_file
from drsn.model.data.formats import is_recording
from drsn.model.errors import EXIT_OK, BadDataError, DrsnError, Parser, StorageError, UsageError, printable
from drsn.model.first_recipe import first_recipe
from drsn.model.text_plot import level_line, spectrum_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.model.data.content import Choice
    from drsn.model.data.files import FileReading


LISTS = (manifest.NAME, manifest.LABELS_NAME)
"""Tables of a folder's recordings, which are CSV files too."""


def look_command(argv: list[str]) -> int:
    """Print channels, rate, length, RMS and small plots. The exit code is that of the first file that can't be read.

    Raises:
        BadDataError: a folder holds no recording.
    """
    arguments = _parser().parse_args(argv)
    choice, code, documents = choice_of(arguments), EXIT_OK, []
    if arguments.recipe is not None:
        return _write_recipe(arguments.files, arguments.recipe, choice)
    for path in _files(arguments.files):
        try:
            found = read_file(path, choice)
        except DrsnError as error:
            code = code or error.exit_code
            documents.append({"file": str(path), "error": printable(str(error))})
            print(f"drsn-train: {printable(str(error))}", file=sys.stderr)
            continue
        documents.append({"file": str(path), **_document(found)})
        if not arguments.json:
            print("\n".join(_lines(path, found)))
    if arguments.json:
        print(json.dumps({"files": documents}))
    elif code == EXIT_OK:
        print(f"next: {_next_command(argv, arguments.files)}")
    return code


def _next_command(argv: list[str], files: list[Path]) -> str:
    """The first recipe of a folder with the same options; a file goes to a broker."""
    if len(files) == 1 and files[0].is_dir():
        return shlex.join(["drsn-train", "look", *argv, "--recipe", "recipe.toml"])
    return shlex.join(["drsn-agent", "replay", *argv, "--broker", "mqtt://localhost"])


def _parser() -> Parser:
    parser = Parser(
        prog="drsn-train look",
        description="Shows what would be read of each file: format, channels, rate, length, RMS, level, spectrum.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a recording, or a folder of them")
    add_file_options(parser)
    parser.add_argument(
        "--recipe", type=Path, metavar="OUT.toml", help="write a commented first recipe for one folder LABEL/FILE"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _write_recipe(folders: list[Path], target: Path, choice: Choice) -> int:
    """Write a first recipe; a file that is there is kept."""
    if len(folders) != 1 or not folders[0].is_dir():
        raise UsageError("--recipe: give one folder, with a folder of recordings for each label")
    text = first_recipe(folders[0], choice, target.stem)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{target}: exists already; choose another name") from None
    except OSError as error:
        raise StorageError(f"{target}: {error.strerror or error}; check the folder") from None
    print(f"written to {target}; its comments name what to check")
    print(f"next: drsn-train {target}")
    return EXIT_OK


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = (each for each in sorted(path.rglob("*")) if each.name not in LISTS)
        found = [each for each in files if is_recording(each) and each.is_file()]
        if not found:
            raise BadDataError(f"{path}: no recordings below this folder; docs/reference/files.md has the formats")
        yield from (each for each in found if not each.name.startswith("."))


def _document(found: FileReading) -> dict[str, Any]:
    recording = found.recording
    ac = recording.samples - recording.samples.mean(axis=1, keepdims=True, dtype=np.float64)
    return {
        "format": found.format,
        "channels": len(recording.samples),
        "names": list(found.names),
        "sample_rate_hz": recording.sample_rate_hz,
        "samples": recording.n_samples,
        "seconds": recording.n_samples / recording.sample_rate_hz,
        "rpm": recording.rpm,
        "mean": recording.samples.mean(axis=1, dtype=np.float64).tolist(),
        "rms": np.sqrt(np.square(ac).mean(axis=1)).tolist(),
        "peak": np.abs(ac).max(axis=1).tolist(),
        "notes": list(found.notes),
    }


def _lines(path: Path, found: FileReading) -> Iterator[str]:
    document, recording = _document(found), found.recording
    rpm = f", {recording.rpm:g} rpm" if recording.rpm else ""
    channels = f"{document['channels']} channel{'s' * (document['channels'] > 1)}"
    yield f"{path}: {channels} at {recording.sample_rate_hz:g} Hz, {document['seconds']:.4g} s{rpm}"
    yield from (f"  {note}" for note in found.notes)
    for number, samples in enumerate(recording.samples):
        name = f" {printable(found.names[number])}" if found.names else ""
        rms, peak, mean = (document[key][number] for key in ("rms", "peak", "mean"))
        yield f"  channel {number}{name}: RMS {rms:.4g}, peak {peak:.4g} around a mean of {mean:.4g}"
        if not rms:
            yield "    constant: no vibration"
            continue
        yield f"    level over time           {level_line(samples)}"
        yield f"    spectrum, 0 to {recording.sample_rate_hz / 2000:>6.4g} kHz {spectrum_line(samples)}"
