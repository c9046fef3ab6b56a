"""Names places in the settings: an entry of a list by its index and its topic, and the keys that could stand there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED_BY: Final = {"inputs": "topic", "sensors": "match"}
"""List of settings -> the key whose value names an entry."""

MAX_CHARS: Final = 80
"""Characters of that value in a message."""


def entry_name(section: str, index: int, value: object) -> str:
    """Return `inputs[3] (topic plant/+/raw)`, or `inputs[3]` if the entry has no such text."""
    key = NAMED_BY.get(section, "")
    return f"{section}[{index}] ({key} {value[:MAX_CHARS]})" if isinstance(value, str) else f"{section}[{index}]"


def place_name(loc: Sequence[int | str], settings: Mapping[str, object]) -> str:
    """Return the place of an error: `agent.id`, or `inputs[3] (topic plant/+/raw): codec`.

    Args:
        loc: keys and indices from the top of the settings.
        settings: as they were written, not validated.
    """
    section, index = (*loc, "", "")[:2]
    if not isinstance(section, str) or not isinstance(index, int):
        return ".".join(map(str, loc)) or "settings"
    entries = settings.get(section)
    entry = entries[index] if isinstance(entries, Sequence) and 0 <= index < len(entries) else None
    value = entry.get(NAMED_BY.get(section, "")) if isinstance(entry, Mapping) else None
    inner = ".".join(map(str, loc[2:]))
    return f"{entry_name(section, index, value)}: {inner}" if inner else entry_name(section, index, value)


def keys_beside(loc: Sequence[int | str], settings: type[BaseModel]) -> list[str]:
    """Return the keys that exist where `loc` ends; none if that is not known.

    Args:
        loc: keys and indices from the top of the settings.
        settings: the model of the top.
    """
    models: list[type[BaseModel]] = [settings]
    for part in loc[:-1]:
        if isinstance(part, str):
            fields = [model.model_fields[part] for model in models if part in model.model_fields]
            models = [model for field in fields for model in _models_in(field.annotation)]
    return [name for model in models for name in model.model_fields]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 (any type annotation)
    # In Python 3.10 `list[str]` is an instance of `type`, and `issubclass` refuses it.
    if get_origin(annotation) is None and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
