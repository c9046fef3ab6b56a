"""What a document holds: places with many numbers (series), and single values. Paths are those of the settings."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.acquisition.codecs.sample_text import decoded, is_hex

MIN_NUMBERS: Final = 8
"""Numbers from which a list counts as samples; fewer are the values of one moment."""

MIN_TEXT_CHARS: Final = 64
"""Characters from which a text may hold samples: a UUID has 36, a hash 64 hex digits that never change."""

MIN_BYTES: Final = 32
MAX_NODES: Final = 20_000
MAX_DEPTH: Final = 12

Kind = Literal["list", "rows", "objects", "numbers", "hex", "base64", "bytes"]
Part = str | int | None
"""A key, an index, or each element."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Series:
    """A place with many numbers."""

    parts: tuple[Part, ...]
    kind: Kind
    shape: tuple[int, ...]
    """Of its numbers; of text and bytes, their length."""
    value: Any = field(compare=False, repr=False)

    @property
    def path(self) -> str:
        """As a setting."""
        return path_text(self.parts)

    @property
    def parent(self) -> tuple[Part, ...]:
        """Where its siblings are."""
        return self.parts[:-1]

    @property
    def key(self) -> str:
        """Its own name."""
        return str(self.parts[-1]) if self.parts else ""


@dataclass
class Found:
    """What one document holds."""

    series: dict[str, Series] = field(default_factory=dict)
    """Path -> series."""
    scalars: dict[str, Any] = field(default_factory=dict)
    """Path -> number or short text."""
    nodes: int = 0


def path_text(parts: tuple[Part, ...]) -> str:
    """A path as the settings have it: dotted, or a JSONPath where it needs one; "" is the document itself."""
    text = ""
    for part in parts:
        if isinstance(part, str) and _PLAIN.fullmatch(part):
            text += f".{part}" if text else part
        elif isinstance(part, str):
            quoted = part.replace("\\", "\\\\").replace("'", "\\'")
            text += f"['{quoted}']"
        else:
            text += f"[{'*' if part is None else part}]"
    return text


def searched(document: object) -> Found:
    """Search a document as its library parsed it."""
    found = Found()
    _search(document, (), found)
    return found


def _search(value: Any, parts: tuple[Part, ...], found: Found) -> None:  # noqa: ANN401 (any value of a document)
    found.nodes += 1
    if found.nodes > MAX_NODES or len(parts) > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str):
                _search(item, (*parts, key), found)
    elif (series := _series(value, parts)) is not None:
        found.series[series.path] = series
    elif isinstance(value, list):
        _search_list(value, parts, found)
    elif isinstance(value, (int, float, str, bool)) and parts:
        found.scalars[path_text(parts)] = value


def _search_list(values: list[Any], parts: tuple[Part, ...], found: Found) -> None:
    if len(values) < MIN_NUMBERS:
        for at, item in enumerate(values):
            _search(item, (*parts, at), found)
    elif all(isinstance(item, dict) for item in values):
        _add_columns(values, parts, found)


def _series(value: Any, parts: tuple[Part, ...]) -> Series | None:  # noqa: ANN401 (as above)
    if isinstance(value, np.ndarray):
        return Series(parts, "list" if value.ndim == 1 else "rows", value.shape, value)
    if isinstance(value, bytes):
        return Series(parts, "bytes", (len(value),), value) if len(value) >= MIN_BYTES else None
    if isinstance(value, str):
        return _text_series(value, parts)
    return _list_series(value, parts) if isinstance(value, list) and value else None


def _list_series(values: list[Any], parts: tuple[Part, ...]) -> Series | None:
    """Numbers in one list, or in lists of one length."""
    if len(values) >= MIN_NUMBERS and all(map(_is_number, values)):
        return Series(parts, "list", (len(values),), values)
    widths = {len(row) if isinstance(row, list) else 0 for row in values}
    if len(widths) > 1 or len(values) * max(widths) < MIN_NUMBERS:
        return None
    numbers = all(_is_number(item) for row in values for item in row)
    return Series(parts, "rows", (len(values), max(widths)), values) if numbers else None


def _text_series(text: str, parts: tuple[Part, ...]) -> Series | None:
    if len(text) < MIN_TEXT_CHARS:
        return None
    plain = re.sub(r"^0x|[\s:,-]|(?<=[\s,])0x", "", text, flags=re.IGNORECASE)
    if is_hex(plain):
        return Series(parts, "hex", (len(plain),), text)
    try:
        content = decoded(text, "auto")
    except PacketError:
        return None
    return Series(parts, "base64" if isinstance(content, bytes) else "numbers", (len(content),), text)


def _add_columns(rows: list[dict[str, Any]], parts: tuple[Part, ...], found: Found) -> None:
    """Objects for each moment: each number that all of them have is a series."""
    columns: list[Found] = []
    for row in rows:
        one = Found()
        _search(row, (), one)
        columns.append(one)
    for path, value in columns[0].scalars.items():
        if not _is_number(value) or not all(_is_number(each.scalars.get(path)) for each in columns):
            continue
        leaf = _parts_of(rows[0], path)
        if leaf is not None:
            series = Series((*parts, None, *leaf), "objects", (len(rows),), [each.scalars[path] for each in columns])
            found.series[series.path] = series
    for path, value in columns[0].scalars.items():  # the first moment's time, and what all have in common
        leaf = _parts_of(rows[0], path)
        if leaf is not None:
            found.scalars[path_text((*parts, 0, *leaf))] = value


def _parts_of(row: dict[str, Any], path: str) -> tuple[Part, ...] | None:
    """The parts of a path in one object, which is at most a few levels deep."""
    waiting: list[tuple[tuple[Part, ...], Any]] = [((), row)]
    while waiting:
        parts, value = waiting.pop()
        if parts and path_text(parts) == path:
            return parts
        if isinstance(value, dict) and len(parts) < MAX_DEPTH:
            waiting += [((*parts, key), item) for key, item in value.items() if isinstance(key, str)]
        elif isinstance(value, list) and len(value) < MIN_NUMBERS:
            waiting += [((*parts, at), item) for at, item in enumerate(value)]
    return None


def _is_number(value: object) -> bool:
    """Whether a value is a finite number, as itself or as text."""
    if isinstance(value, str) and len(value) <= 32 and "_" not in value:
        try:
            value = float(value)
        except ValueError:
            return False
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
