"""Tables of the fields of pydantic models: settings, recipes and documents all have the same columns."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from drsn.agent.decision.voting import Quorum

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic.fields import FieldInfo

# The end of a name -> its unit; the first that fits.
_UNITS = (
    ("_mm_s", "mm/s"),
    ("_per_s", "1/s"),
    ("_per_sensor_year", "1/year"),
    ("_unix_ns", "ns"),
    ("_us", "µs"),
    ("_ms", "ms"),
    ("_mm", "mm"),
    ("_s", "s"),
    ("seconds", "s"),
    ("_hz", "Hz"),
    ("_db", "dB"),
    ("_deg", "°"),
    ("_hp", "hp"),
    ("_mb", "MB"),
    ("_bytes", "bytes"),
    ("_windows", "windows"),
    ("windows", "windows"),
    ("rpm", "1/min"),
)
_WORDS = {
    str: "text",
    float: "number",
    int: "whole number",
    bool: "`true` or `false`",
    Path: "path",
    Quorum: "quorum `N/M`",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; a bar in a cell is escaped."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def unit(name: str, kind: str = "number") -> str:
    """The unit that a field's name gives; nothing where it gives none, or where the field is not a number."""
    if "number" not in kind:
        return ""
    return next((unit for end, unit in _UNITS if name.endswith(end) or name == end.lstrip("_")), "")


def type_text(kind: Any, metadata: Iterable[Any] = ()) -> str:  # noqa: ANN401 (any annotation)
    """A type in words, with its least and greatest value: `number, 0 to 10`."""
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return type_text(inner, [*more, *metadata])
    return _plain(kind) + _limits(metadata)


def _plain(kind: Any) -> str:  # noqa: ANN401, PLR0911 (one return for each kind of type)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(type_text(part) for part in arguments if part is not NoneType))
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        inner = [part for part in arguments if part is not Ellipsis]
        if Ellipsis in arguments:
            return f"list of {type_text(inner[0])}"
        return f"{len(inner)} values: {type_text(inner[0])}"
    if origin is dict:
        return f"table of {type_text(arguments[1])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "table"
    return _WORDS.get(kind, getattr(kind, "__name__", "any"))


def _limits(metadata: Iterable[Any]) -> str:
    found: dict[str, Any] = {}
    for part in metadata:
        for name in ("ge", "gt", "le", "lt"):
            if (value := getattr(part, name, None)) is not None:
                found[name] = value
        found |= {name: value for part in getattr(part, "metadata", ()) for name, value in _limit_of(part)}
    least, above, most, below = (found.get(name) for name in ("ge", "gt", "le", "lt"))
    low = f"from {least:,g}" if least is not None else f"above {above:,g}" if above is not None else ""
    high = (
        f"to {_number(most)}" if most is not None and most < 2**60 else f"below {below:,g}" if below is not None else ""
    )
    words = [low, high]
    return ", " + " ".join(filter(None, words)) if any(words) else ""


def _number(value: float) -> str:
    return f"{value:,.10g}" if value != int(value) else f"{int(value):,}"


def _limit_of(part: object) -> list[tuple[str, Any]]:
    names = ("ge", "gt", "le", "lt")
    return [(name, value) for name in names if (value := getattr(part, name, None)) is not None]


def field_type(field: FieldInfo) -> str:
    """The type of a field in words."""
    return type_text(field.annotation, field.metadata)


def default_text(field: FieldInfo) -> str:
    """The default of a field, as TOML writes it."""
    value: Any = field.default
    if value is PydanticUndefined:
        return (
            "none"
            if field.default_factory in (dict, list, tuple)
            else "host name"
            if field.default_factory
            else "**required**"
        )
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, BaseModel):
        return ""
    return f"`{toml_value(value)}`"


def toml_value(value: Any) -> str:  # noqa: ANN401 (any value of a setting)
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return f'"{value.value}"'
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_value(part)}" for key, part in value.items()) + " }"
    return str(value) if isinstance(value, (int, float)) else f'"{value}"'


def sections_of(field: FieldInfo) -> list[type[BaseModel]]:
    """The models that a field can hold: a section, the elements of a list, or each of several kinds."""
    return [kind for kind in _parts(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]


def _parts(kind: Any) -> list[Any]:  # noqa: ANN401 (any annotation)
    arguments = get_args(kind)
    return [kind, *(part for argument in arguments for part in _parts(argument))]


def meaning(field: FieldInfo) -> str:
    """The description of a field."""
    return meaning_text(field.description or "")


def meaning_text(text: str) -> str:
    """A text of the code for a page in docs/reference/: a page that it names becomes a link."""

    def link(found: re.Match[str]) -> str:
        page = Path(found[1])
        near = page.name if page.parent.name == "reference" else f"../{page}"
        return f"[{page.stem}]({near})"

    parts = re.split(r"(`[^`]*`)", re.sub(r"docs/([\w/-]+\.md)", link, text))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def settings_rows(fields: Mapping[str, FieldInfo]) -> list[tuple[str, ...]]:
    """One row for each field: key, type, default, unit, meaning."""
    return [
        (f"`{name}`", field_type(field), default_text(field), unit(name, field_type(field)), meaning(field))
        for name, field in fields.items()
    ]


HEAD = ("key", "type", "default", "unit", "meaning")
