"""A manifest.csv: one line for each recording, for those who keep label, machine and speed in a table."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

from drsn.model.data.entry import SETS, RecordingEntry, group_of, label_name
from drsn.model.errors import BadDataError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "manifest.csv"
REQUIRED = ("file", "label")
COLUMNS = (*REQUIRED, "group", "set", "sample_rate_hz", "rpm", "load", "machine", "channel", "channels", "note")
"""Columns of a manifest. `note` is free text. An unknown column is an error: a misspelt `group` would cause a leak."""


def read_manifest(folder: Path, group_pattern: str | None = None) -> tuple[RecordingEntry, ...]:
    """Read the entries of `folder`/manifest.csv, in file order; comma or semicolon separates columns.

    `group_pattern` is for lines without a group.

    Raises:
        StorageError: it can't be read.
        BadDataError: a line is wrong; the message names it.
    """
    path = folder / NAME
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}; check the file and its permissions") from None
    except UnicodeDecodeError:
        raise BadDataError(f"{path}: not UTF-8; save it as CSV UTF-8") from None
    entries = tuple(_entry(folder, where, row, group_pattern) for where, row in _rows(path, text))
    if not entries:
        raise BadDataError(f"{path}: lists no recordings; give one a line, with {' and '.join(REQUIRED)}")
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})[:3]
        raise BadDataError(f"{path}: lists {', '.join(twice)} twice; keep one line of each")
    if len({entry.set is None for entry in entries}) > 1:
        raise BadDataError(f"{path}: some lines have a set and some have none; fill in all or none")
    return entries


def _rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each non-blank line by column, with its line number."""
    first = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(), delimiter=";" if ";" in first else ",", strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        unknown, missing = sorted({*header} - {*COLUMNS}), sorted({*REQUIRED} - {*header})
        if unknown or missing or len({*header}) < len(header):
            fault = f"has no column {missing[0]}" if missing else f"has columns {unknown or 'twice'}"
            raise BadDataError(f"{path}: {fault}; it may have {', '.join(COLUMNS)}, each once")
        for fields in reader:
            where = f"{path} line {reader.line_num}"
            if len(fields) > len(header):
                raise BadDataError(f"{where}: {len(fields)} values for {len(header)} columns; quote those with commas")
            row = dict(zip(header, (field.strip() for field in fields), strict=False))
            if any(row.values()):
                yield where, row
    except csv.Error as error:
        raise BadDataError(f"{path} line {reader.line_num}: {error}; mend its quotes") from None


def _entry(folder: Path, where: str, row: dict[str, str], group_pattern: str | None) -> RecordingEntry:
    if not row.get("file") or not row.get("label"):
        raise BadDataError(f"{where}: no file or no label; give both")
    file = row["file"].replace("\\", "/")
    channels = tuple(c.strip() for c in (row.get("channels") or row.get("channel") or "").split(";") if c.strip())
    of_set = next((name for name in SETS if name == row.get("set", "").lower()), None)
    if row.get("set") and of_set is None:
        raise BadDataError(f"{where}: set {row['set']!r} is not one of {', '.join(SETS)}; use one of them")
    return RecordingEntry(
        path=folder / file,
        name=f"{file}[{';'.join(channels)}]" if channels else file,
        label=label_name(row["label"]),
        group=row.get("group") or (group_of(file, file, group_pattern) if group_pattern else file),
        set=of_set,
        sample_rate_hz=_positive(where, "sample_rate_hz", row),
        rpm=_positive(where, "rpm", row),
        load=row.get("load", ""),
        machine=row.get("machine", ""),
        channels=channels,
    )


def _positive(where: str, name: str, row: dict[str, str]) -> float | None:
    if not row.get(name):
        return None
    try:
        value = float(row[name].replace(",", "."))
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise BadDataError(f"{where}: {name} {row[name]!r} is no number above 0; mend or empty it")
    return value
