"""Places in a document: dotted paths (`data.values`), and JSONPath (RFC 9535): `vals[0].val`, `['a.b'].v`, `rows[*].x`.

The library `jsonpath` parses a JSONPath once. Names, indices and `*` are then followed here, because its own search
takes 9 µs for each value; filters, slices and `..` are left to it. A dotted path needs no library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jsonpath import JSONPath

EACH: Final = None
"""A part of a path that stands for each element of a list, or each value of a map: `*`."""

MAX_SHOWN_KEYS: Final = 5
"""Keys of a document that a message names."""

_JSONPATH: Final = re.compile(r"[\[$*?@]")
_BARE: Final = re.compile(r"[$\[.]")


class PathError(ValueError):
    """The text is no path."""


@dataclass(frozen=True, slots=True)
class DocumentPath:
    """A place in a document."""

    parts: tuple[str | int | None, ...] = ()
    """From the document to the place: keys, indices, or `EACH`."""
    query: JSONPath | None = None
    """What only the library can search; None: `parts` has it all."""

    def value_in(self, document: Any) -> Any:  # noqa: ANN401 (any value of the document)
        """The value there; None: the document has nothing there. Several places give the list of their values."""
        return _follow(document, self.parts) if self.query is None else _searched(document, self.query)


@cache
def document_path(text: str) -> DocumentPath:
    """Return the path that a text stands for; "" and "$" are the document itself.

    Raises:
        PathError: the text is no JSONPath.
    """
    if not text:
        return DocumentPath()
    if _JSONPATH.search(text) is None:
        return DocumentPath(tuple(text.split(".")))
    import jsonpath  # noqa: PLC0415 (90 ms of each start that needs no JSONPath)

    try:
        query = jsonpath.compile(text if _BARE.match(text) else f"$.{text}")
    except (jsonpath.JSONPathError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise PathError(f"{text[:80]!r} is not a JSONPath: {reason[:80]}") from None
    if not isinstance(query, jsonpath.JSONPath):
        raise PathError(f"{text[:80]!r} joins several JSONPaths; use one")
    parts = [_part(segment) for segment in query.segments]
    simple = [part for part in parts if not isinstance(part, _Library)]
    return DocumentPath(tuple(simple)) if len(simple) == len(parts) else DocumentPath(query=query)


def _searched(document: Any, query: JSONPath) -> Any:  # noqa: ANN401 (any value of the document)
    from jsonpath import JSONPathError  # noqa: PLC0415 (loaded when the query was made)

    if not isinstance(document, (dict, list)):
        return None
    try:
        return query.findall(document) or None
    except JSONPathError:  # a document nested too deep, or a filter that compares what can't be compared
        return None


class _Library:
    """Marks a part that only the library understands."""


def _part(segment: Any) -> str | int | _Library | None:  # noqa: ANN401 (the library's type has no common base)
    from jsonpath import segments, selectors  # noqa: PLC0415 (as above)

    if isinstance(segment, segments.JSONPathChildSegment) and len(segment.selectors) == 1:
        (selector,) = segment.selectors
        if isinstance(selector, selectors.NameSelector):
            return selector.name
        if isinstance(selector, selectors.IndexSelector):
            return selector.index
        if isinstance(selector, selectors.WildcardSelector):
            return EACH
    return _Library()


def _follow(document: Any, parts: Sequence[str | int | None]) -> Any:  # noqa: ANN401 (any value of the document)
    for at, part in enumerate(parts):
        if part is EACH:
            items = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
            found = [_follow(item, parts[at + 1 :]) for item in items]
            return None if not found or None in found[:1] else found
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list):
            document = _element(document, part)
        else:
            return None
    return document


def _element(values: list[Any], part: str | int) -> Any:  # noqa: ANN401 (any value of the document)
    """The element of a list; a dotted path may name it by its number: `vals.0.val`."""
    if isinstance(part, str):
        if not (part.isascii() and part.isdecimal() and len(part) < 10):
            return None
        part = int(part)
    return values[part] if -len(values) <= part < len(values) else None


def keys_shown(value: object, noun: str = "the document") -> str:
    """The first keys of a value of the document, for a message about what it lacks."""
    if not isinstance(value, dict):
        return f"{noun} is a {'list' if isinstance(value, list) else type(value).__name__}"
    keys = [ascii(key)[:24] for key in list(value)[:MAX_SHOWN_KEYS]]
    more = ", …" if len(value) > MAX_SHOWN_KEYS else ""
    return f"{noun} has {', '.join(keys)}{more}" if keys else f"{noun} is empty"
